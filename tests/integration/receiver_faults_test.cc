#include <nlohmann/json.hpp>
#include <set>

#include "core/net/http_server.h"
#include "tests/support/catch.h"
#include "tests/support/receiver_fixture.h"
#include "webhooks/receiver.h"

using namespace deskwire;
using namespace deskwire::testing;
using nlohmann::json;
using Fault = ScriptedStore::Fault;

namespace {

const std::string kBody = chatwoot_body("message_created.incoming");

int retry_after(const test::RawResponse& answer) {
  const std::string name = "Retry-After: ";
  const std::size_t at = answer.head.find(name);
  return at == std::string::npos ? -1 : std::stoi(answer.head.substr(at + name.size()));
}

}  // namespace

TEST_CASE("whatever ails the store, the sender is asked to come again, never with a 5xx",
          "[webhooks][receiver]") {
  ReceiverFixture door;
  for (const ErrorCode code :
       {ErrorCode::kUnavailable, ErrorCode::kFull, ErrorCode::kTooLarge, ErrorCode::kCorrupt,
        ErrorCode::kInternal, ErrorCode::kCancelled, ErrorCode::kInvalid}) {
    CAPTURE(name_of(code));
    door.store.next({{Fault::kRefuse, code}});
    const auto answer = door.deliver("support", kBody);
    CHECK(answer.status == 429);
    CHECK(json::parse(answer.body)["error"]["code"] == 42900);
    CHECK(retry_after(answer) >= 5);
    CHECK(retry_after(answer) <= 55);
  }
  CHECK(door.counted("support", "throttled", "unavailable"));
  CHECK(door.counted("support", "throttled", "full"));
  CHECK(door.counted("support", "throttled", "other"));
  // The sender comes again and nothing stands in its way.
  CHECK(door.deliver("support", kBody).status == 202);
}

TEST_CASE("the delays differ, so that refused senders do not come back together",
          "[webhooks][receiver]") {
  ReceiverFixture door;
  std::set<int> delays;
  for (int i = 0; i < 40; ++i) {
    door.store.next({{Fault::kRefuse, ErrorCode::kUnavailable}});
    delays.insert(retry_after(door.deliver("support", kBody)));
  }
  CHECK(delays.size() > 5);
}

TEST_CASE("after a timeout the same receipt is asked for once more", "[webhooks][receiver]") {
  ReceiverFixture door;
  door.store.next({{Fault::kLoseAnswer, ErrorCode::kTimeout}});
  const auto answer = door.deliver("support", kBody);
  CHECK(answer.status == 202);
  const auto receipts = door.store.receipts();
  REQUIRE(receipts.size() == 2);
  CHECK(receipts[0] == receipts[1]);
  CHECK(json::parse(answer.body)["job"] == receipts[0]);
  CHECK(json::parse(answer.body)["duplicate"] == false);
  CHECK(door.store.memory().appended_events().size() == 1);
}

TEST_CASE("two timeouts are a 429", "[webhooks][receiver]") {
  ReceiverFixture door;
  door.store.next({{Fault::kRefuse, ErrorCode::kTimeout}, {Fault::kRefuse, ErrorCode::kTimeout}});
  CHECK(door.deliver("support", kBody).status == 429);
  CHECK(door.store.receipts().size() == 2);
  CHECK(door.counted("support", "throttled", "timeout"));
}

TEST_CASE("an unparsable delivery is asked for again with the same receipt as well",
          "[webhooks][receiver]") {
  ReceiverFixture door;
  door.store.next({{Fault::kLoseAnswer, ErrorCode::kTimeout}});
  CHECK(door.deliver("support", "{}").status == 202);
  CHECK(door.store.memory().list({}).value().size() == 1);
}

TEST_CASE("what is too large to be kept is 413", "[webhooks][receiver]") {
  config::Config config = receiver_config();
  config.jobs.max_payload_bytes = 100;
  ReceiverFixture door(config);
  CHECK(door.deliver("support", kBody).status == 413);
  CHECK(door.store.receipts().empty());
}

TEST_CASE("later events about our own post carry our message id", "[webhooks][receiver]") {
  ReceiverFixture door;
  const std::string ours = "dw-01KTRQSXXZ0000000000000003-1";
  json echo = json::parse(chatwoot_body("message_created.outgoing.agent_bot"));
  echo["source_id"] = ours;
  CHECK(door.deliver("support", echo.dump(), "d-1").body == R"({"job":null,"duplicate":false})");
  CHECK(door.store.memory().appended_events().empty());

  json read = json::parse(chatwoot_body("message_updated.status_read"));
  read["id"] = echo["id"];
  read["content"] = echo["content"];
  read["conversation"]["messages"][0]["id"] = echo["id"];
  door.store.fail_lookups(true);
  CHECK(door.deliver("support", read.dump(), "d-2").status == 429);
  door.store.fail_lookups(false);
  CHECK(door.deliver("support", read.dump(), "d-2").status == 200);
  const auto events = door.store.memory().appended_events();
  REQUIRE(events.size() == 1);
  CHECK(json::parse(events[0].data)["messageId"] == ours);
  CHECK(json::parse(events[0].data)["helpdeskId"] == "5009");
}

TEST_CASE("deliveries wait for the store without holding up others", "[webhooks][receiver]") {
  ReceiverFixture door;
  door.store.next({{Fault::kHold, ErrorCode::kInternal}});
  test::RawClient slow(door.receiver.port());
  REQUIRE(slow.send(door.signed_post("support", kBody, "d-1")));
  while (door.store.held() == 0) std::this_thread::yield();
  json other = json::parse(kBody);
  for (int i = 0; i < 20; ++i) {
    other["id"] = 6000 + i;
    CHECK(door.deliver("support", other.dump(), "o-" + std::to_string(i)).status == 202);
  }
  door.store.release_held();
  CHECK(slow.response().status == 202);
}

TEST_CASE("a delivery whose answer comes after the stop harms nobody", "[webhooks][receiver]") {
  auto door = std::make_unique<ReceiverFixture>();
  door->store.next({{Fault::kHold, ErrorCode::kInternal}});
  test::RawClient client(door->receiver.port());
  REQUIRE(client.send(door->signed_post("support", kBody, "d-1")));
  while (door->store.held() == 0) std::this_thread::yield();
  door->receiver.stop();
  door->store.release_held();
  CHECK(door->store.memory().appended_events().size() == 1);
}

TEST_CASE("a receiver is stopped twice, unstarted and by leaving", "[webhooks][receiver]") {
  ManualClock clock;
  Metrics metrics;
  ScriptedStore store(clock);
  const config::Config config = receiver_config();
  webhooks::Receiver unstarted(config, store, clock, metrics);
  unstarted.stop();
  ReceiverFixture door;
  door.receiver.stop();
  door.receiver.stop();
}

TEST_CASE("a port in use is named with its config key", "[webhooks][receiver]") {
  ReceiverFixture door;
  config::Config config = receiver_config();
  config.receiver.listen = "127.0.0.1:" + std::to_string(door.receiver.port());
  webhooks::Receiver second(config, door.store, door.clock, door.metrics);
  const Status started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == ErrorCode::kConflict);
  CHECK(started.error().message.find("receiver.listen") != std::string::npos);
}
