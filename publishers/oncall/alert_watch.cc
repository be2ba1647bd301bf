#include "publishers/oncall/alert_watch.h"

#include <nlohmann/json.hpp>

#include "core/ids.h"
#include "core/json.h"

namespace deskwire::publishers {

using nlohmann::json;

Status AlertWatch::observe(const AlertReading& reading, std::int64_t now_ms) {
  const std::string key = "w|" + reading.name + "|" + reading.instance;
  auto text = store_.text(key);
  if (!text) return fail(std::move(text.error()));
  json state = *text ? parse_json(**text).value_or(json()) : json();
  if (!state.is_object() && !reading.firing) return {};
  const auto save = [&](const json& next) -> Status {
    OnCallChange change;
    change.expected[key] = *text;
    change.texts[key] = next.is_null() ? std::nullopt : std::optional(dump_json(next));
    const auto saved = store_.commit(change);
    if (!saved) return fail(saved.error());
    // Another process was faster: it has read the same.
    if (!*saved) return fail(ErrorCode::kConflict, "alert " + reading.name + ": changed meanwhile");
    *text = change.texts[key];
    return {};
  };
  if (!state.is_object()) {
    state = {{"since", now_ms}, {"told", false}, {"clear_since", 0}};
    if (auto saved = save(state); !saved) return saved;
  }
  const std::int64_t since = integer_at(state, "since").value_or(now_ms);
  if (!bool_at(state, "told")) {
    if (auto told = announce(reading, "alert:firing", since, now_ms); !told) return told;
    state["told"] = true;
    if (auto saved = save(state); !saved) return saved;
  }
  const std::int64_t clear_since = integer_at(state, "clear_since").value_or(0);
  if (reading.firing) {
    if (clear_since == 0) return {};
    state["clear_since"] = 0;
    return save(state);
  }
  if (clear_since == 0) {
    state["clear_since"] = now_ms;
    return save(state);
  }
  if (now_ms - clear_since < clear_for_ms_) return {};
  if (auto told = announce(reading, "alert:resolved", since, now_ms); !told) return told;
  return save(json());
}

Status AlertWatch::announce(const AlertReading& reading, const char* name, std::int64_t since_ms,
                            std::int64_t now_ms) const {
  const std::string alert_key =
      "alert/" + reading.name + (reading.instance.empty() ? "" : "/" + reading.instance);
  Event event;
  event.channel = "ops";
  event.id = derived_id(name, alert_key, std::to_string(since_ms));
  event.name = name;
  event.timestamp = now_ms;
  event.once = true;
  event.data = dump_json({{"name", reading.name},
                          {"severity", reading.severity},
                          {"summary", reading.summary},
                          {"reason", reading.reason},
                          {"advice", reading.advice},
                          {"since", since_ms},
                          {"instance", reading.instance},
                          {"alert_key", alert_key},
                          {"event_id", derived_id("alert", alert_key, std::to_string(since_ms))},
                          {"timestamp", now_ms}});
  return publish_(event);
}

}  // namespace deskwire::publishers
