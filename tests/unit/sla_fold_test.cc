#include <algorithm>
#include <random>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/sla_story.h"

namespace deskwire::testing {
namespace {

using Lines = std::vector<std::string>;

/// Only what concerns one metric.
Lines of(const Lines& lines, const std::string& metric) {
  Lines kept;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(kept), [&](const std::string& line) {
    return line.find(metric + "/") != std::string::npos;
  });
  return kept;
}

config::SlaPolicy only(const char* metric) {
  config::SlaPolicy policy = gold_policy();
  const std::string wanted = metric;
  if (wanted != "first_response") policy.first_response = {};
  if (wanted != "next_response") policy.next_response = {};
  if (wanted != "resolution") policy.resolution = {};
  return policy;
}

TEST_CASE("a clock warns, is missed, and is met late", "[sla][fold]") {
  const auto book = book_of({only("first_response")});
  SlaStory story;
  story.created(0).customer(0);
  CHECK(stand(story.fold(*book, 0)) == Lines{"first_response/1 running due 60m"});
  CHECK(told(story.fold(*book, 45 * kMinute - 1)).empty());
  CHECK(story.fold(*book, 0).next_ms == kSlaStart + 45 * kMinute);
  CHECK(told(story.fold(*book, 45 * kMinute)) == Lines{"45m warning first_response/1 2700/2700"});
  CHECK(story.fold(*book, 50 * kMinute).next_ms == kSlaStart + kHour);
  CHECK(told(story.fold(*book, kHour - 1)).size() == 1);
  CHECK(told(story.fold(*book, kHour)).back() == "60m violation first_response/1 3600/3600");
  CHECK(stand(story.fold(*book, kHour)) == Lines{"first_response/1 breached due 60m"});
  story.agent(70 * kMinute);
  CHECK(told(story.fold(*book, 70 * kMinute)).back() == "70m met first_response/1 3600/4200 late");
  CHECK(stand(story.fold(*book, 71 * kMinute)) == Lines{"first_response/1 met_late"});
  CHECK_FALSE(story.fold(*book, 71 * kMinute).next_ms);
}

TEST_CASE("an answer at the due time is in time", "[sla][fold]") {
  const auto book = book_of({only("first_response")});
  SlaStory story;
  story.customer(0).agent(kHour);
  CHECK(told(story.fold(*book, 2 * kHour)) ==
        Lines{"45m warning first_response/1 2700/2700", "60m met first_response/1 3600/3600"});
}

TEST_CASE("a violation waits for facts that are on their way", "[sla][fold]") {
  auto policy = only("first_response");
  policy.violation_grace_s = 5;
  const auto book = book_of({policy});
  SlaStory story;
  story.customer(0);
  CHECK(told(story.fold(*book, kHour + 4999)).size() == 1);
  CHECK(story.fold(*book, kHour + 1).next_ms == kSlaStart + kHour + 5000);
  CHECK(told(story.fold(*book, kHour + 5000)).back() ==
        "3605s violation first_response/1 3600/3605");
  SECTION("a late answer within that time is told as met, nobody is woken") {
    story.agent(kHour + 3000);
    CHECK(told(story.fold(*book, 2 * kHour)).back() == "3603s met first_response/1 3600/3603 late");
    CHECK(told(story.fold(*book, 2 * kHour)).size() == 2);
  }
}

TEST_CASE("neither notes nor bots nor macros answer for a human", "[sla][fold]") {
  SlaStory story;
  story.customer(0).note(kMinute).bot(2 * kMinute).macro(3 * kMinute);
  auto policy = only("first_response");
  CHECK(stand(story.fold(*book_of({policy}), 10 * kMinute)) ==
        Lines{"first_response/1 running due 60m"});
  policy.first_response.counts_as_response = config::SlaAuthor::kAny;
  CHECK(told(story.fold(*book_of({policy}), 10 * kMinute)) ==
        Lines{"2m met first_response/1 3600/120"});
}

TEST_CASE("writing again does not start the clock anew", "[sla][fold]") {
  const auto book = book_of({gold_policy()});
  SlaStory story;
  story.customer(0).customer(30 * kMinute).agent(40 * kMinute);
  story.customer(60 * kMinute).customer(90 * kMinute);
  const Lines now = stand(story.fold(*book, 100 * kMinute));
  CHECK(of(now, "first_response") == Lines{"first_response/1 met"});
  CHECK(of(now, "next_response") == Lines{"next_response/1 running due 180m"});
  story.agent(110 * kMinute).customer(120 * kMinute);
  CHECK(of(stand(story.fold(*book, 121 * kMinute)), "next_response") ==
        Lines{"next_response/1 met", "next_response/2 running due 240m"});
}

TEST_CASE("the next response is asked for only after the first one", "[sla][fold]") {
  SlaStory story;
  story.customer(0).customer(5 * kMinute);
  CHECK(of(stand(story.fold(*book_of({gold_policy()}), kHour / 2)), "next_response").empty());
  CHECK(stand(story.fold(*book_of({only("next_response")}), kHour / 2)) ==
        Lines{"next_response/1 running due 120m"});
}

TEST_CASE("an agent who writes first owes nobody a first response", "[sla][fold]") {
  const auto book = book_of({only("first_response")});
  SlaStory story;
  story.created(0).agent(0);
  CHECK(stand(story.fold(*book, kHour)).empty());
  story.customer(2 * kHour);
  CHECK(stand(story.fold(*book, 2 * kHour)) == Lines{"first_response/1 running due 180m"});
}

TEST_CASE("resolving ends what waits, and thanks afterwards start nothing", "[sla][fold]") {
  const auto book = book_of({gold_policy()});
  SlaStory story;
  story.created(0).customer(0).agent(kMinute).customer(2 * kMinute);
  story.status(10 * kMinute, "resolved").customer(11 * kMinute);
  const Lines now = stand(story.fold(*book, kHour));
  CHECK(now == Lines{"first_response/1 met", "next_response/1 cancelled", "resolution/1 met"});
  SECTION("but where the helpdesk reopens, the customer waits since that message") {
    story.status(12 * kMinute, "open");
    CHECK(of(stand(story.fold(*book, kHour)), "next_response").back() ==
          "next_response/2 running due 131m");
  }
}

TEST_CASE("a reopened conversation goes on, stays done, or begins a cycle", "[sla][fold]") {
  SlaStory story;
  story.created(0).customer(0).status(kHour, "resolved").status(3 * kHour, "open");
  auto policy = only("resolution");
  // Eight hours, of which two do not count.
  CHECK(stand(story.fold(*book_of({policy}), 4 * kHour)) == Lines{"resolution/1 running due 600m"});
  policy.resolution.mode = config::SlaMode::kFirst;
  CHECK(stand(story.fold(*book_of({policy}), 4 * kHour)) == Lines{"resolution/1 met"});
  policy.resolution.mode = config::SlaMode::kCycle;
  CHECK(stand(story.fold(*book_of({policy}), 4 * kHour)) ==
        Lines{"resolution/1 met", "resolution/2 running due 660m"});
}

TEST_CASE("a pause takes the due time away and moves it", "[sla][fold]") {
  const auto book = book_of({only("resolution")});
  SlaStory story;
  story.created(0).customer(0).status(kHour, "snoozed");
  CHECK(stand(story.fold(*book, 20 * kHour)) == Lines{"resolution/1 paused"});
  CHECK_FALSE(story.fold(*book, 2 * kHour).next_ms);
  CHECK(told(story.fold(*book, 20 * kHour)) == Lines{"60m paused resolution/1 28800/3600"});
  story.status(3 * kHour, "open");
  CHECK(stand(story.fold(*book, 4 * kHour)) == Lines{"resolution/1 running due 600m"});
  CHECK(told(story.fold(*book, 4 * kHour)).back() == "180m resumed resolution/1 28800/3600");
}

TEST_CASE("a pause of one metric is none of another", "[sla][fold]") {
  SlaStory story;
  story.created(0).customer(0).status(kMinute, "pending");
  CHECK(of(stand(story.fold(*book_of({gold_policy()}), 10 * kMinute)), "first_response") ==
        Lines{"first_response/1 running due 60m"});
}

TEST_CASE("a handed-over conversation starts when the bot lets go", "[sla][fold]") {
  auto policy = only("first_response");
  policy.first_response.start = config::SlaStart::kHandover;
  SlaStory story;
  story.created(0, "pending").customer(0);
  CHECK(stand(story.fold(*book_of({policy}), kMinute)) == Lines{"first_response/1 paused"});
  story.status(20 * kMinute, "open");
  CHECK(stand(story.fold(*book_of({policy}), 21 * kMinute)) ==
        Lines{"first_response/1 running due 80m"});
}

TEST_CASE("a new priority counts from the start, and may be missed at once", "[sla][fold]") {
  const auto book = book_of({only("first_response")});
  SlaStory story;
  story.created(0).customer(0).priority(10 * kMinute, "urgent");
  CHECK(stand(story.fold(*book, 10 * kMinute)) == Lines{"first_response/1 running due 15m"});
  SlaStory late;
  late.created(0).customer(0).priority(20 * kMinute, "urgent");
  CHECK(told(late.fold(*book, 20 * kMinute)) == Lines{"20m violation first_response/1 900/1200"});
  CHECK(told(late.fold(*book, 19 * kMinute)).empty());
}

TEST_CASE("a new target keeps the pauses", "[sla][fold]") {
  auto policy = only("resolution");
  policy.resolution.targets_s["low"] = 16 * 3600;
  const auto book = book_of({policy});
  SlaStory story;
  story.created(0).customer(0).status(kHour, "pending").status(3 * kHour, "open");
  story.priority(4 * kHour, "low");
  CHECK(stand(story.fold(*book, 4 * kHour)) == Lines{"resolution/1 running due 1080m"});
}

TEST_CASE("what was missed stays missed under a longer target", "[sla][fold]") {
  auto policy = only("first_response");
  policy.first_response.targets_s["low"] = 5 * 3600;
  const auto book = book_of({policy});
  SlaStory story;
  story.created(0).customer(0).priority(2 * kHour, "low");
  const auto fold = story.fold(*book, 6 * kHour);
  CHECK(fold.clocks.at(0).breached);
  CHECK(std::count_if(fold.occurrences.begin(), fold.occurrences.end(), [](const auto& o) {
          return o.kind == worker::SlaOccurrence::Kind::kViolation;
        }) == 1);
}

TEST_CASE("merged and deleted conversations wake nobody", "[sla][fold]") {
  const auto book = book_of({only("first_response")});
  SlaStory merged;
  merged.customer(0).merged(10 * kMinute).customer(11 * kMinute);
  CHECK(told(merged.fold(*book, 5 * kHour)) ==
        Lines{"10m cancelled first_response/1 3600/600 merged"});
  SlaStory deleted;
  deleted.customer(0).deleted(10 * kMinute);
  CHECK(told(deleted.fold(*book, 5 * kHour)).back() ==
        "10m cancelled first_response/1 3600/600 deleted");
}

TEST_CASE("the first policy that matches counts, also later on", "[sla][fold]") {
  auto vip = only("first_response");
  vip.id = "vip";
  vip.first_response.targets_s = {{"default", 600}};
  vip.all = {{.field = "labels", .op = "contains", .values = {"vip"}}};
  auto rest = only("first_response");
  rest.position = 10;
  const auto book = book_of({rest, vip});
  SlaStory story;
  story.created(0).customer(0);
  CHECK(stand(story.fold(*book, 0)) == Lines{"first_response/1 running due 60m"});
  story.labels(5 * kMinute, R"(["vip","x"])");
  CHECK(stand(story.fold(*book, 5 * kMinute)) == Lines{"first_response/1 running due 10m"});
  story.labels(6 * kMinute, "[]");
  CHECK(stand(story.fold(*book, 6 * kMinute)) == Lines{"first_response/1 running due 60m"});
}

TEST_CASE("a clock that no policy asks for any more is cancelled", "[sla][fold]") {
  auto policy = only("first_response");
  policy.all = {{.field = "labels", .op = "contains", .values = {"vip"}}};
  const auto book = book_of({policy});
  SlaStory story;
  story.created(0).labels(0, R"(["vip"])").customer(0).labels(5 * kMinute, "[]");
  CHECK(told(story.fold(*book, 5 * kHour)) ==
        Lines{"5m cancelled first_response/1 3600/300 no_policy"});
}

TEST_CASE("a version of a policy counts from its day on", "[sla][fold]") {
  auto first = only("first_response");
  auto second = first;
  second.version = 2;
  second.effective_from_ms = kSlaStart + 30 * kMinute;
  second.first_response.targets_s = {{"default", 2400}};
  const auto book = book_of({first, second});
  SlaStory story;
  story.created(0).customer(0);
  CHECK(stand(story.fold(*book, 29 * kMinute)) == Lines{"first_response/1 running due 60m"});
  CHECK(story.fold(*book, 29 * kMinute).next_ms == kSlaStart + 30 * kMinute);
  CHECK(stand(story.fold(*book, 31 * kMinute)) == Lines{"first_response/1 running due 40m"});
  SlaStory done;
  done.created(0).customer(0).agent(20 * kMinute);
  CHECK(done.fold(*book, kHour).clocks.at(0).target.policy->version == 1);
}

TEST_CASE("what was late before it could be known wakes nobody", "[sla][fold]") {
  SlaStory imported;
  imported.customer(0).received(30 * kHour);
  CHECK(told(imported.fold(*book_of({only("first_response")}), 30 * kHour)).back() ==
        "60m violation first_response/1 3600/3600 silent");
  auto policy = only("first_response");
  policy.enforce_from_ms = kSlaStart + kMinute;
  SlaStory before;
  before.customer(0);
  CHECK(told(before.fold(*book_of({policy}), 2 * kHour)).back() ==
        "60m violation first_response/1 3600/3600 silent");
}

TEST_CASE("a helpdesk's clock that runs ahead does not stop ours", "[sla][fold]") {
  const auto book = book_of({only("first_response")});
  SlaStory story;
  story.customer(10 * kMinute).received(0);
  CHECK(stand(story.fold(*book, 0)) == Lines{"first_response/1 running due 3605s"});
}

TEST_CASE("messages of the same second are ordered by the helpdesk's ids", "[sla][fold]") {
  const auto book = book_of({gold_policy()});
  SlaStory story;
  story.customer(0).agent(kMinute).customer(kMinute);  // Ids 1, 2, 3.
  CHECK(of(stand(story.fold(*book, 2 * kMinute)), "next_response") ==
        Lines{"next_response/1 running due 121m"});
}

TEST_CASE("the helpdesk's own clocks stand in for webhooks that never came", "[sla][fold]") {
  const auto book = book_of({only("first_response")});
  SlaStory waiting;
  const std::string since = std::to_string(kSlaStart + kMinute);
  waiting.created(0).fact(10 * kMinute, R"("kind":"conversation_updated","created_at":)" +
                                            std::to_string(kSlaStart) + R"(,"waiting_since":)" +
                                            since);
  CHECK(stand(waiting.fold(*book, 10 * kMinute)) == Lines{"first_response/1 running due 61m"});
  waiting.fact(30 * kMinute, R"("kind":"conversation_updated","first_reply_at":)" +
                                 std::to_string(kSlaStart + 20 * kMinute));
  CHECK(told(waiting.fold(*book, 30 * kMinute)) == Lines{"20m met first_response/1 3600/1140"});
}

/// A random life of a conversation.
SlaStory random_story(std::mt19937_64& random) {
  SlaStory story;
  const auto pick = [&](std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(0, most)(random);
  };
  story.created(0);
  const std::int64_t steps = 3 + pick(12);
  for (std::int64_t i = 0; i < steps; ++i) {
    // Few different moments, so that many facts share one.
    const std::int64_t at = pick(20) * 20 * kMinute;
    switch (pick(9)) {
      case 0:
      case 1:
      case 2:
        story.customer(at);
        break;
      case 3:
      case 4:
        story.agent(at);
        break;
      case 5:
        story.status(at, pick(1) == 0 ? "resolved" : "open");
        break;
      case 6:
        story.status(at, pick(1) == 0 ? "snoozed" : "pending");
        break;
      case 7:
        story.priority(at, pick(1) == 0 ? "urgent" : "low");
        break;
      case 8:
        story.bot(at);
        break;
      default:
        story.labels(at, pick(1) == 0 ? R"(["vip"])" : "[]");
    }
    if (pick(4) == 0) story.received(at + pick(60) * kMinute);
  }
  return story;
}

std::set<std::string> ids_of(const worker::SlaFold& fold) {
  std::set<std::string> ids;
  for (const auto& occurrence : fold.occurrences) {
    ids.insert(worker::event_id("1", "42", occurrence));
  }
  return ids;
}

TEST_CASE("any order and repetition of the facts gives the same clocks and the same events",
          "[sla][fold][property]") {
  auto vip = gold_policy();
  vip.id = "vip";
  vip.first_response.targets_s = {{"default", 1200}, {"urgent", 600}};
  vip.all = {{.field = "labels", .op = "contains", .values = {"vip"}}};
  auto rest = gold_policy();
  rest.position = 10;
  rest.violation_grace_s = 5;
  const auto book = book_of({vip, rest});
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const SlaStory story = random_story(random);
    const std::int64_t now = kSlaStart + 9 * kHour;
    const auto expected = worker::fold_facts(story.facts(), *book, now);
    for (int shuffle = 0; shuffle < 5; ++shuffle) {
      auto facts = story.facts();
      const std::size_t once = facts.size();
      for (std::size_t i = 0; i < once; ++i) {
        if (random() % 3 != 0) continue;
        auto again = facts[i];
        // A repetition comes later; a fact is as old as its first arrival.
        again.received_ms += kMinute;
        facts.push_back(std::move(again));
      }
      std::shuffle(facts.begin(), facts.end(), random);
      const auto actual = worker::fold_facts(std::move(facts), *book, now);
      CAPTURE(round, shuffle);
      REQUIRE(stand(actual) == stand(expected));
      REQUIRE(told(actual) == told(expected));
      REQUIRE(ids_of(actual) == ids_of(expected));
      REQUIRE(actual.next_ms == expected.next_ms);
    }
  }
}

TEST_CASE("events that were told stay told as time goes on", "[sla][fold][property]") {
  const auto book = book_of({gold_policy()});
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const SlaStory story = random_story(random);
    std::set<std::string> before;
    for (std::int64_t now = 9 * kHour; now < 20 * kHour; now += 37 * kMinute) {
      const auto fold = story.fold(*book, now);
      const auto ids = ids_of(fold);
      CAPTURE(round, now);
      REQUIRE(std::includes(ids.begin(), ids.end(), before.begin(), before.end()));
      for (const auto& occurrence : fold.occurrences) REQUIRE(occurrence.at_ms <= kSlaStart + now);
      before = ids;
    }
  }
}

}  // namespace
}  // namespace deskwire::testing
