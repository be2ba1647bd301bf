#include "publishers/oncall/redis_on_call_store.h"

#include <charconv>

#include "core/channel.h"
#include "publishers_scripts.h"

namespace deskwire::publishers {
namespace {

/// Of the shard in which the channel's log lies.
const std::string& prefix() {
  static const std::string text = "dw:{" + std::to_string(shard_of_channel("oncall")) + "}:";
  return text;
}

const redis::Script& take_script() {
  static const redis::Script script("oncall_take.lua", std::string(scripts::kOncallTakeLua));
  return script;
}

const redis::Script& commit_script() {
  static const redis::Script script("oncall_commit.lua", std::string(scripts::kOncallCommitLua));
  return script;
}

std::string text_of(const LogPosition& position) {
  return position.epoch + " " + std::to_string(position.offset);
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void add_expectations(const OnCallChange& change, std::vector<std::string>& args) {
  if (change.move) {
    const auto& from = change.move->from;
    args.insert(args.end(), {"at", change.move->channel, from ? text_of(*from) : ""});
  }
  if (change.held) {
    args.insert(args.end(), {"held", change.held->name, std::to_string(change.held->lease_ms)});
  }
  for (const auto& [key, text] : change.expected) {
    if (text) {
      args.insert(args.end(), {"is", key, *text});
    } else {
      args.insert(args.end(), {"none", key});
    }
  }
}

void add_effects(const OnCallChange& change, std::vector<std::string>& args) {
  if (change.move) {
    args.insert(args.end(), {"move", change.move->channel, text_of(change.move->to)});
  }
  if (change.held) args.insert(args.end(), {"drop", change.held->name});
  for (const auto& [task, due_ms] : change.tasks) {
    args.insert(args.end(), {"due", task, std::to_string(due_ms)});
  }
  for (const auto& [key, text] : change.texts) {
    if (text) {
      args.insert(args.end(), {"put", key, *text});
    } else {
      args.insert(args.end(), {"del", key});
    }
  }
  for (const std::string& entry : change.log) args.insert(args.end(), {"log", entry});
  for (const auto& [id, text] : change.dead) {
    if (text) {
      args.insert(args.end(), {"bury", id, *text});
    } else {
      args.insert(args.end(), {"raise", id});
    }
  }
}

}  // namespace

Result<OnCallStore::Taken> RedisOnCallStore::take(std::size_t limit, std::int64_t lease_ms) {
  const auto reply =
      client_.run(take_script(), {prefix()}, {std::to_string(limit), std::to_string(lease_ms)});
  if (!reply) return fail(reply.error());
  Taken taken{.now_ms = number(reply->at(0).as_string()), .tasks = {}};
  const std::int64_t held = number(reply->at(1).as_string());
  for (std::size_t i = 2; i < reply->items.size(); ++i) {
    taken.tasks.push_back({reply->at(i).as_string(), held});
  }
  return taken;
}

Result<std::optional<LogPosition>> RedisOnCallStore::position(const std::string& channel) {
  const auto reply = client_.call({"HGET", prefix() + "oc:pos", channel});
  if (!reply) return fail(reply.error());
  const std::string text = reply->as_string();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return std::optional<LogPosition>();
  return LogPosition{text.substr(0, space),
                     static_cast<std::uint64_t>(number(text.substr(space + 1)))};
}

Result<std::optional<std::string>> RedisOnCallStore::text(const std::string& key) {
  const auto reply = client_.call({"HGET", prefix() + "oc:text", key});
  if (!reply) return fail(reply.error());
  std::string text = reply->as_string();
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

Result<bool> RedisOnCallStore::commit(const OnCallChange& change) {
  std::vector<std::string> args = {std::to_string(max_log_), std::to_string(max_dead_)};
  add_expectations(change, args);
  add_effects(change, args);
  const auto reply = client_.run(commit_script(), {prefix()}, std::move(args));
  if (!reply) return fail(reply.error());
  return reply->as_integer() == 1;
}

Result<std::vector<std::pair<std::string, std::string>>> RedisOnCallStore::dead(std::size_t limit) {
  const auto reply = client_.call({"HGETALL", prefix() + "oc:dead"});
  if (!reply) return fail(reply.error());
  std::vector<std::pair<std::string, std::string>> letters;
  for (std::size_t i = 0; i + 1 < reply->items.size() && letters.size() < limit; i += 2) {
    letters.emplace_back(reply->at(i).as_string(), reply->at(i + 1).as_string());
  }
  return letters;
}

Result<std::vector<std::string>> RedisOnCallStore::log(std::size_t limit) {
  const auto reply =
      client_.call({"XREVRANGE", prefix() + "oc:log", "+", "-", "COUNT", std::to_string(limit)});
  if (!reply) return fail(reply.error());
  std::vector<std::string> entries;
  for (const redis::Reply& entry : reply->items) {
    entries.push_back(entry.at(1).at(1).as_string());
  }
  return entries;
}

}  // namespace deskwire::publishers
