#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "publishers/oncall/on_call_desk.h"
#include "tests/support/catch.h"
#include "tests/support/memory_on_call.h"

namespace deskwire::testing {

inline config::SlaStep step(const char* on, std::int64_t after_s, std::vector<std::string> to,
                            std::vector<std::string> unless = {}, const char* hours = "always") {
  config::SlaStep made;
  made.on = on;
  made.after_s = after_s;
  made.to = std::move(to);
  made.unless = std::move(unless);
  made.hours = hours;
  return made;
}

/// A desk with the sinks `chat`, `pager` (individual) and `am` (groups by itself, forgets).
struct Office {
  Office() {
    config::SlaPolicy gold;
    gold.id = "gold";
    gold.escalation = {step("warning", 0, {"chat"}), step("violation", 0, {"ws", "chat", "am"}),
                       step("violation", 900, {"ws", "pager"}, {"acked", "snoozed"}),
                       step("violation", 3600, {"chat"}, {"acked"}, "calendar:office")};
    sla.policies = {gold};
    sla.sinks["chat"] = sla.sinks["pager"] = sla.sinks["am"] = config::SlaSink{};
    sla.on_call.queue_wait = {step("violation", 0, {"pager"})};
    sla.on_call.conversation_url = "https://desk.example/{account}/{conversation}";
    sla.on_call.board_url = "https://board.example/a/{event_id}";
    auto own = std::make_unique<MemorySink>();
    am = own.get();
    am->grouping = true;
    am->kept = Milliseconds(300000);
    sinks["am"] = std::move(own);
    for (auto [name, pointer] : {std::pair("chat", &chat), std::pair("pager", &pager)}) {
      auto made = std::make_unique<MemorySink>();
      *pointer = made.get();
      sinks[name] = std::move(made);
    }
    store.positions["oncall"] = {"k3", 0};
  }

  publishers::OnCallDesk desk() {
    return publishers::OnCallDesk(
        sla, {.store = store,
              .sinks = sinks,
              .next_open = [this](const std::string&, std::int64_t at_ms)
                  -> std::optional<std::int64_t> { return std::max(opens, at_ms); },
              .publish = [this](Event event) { published.push_back(event); },
              .new_id = [this] { return "n" + std::to_string(++ids); },
              .random = [] { return 1.0; },
              .count = [](const std::string&, const char*) {},
              .read_back = read_back});
  }

  void tell(const char* name, nlohmann::json data) {
    const publishers::LogPosition from = store.positions["oncall"];
    const publishers::LogPosition to{from.epoch, from.offset + 1};
    const auto taken = desk().take_event({"oncall", from, to}, name, data, store.now_ms);
    REQUIRE(taken.has_value());
    REQUIRE(*taken);
  }
  static nlohmann::json about(int conversation, const char* event_id) {
    const std::string id = std::to_string(conversation);
    return {{"alert_key", "sla/1/" + id + "/first_response/1"},
            {"event_id", event_id},
            {"account", 1},
            {"conversation", conversation},
            {"channel", "conversation:" + id},
            {"metric", "first_response"},
            {"cycle", 1},
            {"threshold", 3600},
            {"actual", 3605},
            {"target", 3600},
            {"severity", "critical"},
            {"policy", {{"id", "gold"}, {"version", 1}}},
            {"timestamp", 1795255200000}};
  }
  void violate(int conversation, const char* event_id) {
    tell("sla:violation", about(conversation, event_id));
  }
  /// Goes on by so many seconds, and does all that falls due on the way.
  void pass(std::int64_t seconds) {
    publishers::OnCallDesk fresh = desk();
    pass(seconds, fresh);
  }
  void pass(std::int64_t seconds, publishers::OnCallDesk& running) {
    for (std::int64_t s = 0; s <= seconds; ++s) {
      while (true) {
        const auto taken = store.take(10, 60000);
        for (const publishers::DueTask& task : taken->tasks) running.run(task, store.now_ms);
        if (taken->tasks.empty()) break;
      }
      if (s < seconds) store.now_ms += 1000;
    }
  }

  MemoryOnCallStore store;
  config::Sla sla;
  std::map<std::string, std::unique_ptr<publishers::AlertSink>> sinks;
  MemorySink* chat = nullptr;
  MemorySink* pager = nullptr;
  MemorySink* am = nullptr;
  std::vector<Event> published;
  publishers::ReadBackPort read_back;  ///< None: pages go out as they are.
  std::int64_t opens = 0;
  int ids = 0;
};

inline std::string detail(const publishers::Alert& alert, const char* name) {
  for (const auto& [key, value] : alert.details) {
    if (key == name) return value;
  }
  return "-";
}

}  // namespace deskwire::testing
