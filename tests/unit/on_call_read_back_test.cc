// Whoever is about to be woken: what the helpdesk says of the conversation counts.
#include <nlohmann/json.hpp>

#include "publishers/oncall/read_back.h"
#include "tests/support/catch.h"
#include "tests/support/on_call_office.h"

using namespace deskwire;
using namespace deskwire::publishers;
using nlohmann::json;
using testing::detail;
using testing::Office;
using testing::step;

namespace {

/// An office that can ask a helpdesk, and remembers what it asked.
struct AskingOffice : Office {
  AskingOffice() {
    sla.policies[0].escalation = {step("violation", 0, {"chat"})};
    read_back = [this](const std::vector<json>& alerts, Milliseconds limit) {
      asked.push_back(alerts.size());
      limits.push_back(limit.count());
      return answer(alerts, limit);
    };
  }
  json entry() const { return json::parse(store.entries.front()); }

  /// What the helpdesk does: everything can be read, nothing is new.
  ReadBackPort answer = [](const std::vector<json>& alerts, Milliseconds) {
    return ReadBack{.read = alerts.size(), .spent = Milliseconds(40)};
  };
  std::vector<std::size_t> asked;
  std::vector<std::int64_t> limits;
};

ReadBack hangs(const std::vector<json>& alerts, Milliseconds limit) {
  return {.unread = alerts.size(), .spent = limit};
}

}  // namespace

TEST_CASE("an answer that only the helpdesk knew of wakes nobody", "[publishers][oncall]") {
  AskingOffice office;
  office.answer = [&](const std::vector<json>& alerts, Milliseconds) {
    // It is taken in, and the clocks' keeper tells the end.
    office.tell("sla:met", Office::about(4711, "e2"));
    return ReadBack{.read = alerts.size()};
  };
  office.violate(4711, "e1");
  office.pass(60);
  CHECK(office.chat->sent.empty());
  CHECK(office.asked.size() == 1);
  CHECK(office.entry().at("result") == "over");
  CHECK(office.store.texts.empty());
}

TEST_CASE("a page that the helpdesk confirms goes out unmarked, and is asked about once",
          "[publishers][oncall]") {
  AskingOffice office;
  office.chat->failures = {{ErrorCode::kUnavailable, "500"}};
  office.violate(4711, "e1");
  office.pass(30);
  REQUIRE(office.chat->sent.size() == 1);
  CHECK_FALSE(office.chat->sent[0].unverified);
  CHECK(detail(office.chat->sent[0], "unverified") == "-");
  CHECK_FALSE(office.entry().contains("unverified"));
  CHECK(office.limits == std::vector<std::int64_t>{10000});
}

TEST_CASE("a page whose helpdesk hangs goes out marked when its time is over",
          "[publishers][oncall]") {
  AskingOffice office;
  office.answer = hangs;
  office.violate(4711, "e1");
  office.pass(10);
  REQUIRE(office.chat->sent.size() == 1);
  const Alert& page = office.chat->sent[0];
  CHECK(page.unverified);
  CHECK(detail(page, "unverified") ==
        "the conversation could not be read back from the helpdesk within 10 s, and may have been "
        "answered already");
  CHECK(office.entry().at("unverified") == true);
  // Its end is no matter of doubt.
  office.tell("sla:met", Office::about(4711, "e2"));
  office.pass(5);
  REQUIRE(office.chat->sent.size() == 2);
  CHECK_FALSE(office.chat->sent[1].unverified);
  CHECK(office.asked.size() == 1);
}

TEST_CASE("a page that waited behind others has only the rest of the time",
          "[publishers][oncall]") {
  AskingOffice office;
  office.answer = hangs;
  office.violate(4711, "e1");
  office.pass(1);
  office.store.now_ms += 1000;
  const auto group = office.store.take(1, 60000);
  office.desk().run(group->tasks.at(0), office.store.now_ms);
  office.store.now_ms += 6000;
  const auto page = office.store.take(1, 60000);
  office.desk().run(page->tasks.at(0), office.store.now_ms);
  CHECK(office.limits == std::vector<std::int64_t>{4000});
  REQUIRE(office.chat->sent.size() == 1);
  CHECK(office.chat->sent[0].unverified);
}

TEST_CASE("a page about many is marked when one of them could not be read",
          "[publishers][oncall]") {
  AskingOffice office;
  office.answer = [&](const std::vector<json>& alerts, Milliseconds limit) {
    office.tell("sla:met", Office::about(1000, "m"));
    return ReadBack{.read = alerts.size() - 3, .unread = 3, .spent = limit};
  };
  for (int i = 0; i < 300; ++i) office.violate(1000 + i, ("e" + std::to_string(i)).c_str());
  office.pass(20);
  CHECK(office.asked == std::vector<std::size_t>{300});
  REQUIRE(office.chat->sent.size() == 1);
  CHECK(office.chat->sent[0].unverified);
  CHECK(detail(office.chat->sent[0], "count") == "299");
  CHECK(detail(office.chat->sent[0], "unverified").starts_with("3 of the conversations could not"));
}

TEST_CASE("what cannot be asked about goes out at once and unmarked", "[publishers][oncall]") {
  AskingOffice office;
  office.answer = [](const std::vector<json>&, Milliseconds) { return ReadBack{}; };
  office.violate(4711, "e1");
  office.pass(2);
  REQUIRE(office.chat->sent.size() == 1);
  CHECK_FALSE(office.chat->sent[0].unverified);
}

TEST_CASE("nobody is asked about queues, about ourselves, or when it is switched off",
          "[publishers][oncall]") {
  AskingOffice office;
  office.sla.alerts.escalation = {step("violation", 0, {"chat"})};
  office.tell("alert:firing", {{"alert_key", "deskwire/dead_jobs"},
                               {"event_id", "o1"},
                               {"name", "dead_jobs"},
                               {"severity", "critical"}});
  office.tell("sla:violation", {{"alert_key", "sla/queue/jobs/queue_wait"},
                                {"event_id", "q1"},
                                {"metric", "queue_wait"},
                                {"queue", "jobs"}});
  office.pass(5);
  CHECK(office.chat->sent.size() == 1);
  CHECK(office.pager->sent.size() == 1);
  office.sla.on_call.read_back_s = 0;
  office.violate(4711, "e1");
  office.pass(40);
  CHECK(office.chat->sent.size() == 2);
  CHECK(office.asked.empty());
}

TEST_CASE("a process that stops gives the page back, and another one asks anew",
          "[publishers][oncall]") {
  AskingOffice office;
  office.answer = [&](const std::vector<json>& alerts, Milliseconds) {
    const bool first = office.asked.size() == 1;
    return first ? ReadBack{.unread = alerts.size(), .stopped = true} : ReadBack{.read = 1};
  };
  office.violate(4711, "e1");
  office.pass(2);
  CHECK(office.chat->sent.empty());
  office.pass(5);
  CHECK(office.asked.size() == 2);
  REQUIRE(office.chat->sent.size() == 1);
  CHECK_FALSE(office.chat->sent[0].unverified);
}

TEST_CASE("a sink's time to give up begins after the helpdesk's", "[publishers][oncall]") {
  AskingOffice office;
  office.sla.sinks["chat"].give_up_s = 5;
  office.answer = hangs;
  office.chat->failures = {{ErrorCode::kUnavailable, "500"}, {ErrorCode::kUnavailable, "500"}};
  office.violate(4711, "e1");
  office.pass(30);
  CHECK(office.chat->sent.size() == 1);
  CHECK(office.store.letters.empty());
}

TEST_CASE("a dead letter that is sent anew is read back anew", "[publishers][oncall]") {
  AskingOffice office;
  office.answer = hangs;
  office.chat->failures = {{ErrorCode::kInvalid, "400"}};
  office.violate(4711, "e1");
  office.pass(5);
  REQUIRE(office.store.letters.size() == 1);
  office.answer = [](const std::vector<json>& alerts, Milliseconds) {
    return ReadBack{.read = alerts.size()};
  };
  CHECK(office.desk().replay(office.store.letters.begin()->first, office.store.now_ms));
  office.pass(5);
  REQUIRE(office.chat->sent.size() == 1);
  CHECK_FALSE(office.chat->sent[0].unverified);
}
