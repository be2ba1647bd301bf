#include "publishers/oncall/alert_watch.h"

#include <nlohmann/json.hpp>

#include "core/metrics.h"
#include "publishers/oncall/self_readings.h"
#include "tests/support/catch.h"
#include "tests/support/memory_on_call.h"

using namespace deskwire;
using namespace deskwire::publishers;
using nlohmann::json;

namespace {

struct Watched {
  AlertWatch watch() {
    return AlertWatch(
        store,
        [this](const Event& event) -> Status {
          if (deaf) return fail(ErrorCode::kUnavailable, "away");
          events.push_back(event);
          return {};
        },
        60);
  }
  void observe(bool firing, std::int64_t at_s) {
    static_cast<void>(watch().observe({.name = "dead_jobs",
                                       .instance = "",
                                       .firing = firing,
                                       .severity = "warning",
                                       .summary = "3 jobs are dead",
                                       .reason = "",
                                       .advice = ""},
                                      1795255200000 + at_s * 1000));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Event& event : events) all.push_back(event.name);
    return all;
  }

  testing::MemoryOnCallStore store;
  std::vector<Event> events;
  bool deaf = false;
};

using Names = std::vector<std::string>;

/// What became of `name` among the readings.
bool fires(const std::vector<AlertReading>& all, const std::string& name) {
  for (const AlertReading& one : all) {
    if (one.name == name) return one.firing;
  }
  FAIL("no reading " << name);
  return false;
}

}  // namespace

TEST_CASE("an alert fires once and ends after a while without its cause", "[publishers][alerts]") {
  Watched watched;
  watched.observe(false, 0);
  CHECK(watched.events.empty());
  watched.observe(true, 10);
  watched.observe(true, 12);
  CHECK(watched.names() == Names{"alert:firing"});
  watched.observe(false, 20);
  watched.observe(true, 50);  // It flaps.
  watched.observe(false, 60);
  watched.observe(false, 119);
  CHECK(watched.events.size() == 1);
  watched.observe(false, 120);
  watched.observe(false, 130);
  CHECK(watched.names() == Names{"alert:firing", "alert:resolved"});
  const json data = json::parse(watched.events[0].data);
  CHECK(data.at("name") == "dead_jobs");
  CHECK(data.at("since") == 1795255210000);
  CHECK(data.at("alert_key") == "alert/dead_jobs");
  CHECK(watched.events[0].channel == "ops");
  CHECK(watched.store.texts.empty());
  watched.observe(true, 200);
  CHECK(watched.events[2].id != watched.events[0].id);
}

TEST_CASE("an announcement that was lost is repeated with its id", "[publishers][alerts]") {
  Watched watched;
  watched.deaf = true;
  watched.observe(true, 10);
  CHECK(watched.events.empty());
  watched.deaf = false;
  watched.observe(true, 15);
  watched.observe(true, 20);
  REQUIRE(watched.events.size() == 1);
  CHECK(json::parse(watched.events[0].data).at("since") == 1795255210000);
}

TEST_CASE("metrics in text form are summed by name and label", "[publishers][alerts]") {
  Metrics metrics;
  metrics.counter("deskwire_deliveries_total", "", {{"source", "a"}, {"result", "refused"}}).add(3);
  metrics.counter("deskwire_deliveries_total", "", {{"source", "b"}, {"result", "refused"}}).add(4);
  metrics.counter("deskwire_deliveries_total", "", {{"source", "a"}, {"result", "accepted"}}).add();
  metrics.gauge("deskwire_spool_entries", "").set(5);
  const std::string text = metrics.render();
  CHECK(sum_of(text, "deskwire_deliveries_total") == 8);
  CHECK(sum_of(text, "deskwire_deliveries_total", {R"(result="refused")"}) == 7);
  CHECK(sum_of(text, "deskwire_spool_entries") == 5);
  CHECK(sum_of(text, "deskwire_spool") == 0);
  CHECK(sum_of("", "deskwire_spool") == 0);
}

TEST_CASE("a process reads its own troubles from its metrics", "[publishers][alerts]") {
  config::AlertLimits limits;
  limits.no_delivery_s = 600;
  SelfReadings readings(limits, "host-a");
  Metrics metrics;
  auto& accepted = metrics.counter("deskwire_deliveries_total", "",
                                   {{"result", "accepted"}, {"reason", "none"}});
  auto& refused = metrics.counter("deskwire_deliveries_total", "",
                                  {{"result", "refused"}, {"reason", "mismatch"}});
  auto& throttled = metrics.counter("deskwire_deliveries_total", "",
                                    {{"result", "throttled"}, {"reason", "full"}});
  auto& closed = metrics.counter("deskwire_sessions_closed_total", "", {{"code", "1000"}});
  auto& kicked = metrics.counter("deskwire_sessions_closed_total", "", {{"code", "4001"}});
  auto& deferred = metrics.counter("deskwire_attempts_total", "", {{"result", "deferred"}});
  auto& dead = metrics.gauge("deskwire_jobs", "", {{"state", "dead"}});
  auto& spool = metrics.gauge("deskwire_spool_entries", "");
  std::int64_t now_ms = 1795255200000;
  const auto after = [&](std::int64_t seconds) {
    now_ms += seconds * 1000;
    return readings.read(metrics.render(), now_ms);
  };

  for (const AlertReading& one : after(0)) {
    CAPTURE(one.name);
    CHECK_FALSE(one.firing);
    CHECK(one.instance == (one.name == "dead_jobs" ? "" : "host-a"));
  }
  dead.set(1);
  spool.set(1);
  accepted.add(1000);
  refused.add(11);
  throttled.add(20);
  closed.add(90);
  kicked.add(10);
  deferred.add();
  auto all = after(5);
  CHECK(fires(all, "dead_jobs"));
  CHECK(fires(all, "spool_in_use"));
  CHECK(fires(all, "signature_failures"));
  CHECK(fires(all, "failing_deliveries"));
  CHECK(fires(all, "failing_connects"));
  CHECK_FALSE(fires(all, "circuit_open"));
  for (int i = 0; i < 6; ++i) {
    deferred.add();
    all = after(10);
  }
  CHECK(fires(all, "circuit_open"));
  CHECK_FALSE(fires(all, "signature_failures"));
  CHECK(fires(all, "failing_deliveries"));
  CHECK_FALSE(fires(all, "no_delivery"));
  for (int i = 0; i < 60; ++i) all = after(10);
  CHECK_FALSE(fires(all, "circuit_open"));
  CHECK_FALSE(fires(all, "failing_deliveries"));
  CHECK(fires(all, "no_delivery"));
  accepted.add();
  CHECK_FALSE(fires(after(5), "no_delivery"));
}

TEST_CASE("a limit of 0 switches an alert off", "[publishers][alerts]") {
  config::AlertLimits limits;
  limits.dead_jobs = limits.circuit_open_s = limits.spooled_deliveries = 0;
  limits.failing_connects_percent = limits.failing_deliveries_percent = 0;
  limits.signature_failures_per_minute = 0;
  CHECK(SelfReadings(limits, "a").read("", 1).empty());
}
