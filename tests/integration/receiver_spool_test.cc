#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/channel.h"
#include "jobs/redis_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/receiver_fixture.h"
#include "tests/support/redis_server.h"
#include "tests/support/temporary_directory.h"

using namespace deskwire;
using namespace deskwire::testing;
using nlohmann::json;
using Fault = ScriptedStore::Fault;

namespace {

config::Config with_spool(const TemporaryDirectory& directory,
                          std::size_t max_bytes = std::size_t{1} << 20U) {
  config::Config config = receiver_config();
  config.data_dir = directory.path() + "/data";
  config.receiver.spool.max_bytes = max_bytes;
  return config;
}

/// A customer's message of a conversation.
std::string message(int id, int conversation = 42) {
  json body = json::parse(chatwoot_body("message_created.incoming"));
  body["id"] = id;
  body["content"] = "m" + std::to_string(id);
  body["conversation"]["id"] = conversation;
  body["conversation"]["messages"][0]["id"] = id;
  body["conversation"]["messages"][0]["content"] = "m" + std::to_string(id);
  body["conversation"]["messages"][0]["conversation_id"] = conversation;
  return body.dump();
}

template <typename Condition>
bool comes_true(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

double metric(Metrics& metrics, const std::string& series) {
  const std::string text = metrics.render();
  const std::size_t at = text.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

bool drained(Metrics& metrics) {
  return comes_true([&] { return metric(metrics, "deskwire_spool_entries") == 0; });
}

std::vector<std::string> contents(const std::vector<Event>& events) {
  std::vector<std::string> found;
  for (const Event& event : events) found.push_back(json::parse(event.data)["content"]);
  return found;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("while the store is away a delivery is kept and answered with the job that it will have",
          "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next({{Fault::kRefuse, ErrorCode::kUnavailable}});
  const auto answer = door.deliver("support", message(1));
  CHECK(answer.status == 202);
  const json body = json::parse(answer.body);
  CHECK(body["duplicate"].is_null());
  CHECK(body["spooled"] == true);
  REQUIRE(drained(door.metrics));
  const auto job = door.store.get(JobId(body["job"].get<std::string>()));
  REQUIRE(job);
  CHECK(job->kind == "reply");
  CHECK(door.counted("support", "spooled", "unavailable"));
  CHECK(metric(door.metrics, "deskwire_spool_drained_total{result=\"accepted\"}") == 1);
  CHECK(json::parse(door.deliver("support", message(2), "d-2").body)["duplicate"] == false);
}

TEST_CASE("an event without a job is kept as well, and its answer names none",
          "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next({{Fault::kRefuse, ErrorCode::kUnavailable}});
  const auto answer = door.deliver("support", chatwoot_body("conversation_resolved"));
  CHECK(answer.status == 202);
  CHECK(answer.body == R"({"job":null,"duplicate":null,"spooled":true})");
  REQUIRE(drained(door.metrics));
  CHECK(door.store.memory().appended_events().size() >= 1);
}

TEST_CASE("what comes while others wait goes behind them", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next(
      {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kHold, ErrorCode::kInternal}});
  REQUIRE(door.deliver("support", message(1), "d-1").status == 202);
  REQUIRE(comes_true([&] { return door.store.held() == 1; }));
  // The store is well again; the first one is on its way, so these must wait.
  for (int id = 2; id <= 5; ++id) {
    const auto answer = door.deliver("support", message(id), "d-" + std::to_string(id));
    CHECK(json::parse(answer.body)["spooled"] == true);
  }
  CHECK(door.store.memory().appended_events().empty());
  CHECK(door.counted("support", "spooled", "behind"));
  door.store.release_held();
  REQUIRE(drained(door.metrics));
  CHECK(contents(door.store.memory().appended_events()) == Texts{"m1", "m2", "m3", "m4", "m5"});
}

TEST_CASE("a failure in the middle lets no later message overtake", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  const auto none = ErrorCode::kInternal;
  const auto away = ErrorCode::kUnavailable;
  door.store.next({{Fault::kRefuse, away}, {Fault::kHold, none}});
  REQUIRE(door.deliver("support", message(1, 42), "d-1").status == 202);
  REQUIRE(comes_true([&] { return door.store.held() == 1; }));
  for (int id = 2; id <= 9; ++id) {
    door.deliver("support", message(id, 40 + id % 2), "d-" + std::to_string(id));
  }
  // Every second call fails, in one wave or another, with and without its work done.
  door.store.next({{Fault::kRefuse, away},
                   {Fault::kNone, none},
                   {Fault::kLoseAnswer, away},
                   {Fault::kRefuse, ErrorCode::kTimeout},
                   {Fault::kNone, none},
                   {Fault::kLoseAnswer, ErrorCode::kTimeout},
                   {Fault::kRefuse, ErrorCode::kFull}});
  door.store.release_held();
  REQUIRE(drained(door.metrics));
  Texts even;
  Texts odd;
  for (const Event& event : door.store.memory().appended_events()) {
    const std::string text = json::parse(event.data)["content"];
    if (event.channel == "conversation:40") even.push_back(text);
    if (event.channel == "conversation:41") odd.push_back(text);
  }
  CHECK(even == Texts{"m2", "m4", "m6", "m8"});
  CHECK(odd == Texts{"m3", "m5", "m7", "m9"});
}

TEST_CASE("duplicates fall out when it drains, by delivery and by event", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next(
      {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kHold, ErrorCode::kInternal}});
  REQUIRE(door.deliver("support", message(1), "d-1").status == 202);
  REQUIRE(comes_true([&] { return door.store.held() == 1; }));
  CHECK(json::parse(door.deliver("support", message(1), "d-1").body)["duplicate"].is_null());
  CHECK(json::parse(door.deliver("support", message(1), "other-door").body)["duplicate"].is_null());
  door.store.release_held();
  REQUIRE(drained(door.metrics));
  CHECK(door.store.memory().list({})->size() == 1);
  CHECK(metric(door.metrics, "deskwire_spool_drained_total{result=\"duplicate\"}") == 2);
}

TEST_CASE("an answer that got lost does not make the delivery two", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next({{Fault::kLoseAnswer, ErrorCode::kTimeout}});
  const auto answer = door.deliver("support", message(1));
  CHECK(answer.status == 202);
  const std::string job = json::parse(answer.body)["job"];
  REQUIRE(drained(door.metrics));
  const auto jobs = door.store.memory().list({});
  REQUIRE(jobs->size() == 1);
  CHECK(jobs->front().id.str() == job);
  CHECK(door.store.memory().appended_events().size() == 1);
  CHECK(door.store.receipts() == Texts{job, job});
}

TEST_CASE("after a restart what waited goes first", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  std::string job;
  {
    ReceiverFixture door(with_spool(directory));
    door.store.next(
        {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kRefuse, ErrorCode::kUnavailable}});
    const auto answer = door.deliver("support", message(1), "d-1");
    job = json::parse(answer.body)["job"];
    door.store.next({{Fault::kHold, ErrorCode::kInternal}});
    door.receiver.stop();
    CHECK(door.store.memory().list({})->empty());
  }
  ReceiverFixture door(with_spool(directory));
  CHECK(door.deliver("support", message(2), "d-2").status == 202);
  REQUIRE(drained(door.metrics));
  REQUIRE(comes_true([&] { return door.store.memory().appended_events().size() == 2; }));
  CHECK(contents(door.store.memory().appended_events()) == Texts{"m1", "m2"});
  CHECK(door.store.get(JobId(job)));
}

TEST_CASE("a full spool is a 429, and so is a full redis", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory, 8000));
  door.store.next({{Fault::kRefuse, ErrorCode::kFull}});
  CHECK(door.deliver("support", message(1), "d-1").status == 429);
  door.store.next(
      {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kHold, ErrorCode::kInternal}});
  int kept = 0;
  while (door.deliver("support", message(10 + kept), "k-" + std::to_string(kept)).status == 202) {
    ++kept;
    REQUIRE(kept < 20);
  }
  CHECK(kept >= 1);
  CHECK(door.counted("support", "throttled", "full"));
  door.store.release_held();
  REQUIRE(drained(door.metrics));
  CHECK(door.deliver("support", message(1), "d-1").status == 202);
}

TEST_CASE("a message that its lane has no room for goes to the dead letters", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next(
      {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kRefuse, ErrorCode::kRateLimited}});
  REQUIRE(door.deliver("support", message(1), "d-1").status == 202);
  REQUIRE(drained(door.metrics));
  const auto jobs = door.store.memory().list({});
  REQUIRE(jobs->size() == 1);
  CHECK(jobs->front().state == jobs::JobState::kDead);
  CHECK(jobs->front().error_code == "lane_full");
  CHECK(metric(door.metrics, "deskwire_spool_drained_total{result=\"lane_full\"}") == 1);
}

TEST_CASE("what can never be taken in is set aside and blocks nothing", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next(
      {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kRefuse, ErrorCode::kCorrupt}});
  REQUIRE(door.deliver("support", message(1), "d-1").status == 202);
  REQUIRE(drained(door.metrics));
  CHECK(std::filesystem::file_size(directory.path() + "/data/spool/set-aside.bin") > 1000);
  CHECK(metric(door.metrics, "deskwire_spool_drained_total{result=\"set_aside\"}") == 1);
  CHECK(json::parse(door.deliver("support", message(2), "d-2").body)["duplicate"] == false);
}

TEST_CASE("a source that is gone from the config does not lose its deliveries",
          "[webhooks][spool]") {
  const TemporaryDirectory directory;
  {
    ReceiverFixture door(with_spool(directory));
    door.store.next(
        {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kHold, ErrorCode::kInternal}});
    REQUIRE(door.deliver("shop", R"({"type":"message.created","data":{}})").status == 202);
  }
  config::Config config = with_spool(directory);
  config.sources.erase(config.sources.begin() + 1);
  ReceiverFixture door(config);
  REQUIRE(drained(door.metrics));
  CHECK(std::filesystem::exists(directory.path() + "/data/spool/set-aside.bin"));
}

TEST_CASE("typing that has waited is a fact, and nobody sees it", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  ReceiverFixture door(with_spool(directory));
  door.store.next(
      {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kHold, ErrorCode::kInternal}});
  REQUIRE(door.deliver("support", message(1), "d-1").status == 202);
  REQUIRE(comes_true([&] { return door.store.held() == 1; }));
  REQUIRE(door.deliver("support", chatwoot_body("conversation_typing_on.user")).status == 202);
  door.clock.advance(Milliseconds(60000));
  door.store.release_held();
  REQUIRE(drained(door.metrics));
  CHECK(contents(door.store.memory().appended_events()) == Texts{"m1"});
}

TEST_CASE("a spool that cannot be used is a 429, and is used once it can", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() + "/data") << "in the way";
  ReceiverFixture door(with_spool(directory));
  door.store.next({{Fault::kRefuse, ErrorCode::kUnavailable}});
  CHECK(door.deliver("support", message(1), "d-1").status == 429);
  CHECK(metric(door.metrics, "deskwire_spool_up") == 0);
  std::filesystem::remove(directory.path() + "/data");
  REQUIRE(comes_true([&] { return metric(door.metrics, "deskwire_spool_up") == 1; }));
  door.store.next({{Fault::kRefuse, ErrorCode::kUnavailable}});
  CHECK(door.deliver("support", message(1), "d-1").status == 202);
}

TEST_CASE("the next process takes the spool over when the first has ended", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  auto first = std::make_unique<ReceiverFixture>(with_spool(directory));
  ReceiverFixture second(with_spool(directory));
  CHECK(metric(second.metrics, "deskwire_spool_up") == 0);
  first->store.next(
      {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kHold, ErrorCode::kInternal}});
  REQUIRE(first->deliver("support", message(1), "d-1").status == 202);
  REQUIRE(comes_true([&] { return first->store.held() == 1; }));
  first->receiver.stop();
  REQUIRE(comes_true([&] { return second.store.memory().list({})->size() == 1; }));
  CHECK(metric(second.metrics, "deskwire_spool_up") == 1);
}

TEST_CASE("many deliveries at once are all on disk before they are answered", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  std::atomic<int> kept{0};
  {
    ReceiverFixture door(with_spool(directory));
    door.store.next(
        {{Fault::kRefuse, ErrorCode::kUnavailable}, {Fault::kHold, ErrorCode::kInternal}});
    REQUIRE(door.deliver("support", message(1, 1), "first").status == 202);
    std::vector<std::thread> senders;
    for (int sender = 0; sender < 8; ++sender) {
      std::vector<std::string> posts;  // Made here: assertions belong to one thread.
      for (int i = 0; i < 10; ++i) {
        const int id = 100 + sender * 10 + i;
        posts.push_back(door.signed_post("support", message(id, sender), std::to_string(id)));
      }
      senders.emplace_back([&door, &kept, posts = std::move(posts)] {
        for (const std::string& post : posts) {
          test::RawClient client(door.receiver.port());
          if (client.send(post) && client.response().status == 202) ++kept;
        }
      });
    }
    for (std::thread& sender : senders) sender.join();
    CHECK(kept == 80);
  }
  ReceiverFixture door(with_spool(directory));
  REQUIRE(comes_true([&] { return door.store.memory().list({})->size() == 81; }));
}

TEST_CASE("a real redis goes and comes back: nothing lost, nothing twice, in order",
          "[webhooks][spool][redis]") {
  const TemporaryDirectory directory;
  RedisServer redis({"--appendonly", "yes"});
  ManualClock clock;
  Metrics metrics;
  redis::Client client(redis.options());
  jobs::RedisJobStore store(client, clock, jobs::LaneLimits{});
  client.start();
  REQUIRE(client.wait_connected(Milliseconds(20000)));
  ReceiverFixture signing;  // Only to sign with.
  webhooks::Receiver receiver(with_spool(directory), store, clock, metrics);
  REQUIRE(receiver.start());
  const auto deliver = [&](int id) {
    test::RawClient sender(receiver.port());
    REQUIRE(sender.send(signing.signed_post("support", message(id), "d-" + std::to_string(id))));
    return sender.response();
  };
  std::vector<std::string> promised;
  const auto expect = [&](int id) {
    const auto answer = deliver(id);
    REQUIRE(answer.status == 202);
    promised.push_back(json::parse(answer.body)["job"]);
  };
  expect(1);
  redis.kill();
  for (int id = 2; id <= 20; ++id) expect(id);
  redis.restart();
  for (int id = 21; id <= 30; ++id) expect(id);
  REQUIRE(drained(metrics));
  expect(31);
  const auto jobs = store.list({});
  REQUIRE(jobs);
  CHECK(jobs->size() == 31);
  const auto lane =
      client.call({"LRANGE", "dw:{" + std::to_string(shard_of_lane("42")) + "}:l:42", "0", "-1"});
  REQUIRE(lane);
  Texts order;
  for (const auto& item : lane->items) order.push_back(item.text);
  CHECK(order == promised);
  receiver.stop();
  client.stop();
}
