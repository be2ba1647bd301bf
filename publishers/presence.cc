#include "publishers/presence.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/mutex.h"
#include "publishers_scripts.h"

namespace deskwire::publishers {

namespace {

/// Entries renewed by one call of the script.
constexpr std::size_t kRenewedAtOnce = 200;

const redis::Script& presence_script() {
  static const redis::Script script("presence.lua", std::string(scripts::kPresenceLua));
  return script;
}

/// The envelope of contract §2, laid out as encode_envelope_tail does, with places for the script.
std::string envelope_template(std::string_view channel, std::string_view last_seen) {
  std::string text = R"({"channel":)" + json_quote(channel);
  text += R"(,"id":"@id@","event":"@event@","clientId":@client@,"timestamp":@now@,)";
  text += R"("data":{"clientId":@client@,"data":@data@,)";
  text.append(last_seen).append(R"("timestamp":@now@}})");
  return text;
}

}  // namespace

/// What this process has to keep alive. Shared with callbacks, which may outlive the owner.
struct Presence::Entered {
  using Entry = std::pair<std::string, std::string>;  // Session and client id.

  void add(const std::string& channel, const Entry& entry, const std::string& data) {
    const MutexLock lock(mutex);
    entries[channel][entry] = data;
  }
  void remove(const std::string& channel, const Entry& entry) {
    const MutexLock lock(mutex);
    const auto found = entries.find(channel);
    if (found == entries.end()) return;
    found->second.erase(entry);
    if (found->second.empty()) entries.erase(found);
  }
  void watch(const std::string& channel, bool wanted) {
    const MutexLock lock(mutex);
    if (wanted) {
      watched.insert(channel);
    } else {
      watched.erase(channel);
    }
  }

  Mutex mutex;
  std::map<std::string, std::map<Entry, std::string>> entries DW_GUARDED_BY(mutex);
  std::set<std::string> watched DW_GUARDED_BY(mutex);
};

Presence::Presence(redis::Client& client, Milliseconds ttl)
    : client_(client), ttl_(ttl), entered_(std::make_shared<Entered>()) {}

void Presence::sign_of_life(int shard) {
  const std::string prefix = "dw:{" + std::to_string(shard) + "}:";
  client_.submit(presence_script(), {prefix}, {"", std::to_string(ttl_.count()), "0", "", "", "0"},
                 [](const Result<redis::Reply>&) {});
}

void Presence::run(const std::string& channel, std::vector<std::string> changes, std::size_t listed,
                   std::function<void(Result<redis::Reply>)> done) {
  std::vector<std::string> args = {channel,
                                   std::to_string(ttl_.count()),
                                   std::to_string(listed),
                                   envelope_template(channel, {}),
                                   envelope_template(channel, R"("lastSeen":@now@,)"),
                                   std::to_string(changes.size() / 4)};
  args.insert(args.end(), std::make_move_iterator(changes.begin()),
              std::make_move_iterator(changes.end()));
  const std::string prefix = "dw:{" + std::to_string(shard_of_channel(channel)) + "}:";
  client_.submit(presence_script(), {prefix}, std::move(args), std::move(done));
}

void Presence::enter(const std::string& channel, const std::string& session,
                     const std::string& client_id, const std::string& data, bool update,
                     std::function<void(Status)> done) {
  const Entered::Entry entry(session, client_id);
  entered_->add(channel, entry, data);
  run(channel, {update ? "update" : "enter", client_id, session, data}, 0,
      [entered = entered_, channel, entry,
       done = std::move(done)](const Result<redis::Reply>& reply) {
        if (!reply) entered->remove(channel, entry);
        done(reply ? Status() : fail(reply.error()));
      });
}

void Presence::leave(const std::string& channel, const std::string& session,
                     const std::string& client_id, std::function<void(Status)> done) {
  entered_->remove(channel, Entered::Entry(session, client_id));
  run(channel, {"leave", client_id, session, ""}, 0,
      [done = std::move(done)](const Result<redis::Reply>& reply) {
        done(reply ? Status() : fail(reply.error()));
      });
}

void Presence::list(const std::string& channel, std::function<void(Result<Members>)> done) {
  run(channel, {}, kMaxListed, [done = std::move(done)](const Result<redis::Reply>& reply) {
    if (!reply) {
      done(fail(reply.error()));
      return;
    }
    Members members;
    for (std::size_t i = 1; i + 1 < reply->items.size(); i += 2) {
      members.push_back(Member{reply->at(i).as_string(), reply->at(i + 1).as_string()});
    }
    std::sort(members.begin(), members.end(),
              [](const Member& a, const Member& b) { return a.client_id < b.client_id; });
    done(std::move(members));
  });
}

void Presence::watch(const std::string& channel, bool wanted) { entered_->watch(channel, wanted); }

void Presence::renew_own() {
  const auto ignore = [](const Result<redis::Reply>&) {};
  // Sent under the lock: a renewal must not overtake the leave of the same entry.
  const MutexLock lock(entered_->mutex);
  for (const auto& [channel, entries] : entered_->entries) {
    std::vector<std::string> changes;
    for (const auto& [entry, data] : entries) {
      changes.insert(changes.end(), {"renew", entry.second, entry.first, data});
      if (changes.size() == 4 * kRenewedAtOnce) run(channel, std::exchange(changes, {}), 0, ignore);
    }
    if (!changes.empty()) run(channel, std::move(changes), 0, ignore);
  }
}

void Presence::beat() {
  // Renewals first: they are what an outage has kept others from seeing.
  renew_own();
  for (int shard = 0; shard < kShardCount; ++shard) sign_of_life(shard);
  std::set<std::string> watched;
  {
    const MutexLock lock(entered_->mutex);
    watched = entered_->watched;
  }
  for (const std::string& channel : watched) {
    run(channel, {}, 0, [entered = entered_, channel](const Result<redis::Reply>& reply) {
      // Nobody is left; the next presence:enter makes us watch again.
      if (reply && reply->at(0).as_integer() == 0) entered->watch(channel, false);
    });
  }
}

}  // namespace deskwire::publishers
