#include "tests/support/lane_check.h"

#include <cstdlib>
#include <iostream>
#include <map>

#include "core/ids.h"

namespace deskwire::testing {
namespace {

using redis::Reply;

class ShardCheck {
 public:
  ShardCheck(redis::Client& client, int shard, std::vector<std::string>& violations)
      : client_(client), prefix_("dw:{" + std::to_string(shard) + "}:"), violations_(violations) {}

  void run() {
    for (const std::string& key : keys("j:")) {
      states_[key] = ask({"HGET", prefix_ + "j:" + key, "s"}).as_string();
    }
    place("ready", "LRANGE", "", {"a"});
    place("lease", "ZRANGE", "", {"r"});
    place("timers", "ZRANGE", "r:", {"s", "t"});
    place("parked", "ZRANGE", "", {"a", "s", "t"});
    check_lanes();
    check_counters();
  }

 private:
  Reply ask(redis::Command command) {
    auto reply = client_.call(std::move(command));
    if (!reply) {
      std::cerr << "lane check: " << reply.error().message << "\n";
      std::abort();
    }
    return std::move(*reply);
  }
  std::vector<std::string> keys(const std::string& kind) {
    std::vector<std::string> names;
    for (const Reply& key : ask({"KEYS", prefix_ + kind + "*"}).items) {
      names.push_back(key.text.substr(prefix_.size() + kind.size()));
    }
    return names;
  }
  void place(const std::string& name, const std::string& command, const std::string& mark,
             const std::vector<std::string>& states) {
    for (const Reply& member : ask({command, prefix_ + name, "0", "-1"}).items) {
      const std::string lane = member.text.substr(mark.size());
      places_[lane].push_back(name);
      const std::string head = ask({"LINDEX", prefix_ + "l:" + lane, "0"}).as_string();
      bool fits = false;
      for (const std::string& state : states) fits = fits || states_[head] == state;
      if (!fits) say("lane " + lane + " in " + name + " has a head in state " + states_[head]);
    }
  }
  void check_lanes() {
    std::map<std::string, int> seen;
    for (const std::string& lane : keys("l:")) {
      if (places_[lane].size() != 1) {
        say("lane " + lane + " is in " + std::to_string(places_[lane].size()) + " places");
      }
      places_.erase(lane);
      for (const Reply& id : ask({"LRANGE", prefix_ + "l:" + lane, "0", "-1"}).items) {
        ++seen[id.text];
        if (!live(states_[id.text])) say("lane " + lane + " holds a finished job");
      }
    }
    for (const auto& [lane, in] : places_) say("empty lane " + lane + " is in " + in.front());
    for (const auto& [id, state] : states_) {
      if (live(state) && seen[id] != 1) {
        say("job " + id + " is in " + std::to_string(seen[id]) + " lanes");
      }
    }
  }
  void check_counters() {
    std::map<std::string, std::int64_t> recount;
    for (const auto& [id, state] : states_) ++recount[state];
    std::map<std::string, std::int64_t> by_kind;
    for (const auto& [id, state] : states_) {
      if (state == "r") continue;
      ++by_kind[state + ":" + ask({"HGET", prefix_ + "j:" + id, "k"}).as_string()];
    }
    const Reply counters = ask({"HGETALL", prefix_ + "counts"});
    for (std::size_t i = 0; i + 1 < counters.items.size(); i += 2) {
      by_kind.try_emplace(counters.at(i).as_string(), 0);
    }
    for (const auto& [field, found] : by_kind) {
      expect(field, ask({"HGET", prefix_ + "counts", field}).as_integer(), found);
    }
    expect("r", ask({"ZCARD", prefix_ + "lease"}).integer, recount["r"]);
    expect("c", ask({"ZCARD", prefix_ + "done"}).integer, recount["c"]);
    expect("d", ask({"ZCARD", prefix_ + "dead"}).integer, recount["d"]);
    expect("x", ask({"ZCARD", prefix_ + "cancelled"}).integer, recount["x"]);
    if (ask({"LLEN", prefix_ + "bell"}).integer > 1) say("more than one token on the bell");
  }
  void expect(const std::string& state, std::int64_t counted, std::int64_t found) {
    if (counted != found) {
      say("counter " + state + " says " + std::to_string(counted) + ", there are " +
          std::to_string(found));
    }
  }
  static bool live(const std::string& state) {
    return state == "a" || state == "s" || state == "t" || state == "r";
  }
  void say(const std::string& what) { violations_.push_back(prefix_ + " " + what); }

  redis::Client& client_;
  const std::string prefix_;
  std::vector<std::string>& violations_;
  std::map<std::string, std::string> states_;
  std::map<std::string, std::vector<std::string>> places_;
};

}  // namespace

std::vector<std::string> lane_violations(redis::Client& client) {
  std::vector<std::string> violations;
  for (int shard = 0; shard < kShardCount; ++shard) ShardCheck(client, shard, violations).run();
  return violations;
}

}  // namespace deskwire::testing
