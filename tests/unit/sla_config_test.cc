#include <nlohmann/json.hpp>

#include "config/load.h"
#include "tests/support/catch.h"

using namespace deskwire;
using nlohmann::json;

namespace {

/// A config with everything under `sla`, for tests to break in one place each.
json good() {
  return json::parse(R"({
    "sources": [{"name": "sandbox", "type": "sandbox"}],
    "sla": {
      "policies": [
        {"id": "gold", "version": 7, "position": 10, "effective_from": "2026-11-20T00:00:00Z",
         "enforce_from": "2026-11-20T00:00:00Z",
         "match": {"all": [{"field": "contact.plan", "op": "is", "value": "gold"}], "any": []},
         "calendar": "berlin-office",
         "metrics": {
           "first_response": {
             "targets": {"urgent": 900, "high": 3600, "normal": 14400, "low": 0, "default": 14400},
             "hours": {"urgent": "calendar", "default": "business"},
             "warn_at": [{"percent": 75}, {"before_s": 300}], "pause_on": [],
             "counts_as_response": "human", "public_notes_count": false, "start": "created"},
           "next_response": {"targets": {"default": 14400}, "warn_at": [{"percent": 75}],
                             "pause_on": ["snoozed"], "counts_as_response": "any"},
           "resolution": {"targets": {"default": 172800}, "mode": "first",
                          "pause_on": ["pending", "snoozed", "on_hold"], "hours": "calendar"}},
         "escalation": [
           {"on": "warning", "after_s": 0, "to": ["ws"]},
           {"on": "violation", "after_s": 0, "to": ["ws", "slack:support"]},
           {"on": "violation", "after_s": 900, "unless": ["acked", "snoozed"],
            "to": ["pagerduty:support"], "hours": "always"},
           {"on": "violation", "after_s": 3600, "unless": ["acked"], "to": ["alertmanager"],
            "hours": "calendar:berlin-office"}],
         "ack": {"remind_after_s": 1800, "unack_after_s": 0}, "violation_grace_s": 5,
         "repeat_every_s": 0},
        {"id": "all", "position": 5, "metrics": {"resolution": {"targets": {"default": 60}}}}],
      "calendars": {"berlin-office": {
        "timezone": "Europe/Berlin", "hours": {"mon": [["09:00", "12:00"], ["13:00", "17:00"]]},
        "overrides": {"2040-12-24": [["09:00", "12:00"]]}, "holidays": ["2040-12-25"],
        "breaks": {"2040-12-03": [["10:00", "10:30"]]}, "version": 3,
        "changes": [{"effective_from": "2040-01-01T00:00:00Z", "version": 4, "always": true}]}},
      "mirror_to_conversation": true,
      "sinks": {
        "slack:support": {"type": "slack", "url": "https://hooks.example/T0/B0/hunter2"},
        "pagerduty:support": {"type": "pagerduty", "key": "hunter2-routing-key"},
        "alertmanager": {"type": "alertmanager", "urls": ["http://am-1:9093", "http://am-2:9093"]},
        "own": {"type": "webhook", "url": "https://example.com/a", "key": "whsec_aHVudGVyMg=="}},
      "maintenance": [{"from": "2040-12-01T20:00:00Z", "to": "2040-12-01T22:00:00Z",
                       "policies": ["gold"], "comment": "upgrade"}],
      "on_call": {"heartbeat_to": ["own"],
                  "conversation_url": "https://desk.example/c/{account}/{conversation}?from=page",
                  "board_url": "https://board.example/#{event_id}", "queue_wait": [{"to": ["alertmanager"]}]},
      "alerts": {"escalation": [{"to": ["slack:support"], "after_s": 60}]}
    }})");
}

std::string mistakes(const json& config) {
  const auto parsed = config::parse(config.dump(), ".");
  return parsed ? "" : parsed.error().message;
}

struct Slip {
  const char* path;   ///< JSON pointer below /sla.
  const char* value;  ///< Put there instead.
  const char* message;
};

}  // namespace

TEST_CASE("policies, calendars and sinks arrive in the structs", "[config][sla]") {
  const auto parsed = config::parse(good().dump(), ".");
  REQUIRE(mistakes(good()).empty());
  const config::Sla& sla = parsed->sla;
  REQUIRE(sla.policies.size() == 2);
  CHECK(sla.policies[0].id == "all");  // By position.
  const config::SlaPolicy& gold = sla.policies[1];
  CHECK(gold.version == 7);
  CHECK(gold.effective_from_ms == 1795132800000);
  CHECK(gold.all.at(0).field == "contact.plan");
  CHECK(gold.all.at(0).values == std::vector<std::string>{"gold"});
  CHECK(gold.first_response.target_s("urgent") == 900);
  CHECK(gold.first_response.target_s("") == 14400);
  CHECK(gold.first_response.target_s("low") == 0);
  CHECK(gold.first_response.hours_of("urgent") == config::SlaHours::kCalendar);
  CHECK(gold.first_response.hours_of("low") == config::SlaHours::kBusiness);
  CHECK(gold.first_response.warn_at.at(0).after_s(3600) == 2700);
  CHECK(gold.first_response.warn_at.at(1).after_s(3600) == 3300);
  CHECK(gold.next_response.counts_as_response == config::SlaAuthor::kAny);
  CHECK(gold.resolution.mode == config::SlaMode::kFirst);
  CHECK(gold.resolution.hours_of("high") == config::SlaHours::kCalendar);
  CHECK(gold.escalation.at(3).hours == "calendar:berlin-office");
  CHECK(gold.ack.remind_after_s == 1800);
  const config::Calendar& office = sla.calendars.at("berlin-office");
  CHECK(office.first.version == 3);
  CHECK(office.first.schedule.hours[0].at(1) == config::OpenHours{46800, 61200});
  CHECK(office.changes.at(0).schedule.always);
  CHECK(sla.sinks.at("alertmanager").urls.size() == 2);
  CHECK(sla.sinks.at("pagerduty:support").key.reveal() == "hunter2-routing-key");
  CHECK(sla.maintenance.at(0).policies.at(0) == "gold");
  CHECK(sla.mirror_to_conversation);
}

TEST_CASE("what is shown of service levels can be read again, without its secrets",
          "[config][sla]") {
  const auto parsed = config::parse(good().dump(), ".");
  REQUIRE(parsed.has_value());
  const std::string shown = config::show(*parsed);
  CHECK(shown.find("hunter2") == std::string::npos);
  CHECK(shown.find("aHVudGVyMg") == std::string::npos);
  json again = json::parse(shown);
  CHECK(again["sla"]["sinks"]["slack:support"]["url"] == "[redacted]");
  for (auto& [name, sink] : again["sla"]["sinks"].items()) {
    if (sink["url"] == "[redacted]") sink["url"] = "https://a.example";
    if (sink["type"] == "alertmanager") sink.erase("url");
  }
  again["gateway"].erase("keys");
  again["gateway"].erase("server_keys");
  const auto reread = config::parse(again.dump(), ".");
  if (!reread) FAIL(reread.error().message);
  CHECK(json::parse(config::show(*reread))["sla"]["policies"] == again["sla"]["policies"]);
  CHECK(json::parse(config::show(*reread))["sla"]["calendars"] == again["sla"]["calendars"]);
}

TEST_CASE("a mistake under sla is named with its path", "[config][sla]") {
  const Slip slips[] = {
      {"/policies/0/calendar", R"("berlin-ofice")",
       R"(sla.policies[0].calendar: "berlin-ofice" is not in sla.calendars; did you mean "berlin-office"?)"},
      {"/policies/1/id", R"("two words")", R"(sla.policies[1].id: "two words" is no name)"},
      {"/policies/0/match/all/0/field", R"("colour")",
       R"(sla.policies[0].match.all[0].field: "colour" is not one of source, inbox)"},
      {"/policies/0/match/all/0/op", R"("equals")",
       R"(sla.policies[0].match.all[0].op: "equals" is)"},
      {"/policies/0/match/all/0/value", "[]", "sla.policies[0].match.all[0].value: is missing"},
      {"/policies/0/match/all/0/value", "{}", "sla.policies[0].match.all[0].value: is neither"},
      {"/policies/0/metrics/first_response/targets/urgent", "14",
       "first_response.targets.urgent: \"14\" is out of range 15..31622400 s"},
      {"/policies/0/metrics/first_response/warn_at/1", R"({"before_s": 900})",
       R"(first_response.warn_at[1]: before_s 900 is not below the target of "urgent" (900 s))"},
      {"/policies/0/metrics/first_response/warn_at/0", R"({"percent": 100})",
       "first_response.warn_at[0]: is no warning"},
      {"/policies/0/metrics/first_response/hours", R"({"urgent": "night"})",
       R"(first_response.hours.urgent: "night" is not one of business, calendar)"},
      {"/policies/0/metrics/next_response/pause_on/0", R"("lunch")",
       R"(next_response.pause_on[0]: "lunch" is not one of pending, snoozed, on_hold)"},
      {"/policies/0/metrics", "{}", "sla.policies[0].metrics: has no targets"},
      {"/policies/0/escalation/1/to/1", R"("slack:suport")",
       R"(sla.policies[0].escalation[1].to[1]: "slack:suport" is not in sla.sinks; did you mean "slack:support"?)"},
      {"/policies/0/escalation/3/after_s", "600",
       "sla.policies[0].escalation[3].after_s: 600 comes before the step in front of it (900)"},
      {"/policies/0/escalation/3/hours", R"("calendar:night")",
       R"(sla.policies[0].escalation[3].hours: "night" is not in sla.calendars)"},
      {"/policies/0/escalation/1/unless", R"(["acked"])",
       "sla.policies[0].escalation[1].unless: can never hold at once"},
      {"/policies/0/ack/unack_after_s", "1800",
       "sla.policies[0].ack.remind_after_s: 1800 is not below unack_after_s (1800)"},
      {"/policies/1/id", R"("gold")", ""},
      {"/policies/1", R"({"id": "gold", "version": 7,
          "metrics": {"resolution": {"targets": {"default": 60}}}})",
       R"(sla.policies[1].version: 7 of "gold" is sla.policies[0] already)"},
      {"/policies/1/metrics/resolution/hours", R"("business")",
       R"(sla.policies[1].metrics.resolution.hours: "default" is business, but the policy names no calendar)"},
      {"/calendars/berlin-office/timezone", R"("Europe/Berln")",
       R"(sla.calendars.berlin-office.timezone: "Europe/Berln" is no time zone of this system)"},
      {"/calendars/berlin-office/hours/mon", R"([["13:00", "17:00"], ["09:00", "12:00"]])",
       "sla.calendars.berlin-office.hours.mon[1]: begins at 09:00, before the end of"},
      {"/calendars/berlin-office/hours", R"({"mon": []})",
       "sla.calendars.berlin-office.hours: never opens in the 400 days from"},
      {"/calendars/berlin-office/changes/0/effective_from", R"("soon")",
       R"(sla.calendars.berlin-office.changes[0].effective_from: "soon" is no moment)"},
      {"/sinks/slack:support/url", R"("")", "sla.sinks.slack:support.url: is missing"},
      {"/sinks/slack:support/url", R"("ftp://x")", "sla.sinks.slack:support.url: is no address"},
      {"/sinks/pagerduty:support/key", R"("")", "sla.sinks.pagerduty:support.key: is missing"},
      {"/sinks/own/key", R"("")", "sla.sinks.own.key: is missing"},
      {"/sinks/alertmanager/urls", "[]", "sla.sinks.alertmanager.urls: is missing"},
      {"/sinks/own/type", R"("mail")", R"(sla.sinks.own.type: "mail" is not one of alertmanager)"},
      {"/maintenance/0/to", R"("2040-12-01T20:00:00Z")",
       "sla.maintenance[0].to: 2040-12-01T20:00:00Z is not after from"},
      {"/maintenance/0/policies/0", R"("silver")",
       R"(sla.maintenance[0].policies: "silver" is not in sla.policies)"},
      {"/on_call/board_url", R"("board.example")",
       R"(sla.on_call.board_url: "board.example" is no address)"},
      {"/on_call/heartbeat_to/0", R"("nobody")", "sla.on_call.heartbeat_to[0]: \"nobody\" is not"},
      {"/alerts/escalation/0/to", "[]", "sla.alerts.escalation[0].to: is missing"}};
  for (const Slip& slip : slips) {
    CAPTURE(slip.path, slip.value);
    json config = good();
    config[json::json_pointer(std::string("/sla") + slip.path)] = json::parse(slip.value);
    const std::string found = mistakes(config);
    CAPTURE(found);
    CHECK(found.find(slip.message) != std::string::npos);
    CHECK((found.empty() || found.starts_with("config sla.")));
    CHECK(found.find('\n') == std::string::npos);
    CHECK(found.empty() == std::string_view(slip.message).empty());
  }
}

TEST_CASE("a calendar that has opened for the last time is found", "[config][sla]") {
  json config = good();
  config["sla"]["calendars"]["berlin-office"]["hours"] = json::object();
  config["sla"]["calendars"]["berlin-office"]["overrides"] =
      json::parse(R"({"2020-01-01": [["09:00", "10:00"]]})");
  config["sla"]["calendars"]["berlin-office"].erase("changes");
  CHECK(mistakes(config).find("never opens") != std::string::npos);
  // Unless a later version has replaced it already.
  config["sla"]["calendars"]["berlin-office"]["changes"] =
      json::parse(R"([{"effective_from": "2021-01-01T00:00:00Z", "always": true}])");
  CHECK(mistakes(config).empty());
}
