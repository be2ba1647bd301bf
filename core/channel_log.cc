#include "core/channel_log.h"

#include <algorithm>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "core_scripts.h"

namespace deskwire {
namespace {

using redis::Reply;
using redis::Script;

constexpr std::string_view kTopicPrefix = "dw:ev:";
/// 40 bits: enough, since an epoch is compared only with earlier ones of the same channel.
constexpr std::size_t kEpochBytes = 5;

const Script& append_script() {
  static const Script script("append.lua", {ChannelLog::lua_prefix()}, core_scripts::kAppendLua);
  return script;
}
const Script& read_after_script() {
  static const Script script("read_after.lua",
                             {ChannelLog::lua_prefix(), core_scripts::kReadPageLua},
                             core_scripts::kReadAfterLua);
  return script;
}
const Script& history_script() {
  static const Script script("history.lua", {core_scripts::kReadPageLua},
                             core_scripts::kHistoryLua);
  return script;
}

/// Fresh for each call: an epoch given twice would make a lost log look like the old one.
std::string random_epoch() { return base32_encode(random_bytes(kEpochBytes)); }

std::vector<std::string> shard_key(std::string_view channel) {
  return {"dw:{" + std::to_string(shard_of_channel(channel)) + "}:"};
}

tl::unexpected<Error> corrupt(std::string_view script) {
  return fail(ErrorCode::kCorrupt, "redis " + std::string(script) + ": answer of another shape");
}

Result<ChannelLog::Appended> appended_from(Result<Reply> reply) {
  if (!reply) return fail(std::move(reply.error()));
  const std::int64_t offset = reply->at(0).as_integer(-1);
  if (offset < 0 || reply->items.size() != 3) return corrupt("append.lua");
  ChannelLog::Appended appended;
  appended.position = {reply->at(1).as_string(), static_cast<std::uint64_t>(offset)};
  appended.duplicate = reply->at(2).as_integer() == 1;
  return appended;
}

/// What is not kept has no position and needs no script: its envelope is published as it is.
redis::Command publication_of(const Event& event) {
  return {"PUBLISH", ChannelLog::topic_of(event.channel),
          R"({"channel":")" + event.channel + R"(",)" + encode_envelope_tail(event)};
}

Result<ChannelLog::Appended> published_from(Result<Reply> reply) {
  if (!reply) return fail(std::move(reply.error()));
  return ChannelLog::Appended{};
}

/// Reads {offset, event id, envelope, ...}.
bool take_entries(Reply flat, std::vector<ChannelLogPage::Entry>& entries) {
  if (flat.items.size() % 3 != 0) return false;
  entries.reserve(flat.items.size() / 3);
  for (std::size_t i = 0; i < flat.items.size(); i += 3) {
    const std::int64_t offset = flat.items[i].as_integer(-1);
    if (offset < 0) return false;
    entries.push_back({static_cast<std::uint64_t>(offset), std::move(flat.items[i + 2].text),
                       std::move(flat.items[i + 1].text)});
  }
  return true;
}

/// The parts that both reading scripts answer in the same form.
Result<ChannelLogPage> page_from(Reply& reply, std::string_view script, const Reply& more,
                                 std::size_t entries_at) {
  ChannelLogPage page;
  const std::int64_t top = reply.at(1).as_integer(-1);
  if (top < 0 || reply.items.size() != entries_at + 1) return corrupt(script);
  page.top = {reply.at(0).as_string(), static_cast<std::uint64_t>(top)};
  page.more = more.as_integer() == 1;
  if (!take_entries(std::move(reply.items[entries_at]), page.entries)) return corrupt(script);
  return page;
}

}  // namespace

std::string ChannelLogLimits::sizes() const {
  return std::to_string(max_events) + ":" + std::to_string(max_bytes);
}

ChannelLog::ChannelLog(redis::Client& client, ChannelLogLimits limits)
    : client_(client), limits_(limits) {}

void ChannelLog::append(const Event& event, std::function<void(Result<Appended>)> done) {
  if (!event.kept() && !event.once) {
    return client_.submit(publication_of(event), [done = std::move(done)](Result<Reply> reply) {
      done(published_from(std::move(reply)));
    });
  }
  std::vector<std::string> args;
  append_args(args, {event}, limits_);
  client_.submit(
      append_script(), shard_key(event.channel), std::move(args),
      [done = std::move(done)](Result<Reply> reply) { done(appended_from(std::move(reply))); });
}

Result<ChannelLog::Appended> ChannelLog::append(const Event& event) {
  if (!event.kept() && !event.once) return published_from(client_.call(publication_of(event)));
  std::vector<std::string> args;
  append_args(args, {event}, limits_);
  return appended_from(client_.run(append_script(), shard_key(event.channel), std::move(args)));
}

void ChannelLog::read_after(std::string channel, std::optional<StreamPosition> from,
                            std::size_t limit, std::function<void(Result<ChannelLogPage>)> done) {
  auto key = shard_key(channel);
  client_.submit(read_after_script(), std::move(key),
                 {std::move(channel), random_epoch(), std::to_string(limits_.max_age_s),
                  from ? from->epoch : std::string(), std::to_string(from ? from->offset : 0),
                  std::to_string(limit), std::to_string(kMaxPageBytes)},
                 [done = std::move(done)](Result<Reply> reply) {
                   if (!reply) return done(fail(std::move(reply.error())));
                   const bool recovered = reply->at(2).as_integer() == 1;
                   auto page = page_from(*reply, "read_after.lua", reply->at(3), 4);
                   if (page) page->recovered = recovered;
                   done(std::move(page));
                 });
}

void ChannelLog::history(std::string channel, const LogRange& range,
                         std::function<void(Result<ChannelLogPage>)> done) {
  auto key = shard_key(channel);
  const bool forward = range.after.has_value();
  const std::optional<std::uint64_t>& bound = forward ? range.after : range.before;
  client_.submit(
      history_script(), std::move(key),
      {std::move(channel), forward ? "after" : "before", bound ? std::to_string(*bound) : "",
       std::to_string(range.limit), std::to_string(kMaxPageBytes)},
      [forward, done = std::move(done)](Result<Reply> reply) {
        if (!reply) return done(fail(std::move(reply.error())));
        auto page = page_from(*reply, "history.lua", reply->at(2), 3);
        if (page && !forward) std::reverse(page->entries.begin(), page->entries.end());
        done(std::move(page));
      });
}

std::string ChannelLog::topic_of(std::string_view channel) {
  return std::string(kTopicPrefix).append(channel);
}

std::string_view ChannelLog::channel_of(std::string_view topic) {
  return topic.starts_with(kTopicPrefix) ? topic.substr(kTopicPrefix.size()) : std::string_view();
}

const std::string& ChannelLog::lua_prefix() {
  static const std::string prefix = time_prefix() + std::string(core_scripts::kChannelLogLua);
  return prefix;
}

const std::string& ChannelLog::time_prefix() {
  static const std::string prefix(core_scripts::kServerTimeLua);
  return prefix;
}

void ChannelLog::append_args(std::vector<std::string>& args, const std::vector<Event>& events,
                             const ChannelLogLimits& limits) {
  args.push_back(std::to_string(events.size()));
  if (events.empty()) return;
  args.reserve(args.size() + 3 + 5 * events.size());
  args.push_back(random_epoch());
  args.push_back(limits.sizes());
  args.push_back(std::to_string(limits.max_age_s));
  for (const Event& event : events) {
    args.push_back(event.channel);
    args.push_back(event.id);
    args.emplace_back(event.kept() ? "1" : "0");
    args.emplace_back(event.once ? "1" : "0");
    args.push_back(encode_envelope_tail(event));
  }
}

}  // namespace deskwire
