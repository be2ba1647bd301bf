#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "publishers/oncall/on_call_store.h"
#include "publishers/sinks/alert_sink.h"

namespace deskwire::testing {

/// OnCallStore in memory, with a clock that the test moves.
class MemoryOnCallStore final : public publishers::OnCallStore {
 public:
  std::int64_t now_ms = 1'795'255'200'000;

  Result<Taken> take(std::size_t limit, std::int64_t lease_ms) override {
    Taken taken{.now_ms = now_ms, .tasks = {}};
    std::vector<std::pair<std::int64_t, std::string>> due;
    for (const auto& [name, at_ms] : tasks) {
      if (at_ms <= now_ms) due.emplace_back(at_ms, name);
    }
    std::sort(due.begin(), due.end());
    for (const auto& [at_ms, name] : due) {
      if (taken.tasks.size() == limit) break;
      tasks[name] = now_ms + lease_ms;
      taken.tasks.push_back({name, now_ms + lease_ms});
    }
    return taken;
  }
  Result<std::optional<publishers::LogPosition>> position(const std::string& channel) override {
    const auto found = positions.find(channel);
    return found == positions.end() ? std::nullopt : std::optional(found->second);
  }
  Result<std::optional<std::string>> text(const std::string& key) override {
    const auto found = texts.find(key);
    return found == texts.end() ? std::nullopt : std::optional(found->second);
  }
  Result<bool> commit(const publishers::OnCallChange& change) override {
    if (change.move && *position(change.move->channel) != change.move->from) return false;
    if (change.held) {
      const auto found = tasks.find(change.held->name);
      if (found == tasks.end() || found->second != change.held->lease_ms) return false;
    }
    for (const auto& [key, wanted] : change.expected) {
      if (*text(key) != wanted) return false;
    }
    if (change.move) positions[change.move->channel] = change.move->to;
    if (change.held) tasks.erase(change.held->name);
    for (const auto& [name, due_ms] : change.tasks) tasks[name] = due_ms;
    for (const auto& [key, value] : change.texts) replace(texts, key, value);
    for (const auto& [id, value] : change.dead) replace(letters, id, value);
    for (const std::string& entry : change.log) entries.push_front(entry);
    return true;
  }
  Result<std::vector<std::pair<std::string, std::string>>> dead(std::size_t limit) override {
    std::vector<std::pair<std::string, std::string>> found(letters.begin(), letters.end());
    if (found.size() > limit) found.resize(limit);
    return found;
  }
  Result<std::vector<std::string>> log(std::size_t limit) override {
    std::vector<std::string> newest(entries.begin(), entries.end());
    if (newest.size() > limit) newest.resize(limit);
    return newest;
  }

  std::map<std::string, std::int64_t> tasks;
  std::map<std::string, publishers::LogPosition> positions;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::string> letters;
  std::deque<std::string> entries;

 private:
  static void replace(std::map<std::string, std::string>& all, const std::string& key,
                      const std::optional<std::string>& value) {
    if (value) {
      all[key] = *value;
    } else {
      all.erase(key);
    }
  }
};

/// AlertSink that remembers, and fails when it is told to.
class MemorySink final : public publishers::AlertSink {
 public:
  Status send(const publishers::Alert& alert) override {
    const MutexLock lock(mutex_);
    if (!failures.empty()) {
      const Error next = failures.front();
      failures.pop_front();
      return fail(next);
    }
    sent.push_back(alert);
    return {};
  }
  std::chrono::milliseconds memory() const override { return kept; }
  bool groups_itself() const override { return grouping; }

  std::vector<publishers::Alert> sent;
  std::deque<Error> failures;
  std::chrono::milliseconds kept{0};
  bool grouping = false;

 private:
  Mutex mutex_;
};

}  // namespace deskwire::testing
