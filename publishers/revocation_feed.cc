#include "publishers/revocation_feed.h"

#include <charconv>

#include "core/log.h"
#include "jobs/keys.h"
#include "publishers_scripts.h"

namespace deskwire::publishers {

namespace {

constexpr std::size_t kMaxStored = 100'000;
constexpr std::size_t kPage = 1000;
constexpr std::size_t kMaxActor = 64;
constexpr std::size_t kMaxReason = 500;

std::string stream_key() { return jobs::keys::prefix(0) + "revoked"; }

const redis::Script& revoke_script() {
  static const redis::Script script("revoke.lua", std::string(scripts::kRevokeLua));
  return script;
}

/// "1795255200000-0"; zeros for anything else.
std::pair<std::uint64_t, std::uint64_t> parse_id(std::string_view text) {
  std::pair<std::uint64_t, std::uint64_t> id;
  const char* const end = text.data() + text.size();
  const auto [dash, error] = std::from_chars(text.data(), end, id.first);
  if (error != std::errc() || dash == end) return {};
  std::from_chars(dash + 1, end, id.second);
  return id;
}

Revocation revocation_of(const redis::Reply& entry) {
  Revocation revocation;
  revocation.at_ms = static_cast<std::int64_t>(parse_id(entry.at(0).text).first);
  const redis::Reply& fields = entry.at(1);
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    const std::string& name = fields.items[i].text;
    const redis::Reply& value = fields.items[i + 1];
    if (name == "client") revocation.client_id = value.text;
    if (name == "until") revocation.issued_until_ms = value.as_integer();
    if (name == "kept") revocation.kept_until_ms = value.as_integer();
    if (name == "actor") revocation.actor = value.text;
    if (name == "reason") revocation.reason = value.text;
  }
  return revocation;
}

}  // namespace

Status store_revocation(redis::Client& client, const Revocation& revocation, Milliseconds life) {
  const auto stored =
      client.run(revoke_script(), {stream_key()},
                 {std::to_string(life.count()), std::to_string(kMaxStored), revocation.client_id,
                  std::to_string(revocation.issued_until_ms), revocation.actor.substr(0, kMaxActor),
                  revocation.reason.substr(0, kMaxReason)});
  if (!stored) return fail(Error(stored.error()).prefixed("revoke"));
  if (stored->as_integer() == 1) return {};
  return fail(ErrorCode::kFull,
              "revoke: 100000 revocations are in force; revoke by time instead (issued before)");
}

Result<std::vector<Revocation>> list_revocations(redis::Client& client, std::size_t limit) {
  const auto reply =
      client.call({"XREVRANGE", stream_key(), "+", "-", "COUNT", std::to_string(limit)});
  if (!reply) return fail(Error(reply.error()).prefixed("list revocations"));
  const auto time = client.call({"TIME"});
  if (!time) return fail(Error(time.error()).prefixed("list revocations"));
  const std::int64_t now_ms = time->at(0).as_integer() * 1000;
  std::vector<Revocation> revocations;
  for (const redis::Reply& entry : reply->items) {
    Revocation one = revocation_of(entry);
    if (one.kept_until_ms > now_ms) revocations.push_back(std::move(one));
  }
  return revocations;
}

RevocationFeed::RevocationFeed(redis::Client& client, Revocations& revocations, const Clock& clock,
                               Milliseconds period, std::function<void()> changed)
    : client_(client),
      revocations_(revocations),
      clock_(clock),
      period_(period),
      changed_(std::move(changed)) {}

void RevocationFeed::start(net::Loop& loop) {
  loop_ = &loop;
  gate_ = std::make_shared<LoopGate>(loop);
  gate_->post([self = shared_from_this()] { self->look(); });
}

void RevocationFeed::stop() {
  if (gate_) gate_->close();
}

// The newest entry tells whether there is anything new. What Redis has lost in a failover stays in
// force here: an id that went back only makes us read everything again.
void RevocationFeed::look() {
  client_.submit({"XREVRANGE", stream_key(), "+", "-", "COUNT", "1"},
                 LoopGate::returning<Result<redis::Reply>>(
                     gate_, [self = shared_from_this()](const Result<redis::Reply>& reply) {
                       self->on_newest(reply);
                     }));
}

void RevocationFeed::on_newest(const Result<redis::Reply>& reply) {
  if (!reply || reply->items.empty()) return look_again();
  const std::string& text = reply->at(0).at(0).text;
  const Id id = parse_id(text);
  if (id == newest_) return look_again();
  if (id < newest_) newest_ = {};
  read_from(newest_ == Id()
                ? "-"
                : "(" + std::to_string(newest_.first) + "-" + std::to_string(newest_.second));
}

void RevocationFeed::read_from(std::string first) {
  client_.submit({"XRANGE", stream_key(), std::move(first), "+", "COUNT", std::to_string(kPage)},
                 LoopGate::returning<Result<redis::Reply>>(
                     gate_, [self = shared_from_this()](const Result<redis::Reply>& reply) {
                       self->on_page(reply);
                     }));
}

void RevocationFeed::on_page(const Result<redis::Reply>& reply) {
  if (!reply) return look_again();
  for (const redis::Reply& entry : reply->items) {
    const Revocation one = revocation_of(entry);
    revocations_.add(one.client_id, one.issued_until_ms, one.kept_until_ms);
    newest_ = parse_id(entry.at(0).text);
  }
  if (reply->items.size() == kPage) {
    return read_from("(" + std::to_string(newest_.first) + "-" + std::to_string(newest_.second));
  }
  revocations_.forget_older(clock_.wall_ms());
  log::info("revocations_taken_in", {{"count", std::uint64_t{reply->items.size()}}});
  changed_();
  look_again();
}

void RevocationFeed::look_again() {
  timer_ = loop_->after(period_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->look();
  });
}

}  // namespace deskwire::publishers
