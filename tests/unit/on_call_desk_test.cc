#include "publishers/oncall/on_call_desk.h"

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/on_call_office.h"

using namespace deskwire;
using namespace deskwire::publishers;
using nlohmann::json;
using testing::detail;
using testing::Office;
using testing::step;

TEST_CASE("a violation climbs the ladder, step by step", "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.pass(10);
  REQUIRE(office.chat->sent.size() == 1);
  CHECK(office.pager->sent.empty());
  office.pass(889);
  CHECK(office.pager->sent.empty());
  office.pass(5);
  REQUIRE(office.pager->sent.size() == 1);
  office.pass(2700);
  CHECK(office.chat->sent.size() == 2);
  // The second rung is told on the channels too; the first one is the event itself.
  REQUIRE(office.published.size() == 3);
  CHECK(office.published[0].name == "sla:escalated");
  CHECK(office.published[0].channel == "agents");
  CHECK(office.published[2].channel == "conversation:4711:internal");
  CHECK(office.published[0].id == office.published[2].id);
}

TEST_CASE("a page says why, since when, where, what to do and who is next",
          "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.pass(3);
  const Alert& page = office.chat->sent.at(0);
  CHECK(page.summary == "First response violated by 5 s: conversation 4711 (gold)");
  CHECK(page.dedup_key == "sla/1/4711/first_response/1");
  CHECK(page.link == "https://desk.example/1/4711");
  CHECK(page.board_link == "https://board.example/a/e1");
  CHECK(detail(page, "why") == "60 min have passed; the target is 60 min");
  CHECK(detail(page, "since") == "2026-11-21T10:00:00Z");
  CHECK(detail(page, "do").starts_with("Answer the customer"));
  CHECK(detail(page, "next") == "ws, pager in 15 min, unless acknowledged");
}

TEST_CASE("whoever was told of the beginning is told of the end, and nobody else",
          "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.pass(10);
  office.tell("sla:met", Office::about(4711, "e2"));
  office.pass(4000);
  REQUIRE(office.chat->sent.size() == 2);
  CHECK(office.chat->sent[1].action == Alert::Action::kResolve);
  CHECK(office.chat->sent[1].dedup_key == office.chat->sent[0].dedup_key);
  CHECK(office.pager->sent.empty());
  CHECK(office.store.tasks.empty());
  CHECK(office.store.texts.empty());
}

TEST_CASE("an acknowledged alert does not climb, until it is unacknowledged",
          "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.pass(10);
  office.tell("sla:acknowledged", Office::about(4711, "e1"));
  office.pass(1000);
  CHECK(office.pager->sent.empty());
  REQUIRE(office.chat->sent.size() == 2);
  CHECK(office.chat->sent[1].action == Alert::Action::kAcknowledge);
  office.tell("sla:unacknowledged", Office::about(4711, "e1"));
  office.pass(5);
  CHECK(office.pager->sent.size() == 1);
}

TEST_CASE("a snoozed step waits for the end of the snooze", "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  json data = Office::about(4711, "e1");
  data["ack"] = {{"state", "snoozed"}, {"until_ms", office.store.now_ms + 2000000}};
  office.tell("sla:snoozed", data);
  office.pass(1990);
  CHECK(office.pager->sent.empty());
  office.pass(20);
  CHECK(office.pager->sent.size() == 1);
}

TEST_CASE("a step waits for its hours and is never dropped", "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.opens = office.store.now_ms + 7200000;
  office.pass(7190);
  CHECK(office.chat->sent.size() == 1);
  office.pass(20);
  CHECK(office.chat->sent.size() == 2);
}

TEST_CASE("maintenance mutes pages until it ends", "[publishers][oncall]") {
  Office office;
  config::SlaMaintenance window;
  window.from_ms = office.store.now_ms - 1000;
  window.to_ms = office.store.now_ms + 600000;
  window.policies = {"gold"};
  office.sla.maintenance = {window};
  office.violate(4711, "e1");
  office.violate(4712, "e2");
  office.pass(590);
  CHECK(office.chat->sent.empty());
  office.tell("sla:met", Office::about(4712, "e3"));
  office.pass(20);
  CHECK(office.chat->sent.size() == 1);
}

TEST_CASE("three hundred violations at once are one page with a count and a list",
          "[publishers][oncall]") {
  Office office;
  for (int i = 0; i < 300; ++i) office.violate(1000 + i, ("e" + std::to_string(i)).c_str());
  office.pass(10);
  REQUIRE(office.chat->sent.size() == 1);
  const Alert page = office.chat->sent[0];
  CHECK(page.summary == "300 × first response violated (gold)");
  CHECK(detail(page, "count") == "300");
  CHECK(detail(page, "list").find("conversation 1000") != std::string::npos);
  CHECK(detail(page, "list").ends_with("and 280 more"));
  // Alertmanager groups by itself and gets each.
  CHECK(office.am->sent.size() == 300);
  // What comes within the window waits for its end.
  office.violate(5000, "late");
  office.pass(15);
  CHECK(office.chat->sent.size() == 1);
  office.pass(15);
  CHECK(office.chat->sent.size() == 2);
  // The page about many ends with the last of them.
  for (int i = 0; i < 299; ++i) office.tell("sla:met", Office::about(1000 + i, "m"));
  office.pass(5);
  CHECK(office.chat->sent.size() == 2);
  office.tell("sla:met", Office::about(1299, "m"));
  office.pass(5);
  REQUIRE(office.chat->sent.size() == 3);
  CHECK(office.chat->sent[2].action == Alert::Action::kResolve);
  CHECK(office.chat->sent[2].dedup_key == page.dedup_key);
}

TEST_CASE("a sink that forgets is told again before it does, and of the end for as long",
          "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.pass(600);
  CHECK(office.am->sent.size() == 7);
  office.tell("sla:met", Office::about(4711, "e2"));
  office.pass(4000);
  int resolved = 0;
  for (const Alert& alert : office.am->sent) resolved += alert.action == Alert::Action::kResolve;
  CHECK(resolved == 4);
  CHECK(office.store.tasks.empty());
}

TEST_CASE("a violation takes the place of its warning", "[publishers][oncall]") {
  Office office;
  office.sla.policies[0].escalation[0].to = {"chat", "am"};
  json warning = Office::about(4711, "w1");
  warning["severity"] = "warning";
  office.tell("sla:warning", warning);
  office.pass(5);
  CHECK(office.chat->sent.size() == 1);
  office.violate(4711, "e1");
  office.pass(40);
  // In Alertmanager the two are different alerts: the first one is over.
  CHECK(office.chat->sent.size() == 2);
  REQUIRE(office.am->sent.size() >= 3);
  bool warning_over = false;
  for (const Alert& alert : office.am->sent) {
    if (alert.action != Alert::Action::kResolve) continue;
    warning_over = alert.severity == "warning";
  }
  CHECK(warning_over);
  // A warning that comes after its violation changes nothing.
  const auto before = office.store.texts;
  office.tell("sla:warning", Office::about(4711, "w2"));
  CHECK(office.store.texts == before);
}

TEST_CASE("a retraction ends only the violation that it names", "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.pass(5);
  office.tell("sla:retracted", Office::about(4711, "other"));
  office.pass(1);
  CHECK(office.chat->sent.size() == 1);
  office.tell("sla:retracted", Office::about(4711, "e1"));
  office.pass(1);
  CHECK(office.chat->sent.size() == 2);
}

TEST_CASE("a failing sink is tried again, and given up in the end", "[publishers][oncall]") {
  Office office;
  office.sla.sinks["chat"].give_up_s = 60;
  office.chat->failures = {{ErrorCode::kUnavailable, "500"},
                           {ErrorCode::kRateLimited, "429", Milliseconds(7000)}};
  office.violate(4711, "e1");
  office.pass(9);
  CHECK(office.chat->sent.empty());
  office.pass(3);
  CHECK(office.chat->sent.size() == 1);

  office.chat->failures.assign(100, {ErrorCode::kTimeout, "silence"});
  office.violate(4712, "e2");
  office.pass(300);
  CHECK(office.chat->sent.size() == 1);
  REQUIRE(office.store.letters.size() == 1);
  CHECK(json::parse(office.store.entries.front()).at("result") == "dead");
  office.chat->failures.clear();
  CHECK(office.desk().replay(office.store.letters.begin()->first, office.store.now_ms));
  office.pass(1);
  CHECK(office.chat->sent.size() == 2);
  CHECK(office.store.letters.empty());
  CHECK(office.desk().replay("none", 0).error().code == ErrorCode::kNotFound);
}

TEST_CASE("what a sink refuses for good is a dead letter at once", "[publishers][oncall]") {
  Office office;
  office.chat->failures = {{ErrorCode::kInvalid, "400"}};
  office.violate(4711, "e1");
  office.pass(3);
  CHECK(office.store.letters.size() == 1);
}

TEST_CASE("an event that was told twice pages once", "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.violate(4711, "e1");
  office.pass(60);
  CHECK(office.chat->sent.size() == 1);
  // And another replica that is behind takes nothing.
  const auto behind = office.desk().take_event({"oncall", LogPosition{"k3", 0}, {"k3", 1}},
                                               "sla:violation", Office::about(1, "x"), 0);
  CHECK_FALSE(behind.value());
}

TEST_CASE("a page that is over before it is sent wakes nobody", "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  office.pass(1);
  office.tell("sla:met", Office::about(4711, "e2"));
  office.pass(60);
  CHECK(office.chat->sent.empty());
}

TEST_CASE("a task that was taken and never finished is done by another replica",
          "[publishers][oncall]") {
  Office office;
  office.violate(4711, "e1");
  REQUIRE(office.store.take(10, 60000)->tasks.size() == 1);  // And then killed.
  office.pass(59);
  CHECK(office.chat->sent.empty());
  office.pass(4);
  CHECK(office.chat->sent.size() == 1);
}

TEST_CASE("a sign of life comes every minute", "[publishers][oncall]") {
  Office office;
  office.sla.on_call.heartbeat_to = {"chat"};
  CHECK(office.desk().begin_heartbeat(office.store.now_ms).has_value());
  office.pass(179);
  CHECK(office.chat->sent.size() == 3);
  CHECK(office.chat->sent[0].summary == "Deskwire is alive");
}

TEST_CASE("a queue that waits has a ladder of its own", "[publishers][oncall]") {
  Office office;
  const json data = {{"alert_key", "sla/queue/jobs/queue_wait"},
                     {"event_id", "q1"},
                     {"metric", "queue_wait"},
                     {"queue", "jobs"},
                     {"threshold", 120},
                     {"actual", 130},
                     {"severity", "critical"},
                     {"timestamp", 1795255200000}};
  office.tell("sla:violation", data);
  office.pass(5);
  REQUIRE(office.pager->sent.size() == 1);
  CHECK(office.pager->sent[0].summary == "Queue wait violated by 10 s: queue jobs");
  CHECK(office.pager->sent[0].link.empty());
}

TEST_CASE("a violation that nobody heeds is told again and again, until somebody takes it",
          "[publishers][oncall]") {
  Office office;
  office.sla.policies[0].repeat_every_s = 300;
  office.sla.policies[0].ack.remind_after_s = 600;
  office.violate(4711, "e1");
  office.pass(310);
  REQUIRE(office.chat->sent.size() == 2);
  CHECK(office.chat->sent[1].action == Alert::Action::kTrigger);
  CHECK(office.chat->sent[1].dedup_key == office.chat->sent[0].dedup_key);
  CHECK(office.chat->sent[1].id != office.chat->sent[0].id);
  office.pass(300);
  CHECK(office.chat->sent.size() == 3);

  office.tell("sla:acknowledged", Office::about(4711, "e1"));
  office.pass(590);
  REQUIRE(office.chat->sent.size() == 4);
  CHECK(office.chat->sent[3].action == Alert::Action::kAcknowledge);
  office.pass(20);
  REQUIRE(office.chat->sent.size() == 5);
  CHECK(office.chat->sent[4].action == Alert::Action::kTrigger);
  office.pass(600);
  CHECK(office.chat->sent.size() == 6);

  office.tell("sla:met", Office::about(4711, "e2"));
  office.pass(2000);
  REQUIRE(office.chat->sent.size() == 7);
  CHECK(office.chat->sent[6].action == Alert::Action::kResolve);
  CHECK(office.store.tasks.empty());
}

TEST_CASE("what is snoozed is not told again before the snooze ends", "[publishers][oncall]") {
  Office office;
  office.sla.policies[0].repeat_every_s = 300;
  office.violate(4711, "e1");
  office.pass(10);
  json snoozed = Office::about(4711, "e1");
  snoozed["ack"] = {{"state", "snoozed"}, {"until_ms", office.store.now_ms + 1'000'000}};
  office.tell("sla:snoozed", snoozed);
  office.pass(900);
  CHECK(office.chat->sent.size() == 1);
  office.pass(200);
  CHECK(office.chat->sent.size() == 2);
}

TEST_CASE("nothing is told again during a maintenance", "[publishers][oncall]") {
  Office office;
  office.sla.policies[0].repeat_every_s = 300;
  office.violate(4711, "e1");
  office.pass(10);
  config::SlaMaintenance window;
  window.from_ms = office.store.now_ms;
  window.to_ms = office.store.now_ms + 1'000'000;
  office.sla.maintenance = {window};
  office.pass(990);
  CHECK(office.chat->sent.size() == 1);
  office.pass(20);
  CHECK(office.chat->sent.size() == 2);
}

TEST_CASE("a page about several alerts is acknowledged with the last of them",
          "[publishers][oncall]") {
  Office office;
  office.violate(71, "e1");
  office.violate(72, "e2");
  office.pass(10);
  REQUIRE(office.chat->sent.size() == 1);
  office.tell("sla:acknowledged", Office::about(71, "e1"));
  office.pass(10);
  CHECK(office.chat->sent.size() == 1);
  office.tell("sla:acknowledged", Office::about(72, "e2"));
  office.pass(10);
  REQUIRE(office.chat->sent.size() == 2);
  CHECK(office.chat->sent[1].action == Alert::Action::kAcknowledge);
  CHECK(office.chat->sent[1].dedup_key == office.chat->sent[0].dedup_key);
}

TEST_CASE("a later rung says how long it has been by then", "[publishers][oncall]") {
  Office office;
  json told = Office::about(4711, "e1");
  told["hours"] = "calendar";
  told["timestamp"] = office.store.now_ms;
  office.tell("sla:violation", told);
  office.pass(905);
  REQUIRE(office.pager->sent.size() == 1);
  CHECK(office.pager->sent[0].summary.find("violated by 15 min") != std::string::npos);
  CHECK(json::parse(office.published.at(0).data)["actual"] == 3605 + 900);
}

TEST_CASE("a page is repeated in the hours of the step that told first", "[publishers][oncall]") {
  Office office;
  office.sla.policies[0].repeat_every_s = 300;
  for (config::SlaStep& rung : office.sla.policies[0].escalation) rung.hours = "calendar:office";
  office.violate(4711, "e1");
  office.pass(10);
  REQUIRE(office.chat->sent.size() == 1);
  office.opens = office.store.now_ms + 1'000'000;
  office.pass(990);
  CHECK(office.chat->sent.size() == 1);
  office.pass(20);
  CHECK(office.chat->sent.size() == 2);
}

TEST_CASE("an alert climbs the ladder of the policies that were reloaded", "[publishers][oncall]") {
  Office office;
  OnCallDesk desk = office.desk();
  config::SlaPolicy silver = office.sla.policies[0];
  silver.id = "silver";
  silver.escalation = {step("violation", 0, {"pager"})};
  desk.set_policies({silver});
  json told = Office::about(4711, "e1");
  told["policy"]["id"] = "silver";
  const LogPosition from = office.store.positions["oncall"];
  REQUIRE(desk.take_event({"oncall", from, {from.epoch, 1}}, "sla:violation", told,
                          office.store.now_ms));
  office.pass(10, desk);
  CHECK(office.pager->sent.size() == 1);
  CHECK(office.chat->sent.empty());
}
