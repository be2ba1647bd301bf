#include "jobs/clock_store.h"

#include <array>
#include <charconv>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "jobs/keys.h"
#include "jobs/redis_scripts.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

constexpr std::int64_t kKeptSeconds = 90LL * 86400;  // As long as the facts.
constexpr std::int64_t kAlertSeconds = 30LL * 86400;
constexpr std::int64_t kMostFacts = 10000;
constexpr std::int64_t kScanBite = 1000;
constexpr std::int64_t kWatchedBite = 200;
constexpr std::int64_t kOverdueMs = 60000;
constexpr std::size_t kRelayBite = 100;
constexpr std::string_view kMarkPrefix = "a:";

tl::unexpected<Error> corrupt(const char* script) {
  return fail(ErrorCode::kCorrupt, std::string("redis ") + script + ": answer of another shape");
}

std::map<std::string, std::string> pairs_of(const Reply& flat) {
  std::map<std::string, std::string> pairs;
  for (std::size_t i = 0; i + 1 < flat.items.size(); i += 2) {
    pairs[flat.items[i].text] = flat.items[i + 1].text;
  }
  return pairs;
}

/// Reads HGETALL of clk.
void take_fields(const Reply& flat, StoredClocks& into) {
  for (auto& [name, value] : pairs_of(flat)) {
    if (name == "g") {
      std::from_chars(value.data(), value.data() + value.size(), into.generation);
    } else if (name == "s") {
      into.clocks = value;
    } else if (name.starts_with(kMarkPrefix)) {
      into.marks[name.substr(kMarkPrefix.size())] = value;
    }
  }
}

StoredClocks conversation_of(const Reply& entry) {
  StoredClocks stored;
  stored.lane = entry.at(0).text;
  take_fields(entry.at(1), stored);
  stored.told = pairs_of(entry.at(2));
  for (const Reply& fact : entry.at(3).items) {
    const std::string& id = fact.at(0).text;
    if (stored.newest_fact.empty()) stored.newest_fact = id;
    std::int64_t at_ms = 0;
    std::from_chars(id.data(), id.data() + id.size(), at_ms);
    stored.facts.emplace_back(at_ms, fact.at(1).at(1).text);
  }
  return stored;
}

void append_list(std::vector<std::string>& args, const std::vector<std::string>& list) {
  args.push_back(std::to_string(list.size()));
  args.insert(args.end(), list.begin(), list.end());
}

void append_event(std::vector<std::string>& args, const ClockEvent& event) {
  args.insert(args.end(), {event.id, event.note, event.alert, std::to_string(kAlertSeconds)});
  append_list(args, event.channels);
  append_list(args, event.globals);
  args.push_back(event.event.id);
  args.push_back(encode_envelope_tail(event.event));
  args.push_back(event.event.id + '\n' + event.event.name + '\n' +
                 std::to_string(event.event.timestamp) + '\n' + event.event.data);
}

std::vector<std::string> marks_as_fields(const std::vector<std::string>& marks) {
  std::vector<std::string> fields;
  fields.reserve(marks.size());
  for (const std::string& mark : marks) fields.push_back(std::string(kMarkPrefix) + mark);
  return fields;
}

/// "<channel>\n<id>\n<name>\n<timestamp>\n<data>"; nullopt for foreign data.
std::optional<Event> outgoing_event(std::string_view entry) {
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    const std::size_t end = entry.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    part = entry.substr(0, end);
    entry.remove_prefix(end + 1);
  }
  Event event;
  event.channel = parts[0];
  event.id = parts[1];
  event.name = parts[2];
  std::from_chars(parts[3].data(), parts[3].data() + parts[3].size(), event.timestamp);
  event.data = entry;
  event.once = true;
  return event;
}

}  // namespace

void ClockStore::take(int shard, std::size_t most, Milliseconds claim,
                      std::function<void(Result<DueClocks>)> done) {
  client_.submit(scripts::clock_take(), scripts::keys_of(shard),
                 {std::to_string(most), std::to_string(claim.count()), std::to_string(kMostFacts)},
                 [done = std::move(done)](Result<Reply> reply) {
                   if (!reply) return done(fail(std::move(reply.error())));
                   if (reply->items.size() < 3) return done(corrupt("clock_take.lua"));
                   DueClocks due;
                   due.now_ms = reply->at(0).as_integer();
                   due.next_due_ms = reply->at(1).as_integer();
                   due.outgoing = reply->at(2).as_integer();
                   for (std::size_t i = 3; i < reply->items.size(); ++i) {
                     due.conversations.push_back(conversation_of(reply->items[i]));
                   }
                   done(std::move(due));
                 });
}

void ClockStore::apply(const ClockUpdate& update, std::function<void(Result<ClockOutcome>)> done) {
  std::vector<std::string> args{update.lane,
                                std::to_string(update.generation),
                                update.newest_fact,
                                update.clocks,
                                std::to_string(update.due_ms),
                                update.open ? "1" : "0",
                                std::to_string(kKeptSeconds)};
  scripts::append_log_limits(args, log_);
  append_list(args, update.forget_told);
  append_list(args, marks_as_fields(update.forget_marks));
  args.push_back(std::to_string(update.notes.size()));
  for (const auto& [id, note] : update.notes) args.insert(args.end(), {id, note});
  args.push_back(std::to_string(update.events.size()));
  for (const ClockEvent& event : update.events) append_event(args, event);
  client_.submit(scripts::clock_apply(), scripts::keys_of(shard_of_lane(update.lane)),
                 std::move(args), [done = std::move(done)](Result<Reply> reply) {
                   if (!reply) return done(fail(std::move(reply.error())));
                   if (reply->items.size() != 5) return done(corrupt("clock_apply.lua"));
                   ClockOutcome outcome;
                   outcome.stale = reply->at(0).text == "stale";
                   outcome.now_ms = reply->at(1).as_integer();
                   outcome.next_due_ms = reply->at(2).as_integer();
                   outcome.told = reply->at(3).as_integer();
                   outcome.outgoing = reply->at(4).as_integer();
                   done(outcome);
                 });
}

Status ClockStore::mark(const std::string& lane, std::int64_t generation, const std::string& field,
                        const std::string& value, const ClockEvent& event) {
  std::vector<std::string> args{lane, std::to_string(generation), std::string(kMarkPrefix) + field,
                                value};
  scripts::append_log_limits(args, log_);
  append_event(args, event);
  const auto reply =
      client_.run(scripts::clock_mark(), scripts::keys_of(shard_of_lane(lane)), std::move(args));
  if (!reply) return fail(reply.error());
  if (reply->at(0).text == "ok") return {};
  return fail(ErrorCode::kConflict, "mark alert of " + lane + ": its clocks have just changed");
}

Result<std::int64_t> ClockStore::server_now() {
  const auto time = client_.call({"TIME"});
  if (!time) return fail(time.error());
  return time->at(0).as_integer() * 1000 + time->at(1).as_integer() / 1000;
}

Result<StoredAlert> ClockStore::alert(const std::string& event_id) {
  // The id does not say which conversation it is about, and so not in which shard it lies.
  std::vector<std::future<Result<Reply>>> answers;
  for (int shard = 0; shard < kShardCount; ++shard) {
    auto promise = std::make_shared<std::promise<Result<Reply>>>();
    answers.push_back(promise->get_future());
    client_.submit({"GET", keys::alert(shard, event_id)},
                   [promise](Result<Reply> reply) { promise->set_value(std::move(reply)); });
  }
  std::optional<Error> error;
  std::optional<StoredAlert> found;
  for (auto& answer : answers) {
    auto reply = answer.get();
    if (!reply) {
      error = std::move(reply.error());
    } else if (!reply->is_nil()) {
      const auto stored = parse_json(reply->text);
      if (stored) found = StoredAlert{string_at(*stored, "lane"), reply->text};
    }
  }
  if (found) return std::move(*found);
  if (error) return fail(std::move(*error));
  return fail(ErrorCode::kNotFound, "alert " + event_id + ": there is none of this id");
}

Result<StoredClocks> ClockStore::read(const std::string& lane) {
  const auto reply = client_.call({"HGETALL", keys::clocks(lane)});
  if (!reply) return fail(reply.error());
  StoredClocks stored;
  stored.lane = lane;
  take_fields(*reply, stored);
  return stored;
}

Result<std::vector<StoredClocks>> ClockStore::list(std::size_t most) {
  std::map<std::string, StoredClocks> found;  // A scan may show one twice.
  for (int shard = 0; shard < kShardCount; ++shard) {
    std::string cursor = "0";
    do {
      const auto reply = client_.run(scripts::clock_list(), scripts::keys_of(shard),
                                     {cursor, std::to_string(kWatchedBite)});
      if (!reply) return fail(reply.error());
      if (reply->items.size() < 2) return corrupt("clock_list.lua");
      cursor = reply->at(0).as_string();
      for (std::size_t i = 2; i < reply->items.size() && found.size() < most; ++i) {
        StoredClocks stored;
        stored.lane = reply->items[i].at(0).text;
        take_fields(reply->items[i].at(1), stored);
        found[stored.lane] = std::move(stored);
      }
    } while (cursor != "0" && found.size() < most);
  }
  std::vector<StoredClocks> list;
  list.reserve(found.size());
  for (auto& [lane, stored] : found) list.push_back(std::move(stored));
  return list;
}

Result<ClockStore::Restored> ClockStore::restore(int shard, bool all) {
  Restored sum;
  std::string cursor = "0";
  do {
    const auto reply = client_.run(
        scripts::clock_restore(), scripts::keys_of(shard),
        {cursor, std::to_string(kWatchedBite), all ? "1" : "0", std::to_string(kOverdueMs)});
    if (!reply) return fail(reply.error());
    if (reply->items.size() != 4) return corrupt("clock_restore.lua");
    cursor = reply->at(0).as_string();
    sum.looked_at += reply->at(1).as_integer();
    sum.restored += reply->at(2).as_integer();
    sum.overdue += reply->at(3).as_integer();
  } while (cursor != "0");
  return sum;
}

Status ClockStore::adopt() {
  constexpr std::string_view kFacts = "facts:";
  std::string cursor = "0";
  do {
    const auto page = client_.call(
        {"SCAN", cursor, "MATCH", "dw:{*}:facts:*", "COUNT", std::to_string(kScanBite)});
    if (!page) return fail(page.error());
    cursor = page->at(0).as_string();
    std::map<int, std::vector<std::string>> lanes;
    for (const Reply& key : page->at(1).items) {
      const int shard = keys::shard_of(key.text);
      const std::size_t at = key.text.find(kFacts);
      if (shard >= 0 && at != std::string::npos) {
        lanes[shard].push_back(key.text.substr(at + kFacts.size()));
      }
    }
    for (auto& [shard, list] : lanes) {
      const auto done =
          client_.run(scripts::clock_adopt(), scripts::keys_of(shard), std::move(list));
      if (!done) return fail(done.error());
    }
  } while (cursor != "0");
  return {};
}

/// One bite of the list on its way. Callbacks all run on the connection's thread, or all within
/// submit() where there is no connection, so that the count needs no lock.
struct ClockStore::Relay : std::enable_shared_from_this<ClockStore::Relay> {
  redis::Client& client;
  std::string list;
  std::function<void(Result<bool>)> done;
  std::size_t left = 1;
  bool more = false;
  Status status;

  Relay(redis::Client& client_in, std::string list_in, std::function<void(Result<bool>)> done_in)
      : client(client_in), list(std::move(list_in)), done(std::move(done_in)) {}

  void finish(Status one) {
    if (!one) status = std::move(one);
    if (--left > 0) return;
    done(status ? Result<bool>(more) : fail(std::move(status.error())));
  }

  void remove(const std::string& entry) {
    client.submit({"LREM", list, "1", entry}, [self = shared_from_this()](Result<Reply> removed) {
      self->finish(removed ? Status() : fail(std::move(removed.error())));
    });
  }

  void bring(const std::string& entry, ChannelLog& log) {
    ++left;
    const auto event = outgoing_event(entry);
    if (!event) return remove(entry);
    log.append(*event, [self = shared_from_this(), entry](Result<ChannelLog::Appended> appended) {
      if (appended) return self->remove(entry);
      self->finish(fail(std::move(appended.error())));
    });
  }
};

void ClockStore::relay(int shard, ChannelLog& log, std::function<void(Result<bool>)> done) {
  auto relay = std::make_shared<Relay>(client_, keys::outgoing(shard), std::move(done));
  client_.submit({"LRANGE", relay->list, "0", std::to_string(kRelayBite - 1)},
                 [relay, &log](Result<Reply> reply) {
                   if (!reply) return relay->finish(fail(std::move(reply.error())));
                   relay->more = reply->items.size() == kRelayBite;
                   for (const Reply& entry : reply->items) relay->bring(entry.text, log);
                   relay->finish({});
                 });
}

}  // namespace deskwire::jobs
