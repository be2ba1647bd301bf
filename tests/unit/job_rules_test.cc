#include "jobs/effects.h"
#include "jobs/held_leases.h"
#include "jobs/job_store.h"
#include "jobs/payload_codec.h"
#include "jobs/shard_timers.h"
#include "jobs/store_rules.h"
#include "tests/support/catch.h"

namespace deskwire::jobs {
namespace {

TEST_CASE("message ids compare as numbers of any size", "[jobs][rules]") {
  CHECK(not_older_id("10", "9"));
  CHECK_FALSE(not_older_id("9", "10"));
  CHECK(not_older_id("7", "7"));
  CHECK(not_older_id("007", "7"));
  CHECK(not_older_id("9007199254740993", "9007199254740992"));
  CHECK_FALSE(not_older_id("9007199254740992", "9007199254740993"));
  CHECK(not_older_id("01J9ZB", "01J9ZA"));
  CHECK(not_older_id("0", ""));
}

TEST_CASE("an error message is cut between characters", "[jobs][rules]") {
  CHECK(kept_error_message("short") == "short");
  const std::string umlauts = [] {
    std::string text = "x";
    for (int i = 0; i < 400; ++i) text += "\xc3\xa4";
    return text;
  }();
  CHECK(kept_error_message(umlauts).size() == 499);
}

TEST_CASE("payloads are packed when that makes them shorter", "[jobs][payload]") {
  const std::string text(5000, 'a');
  CHECK(pack_payload(text).size() < 100);
  CHECK(unpack_payload(pack_payload(text), 5000).value() == text);
  CHECK(pack_payload("short") == "rshort");
  CHECK(unpack_payload("r", 10).value().empty());
}

TEST_CASE("damaged payloads are an error", "[jobs][payload]") {
  const std::string packed = pack_payload(std::string(5000, 'a'));
  const std::string cut = packed.substr(0, packed.size() - 3);
  std::string bomb = packed;
  bomb[1] = '\x7f';
  for (const std::string& stored :
       {std::string(), std::string("x"), std::string("z"), std::string("zabc"), cut, bomb,
        std::string("z\0\0\x13\x88garbage", 12), std::string("r") + std::string(6000, 'x')}) {
    const auto payload = unpack_payload(stored, 5000);
    REQUIRE_FALSE(payload);
    CHECK(payload.error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("the root is found in our message ids only", "[jobs][effects]") {
  const std::string root = "01J9ZB3W5T8QK2M4N6P7R8S9T3";
  CHECK(root_of_message("dw-" + root + "-1") == root);
  for (const std::string& other : {std::string(), std::string("dw-"), "dw-" + root, root + "-1",
                                   "dw-" + root + "x1", std::string("501")}) {
    CHECK(root_of_message(other).empty());
  }
  CHECK(effect_key(root) == effect_key(root, "reply"));
  CHECK(effect_key(root) != effect_key(root, "handoff"));
}

TEST_CASE("an unfinished event is filled in without touching texts", "[jobs][effects]") {
  Event event;
  event.channel = "conversation:42";
  event.id = "e1";
  event.name = "message:status";
  event.timestamp = -1;
  event.data =
      R"({"a":"@now@","b":@now@,"reason":"@reason@","timestamp":-1,"t":"\"timestamp\":-1"})";
  const Event filled = filled_event(event, 77, "rate_limited\"}");
  CHECK(filled.timestamp == 77);
  CHECK(filled.data ==
        R"({"a":77,"b":77,"reason":"rate_limited__","timestamp":77,"t":"\"timestamp\":-1"})");
  const std::string record = unfinished_record(event);
  CHECK(record.starts_with("conversation:42\ne1\n1\n0\n\"id\":\"e1\""));
  CHECK(record.find("\"timestamp\":@now@,\"data\"") != std::string::npos);
  CHECK(record.find("\"a\":@now@") != std::string::npos);
}

TEST_CASE("leases are renewed after a third and lost without an answer", "[jobs][lease]") {
  const MonotonicTime start = MonotonicTime{} + std::chrono::hours(1);
  const auto at = [&](int ms) { return start + Milliseconds{ms}; };
  HeldLeases held;
  Lease lease;
  lease.id = JobId("a");
  lease.lane = "42";
  lease.token = 7;
  lease.local_deadline = at(1200);
  held.add(lease, start);
  int shard = 0;
  while (!held.is_due(shard, at(400))) ++shard;
  CHECK(held.first() == at(400));
  CHECK_FALSE(held.is_due(shard, at(399)));
  CHECK(held.take_due(shard, at(100)).empty());
  CHECK(held.take_due(shard, at(300)).size() == 1);
  CHECK(held.first() == at(700));

  held.renewed(shard, at(300), {});
  CHECK(held.take_expired(at(1499)).empty());
  held.take_due(shard, at(800));
  CHECK(held.take_expired(at(1500)) == std::vector<JobId>{JobId("a")});
  CHECK(held.take_expired(at(1500)).empty());

  held.add(lease, start);
  held.take_due(shard, at(400));
  held.renewed(shard, at(400), {JobId("a")});
  CHECK(held.first() == MonotonicTime::max());
}

TEST_CASE("timers follow the server's clock, never early by more than a millisecond",
          "[jobs][timer]") {
  const MonotonicTime start = MonotonicTime{} + std::chrono::hours(1);
  ShardTimers timers;
  CHECK(timers.first() == MonotonicTime::max());
  timers.earlier(3, 1'000'500);
  CHECK(timers.first() == MonotonicTime::max());
  timers.sample(1'000'000, start);
  CHECK(timers.first() == start + Milliseconds{500});
  timers.sample(1'000'100, start + Milliseconds{130});
  CHECK(timers.first() == start + Milliseconds{500});
  timers.earlier(3, 1'000'900);
  CHECK(timers.first() == start + Milliseconds{500});
  timers.earlier(5, 1'000'200);
  CHECK(timers.first() == start + Milliseconds{200});
  CHECK(timers.is_due(5, start + Milliseconds{200}));
  CHECK_FALSE(timers.is_due(3, start + Milliseconds{200}));
  timers.clear(5);
  timers.forget_clock();
  timers.sample(990'000, start + Milliseconds{1000});
  CHECK(timers.first() == start + Milliseconds{11'500});
}

}  // namespace
}  // namespace deskwire::jobs
