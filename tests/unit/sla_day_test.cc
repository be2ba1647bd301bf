// A day in fast-forward, and some more: fifty conversations with scripted lives, and the log that
// they must leave. tests/fixtures/sla/day.txt holds both and says of each why; its expected lines
// were worked out by hand from the rules of docs/sla.md.

#include "tests/support/sla_day.h"

#include <fstream>
#include <sstream>

#include "config/schedule.h"
#include "tests/support/catch.h"
#include "tests/support/sla_story.h"

namespace deskwire::testing {
namespace {

struct Life {
  std::string title;
  std::vector<std::string> script;
  std::vector<std::string> expected;
};

std::vector<Life> read_lives() {
  std::ifstream file(DESKWIRE_FIXTURES "/sla/day.txt");
  REQUIRE(file);
  std::vector<Life> lives;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("#")) continue;
    if (line.starts_with("= ")) {
      lives.push_back({line.substr(2), {}, {}});
    } else if (line.starts_with("> ")) {
      lives.back().expected.push_back(line.substr(2));
    } else {
      lives.back().script.push_back(line);
    }
  }
  return lives;
}

config::Calendar office() {
  config::Calendar calendar;
  calendar.first.schedule.timezone = "Europe/Berlin";
  for (std::size_t day = 0; day < 5; ++day) {
    calendar.first.schedule.hours.at(day) = {{9 * 3600, 17 * 3600}};
  }
  using namespace std::chrono;
  calendar.first.schedule.holidays.insert(local_days{2026y / April / 3});
  return calendar;
}

/// What day.txt describes at its top.
std::vector<config::SlaPolicy> policies() {
  const auto labelled = [](config::SlaPolicy policy, const char* label, int position) {
    policy.id = label;
    policy.position = position;
    policy.all = {{.field = "labels", .op = "is", .values = {label}}};
    return policy;
  };
  config::SlaPolicy office_hours = labelled(gold_policy(), "office", 1);
  office_hours.calendar = "office";
  office_hours.resolution = {};
  config::SlaPolicy vip = labelled(gold_policy(), "vip", 2);
  vip.first_response.targets_s = {{"default", 600}};
  vip.first_response.warn_at = {{.percent = 50}, {.before_s = 60}};
  vip.next_response = {};
  vip.resolution = {};
  config::SlaPolicy relaxed = labelled(gold_policy(), "any", 3);
  relaxed.first_response.counts_as_response = config::SlaAuthor::kAny;
  relaxed.next_response = {};
  relaxed.resolution = {};
  config::SlaPolicy graceful = labelled(gold_policy(), "grace", 4);
  graceful.violation_grace_s = 5;
  graceful.next_response = {};
  graceful.resolution = {};
  config::SlaPolicy solving = labelled(gold_policy(), "solve", 5);
  solving.first_response = {};
  solving.next_response = {};
  config::SlaPolicy cycles = labelled(solving, "cycle", 6);
  cycles.resolution.mode = config::SlaMode::kCycle;
  config::SlaPolicy handover = labelled(relaxed, "handover", 7);
  handover.first_response.counts_as_response = config::SlaAuthor::kHuman;
  handover.first_response.start = config::SlaStart::kHandover;
  config::SlaPolicy rest = gold_policy();
  rest.position = 100;
  rest.resolution = {};
  return {office_hours, vip, relaxed, graceful, solving, cycles, handover, rest};
}

TEST_CASE("a day in fast-forward leaves the log that was worked out by hand", "[sla][day]") {
  const std::map<std::string, config::Calendar> calendars{{"office", office()}};
  auto later = policies();
  later.back().next_response.targets_s = {{"default", 3600}};
  std::erase_if(later, [](const auto& policy) { return policy.id == "vip"; });
  SlaDay day(book_of(policies(), calendars));
  day.reload(SlaDay::moment("31", "12:00"), book_of(later, calendars));
  const auto lives = read_lives();
  CHECK(lives.size() == 50);
  for (const Life& life : lives) {
    CAPTURE(life.title);
    CHECK(day.live(life.script, SlaDay::moment("40", "00:00")) == life.expected);
  }
}

}  // namespace
}  // namespace deskwire::testing
