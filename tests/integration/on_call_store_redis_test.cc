// The store of the on-call desk: the same promises in memory and on Redis.
#include <memory>

#include "publishers/oncall/redis_on_call_store.h"
#include "tests/support/catch.h"
#include "tests/support/memory_on_call.h"
#include "tests/support/redis_server.h"

namespace deskwire::publishers {
namespace {

/// A store, and whatever it stands on.
struct Harness {
  explicit Harness(bool on_redis) {
    if (!on_redis) {
      store = std::make_unique<testing::MemoryOnCallStore>();
      return;
    }
    server = std::make_unique<testing::RedisServer>();
    client = std::make_unique<redis::Client>(server->options());
    client->start();
    REQUIRE(client->wait_connected(Milliseconds(20000)));
    store = std::make_unique<RedisOnCallStore>(*client, 100, 2);
  }
  ~Harness() {
    if (client) client->stop();
  }

  std::unique_ptr<testing::RedisServer> server;
  std::unique_ptr<redis::Client> client;
  std::unique_ptr<OnCallStore> store;
};

OnCallChange with_task(const std::string& name, std::int64_t due_ms) {
  OnCallChange change;
  change.tasks[name] = due_ms;
  return change;
}

}  // namespace

TEST_CASE("a position moves once, however many try", "[publishers][oncall][redis]") {
  for (const bool on_redis : {false, true}) {
    Harness harness(on_redis);
    CHECK(harness.store->position("oncall").value() == std::nullopt);
    OnCallChange first;
    first.move = OnCallChange::Move{"oncall", std::nullopt, {"k3", 17}};
    CHECK(harness.store->commit(first).value());
    CHECK_FALSE(harness.store->commit(first).value());
    CHECK(harness.store->position("oncall").value() == LogPosition{"k3", 17});
    CHECK(harness.store->position("ops").value() == std::nullopt);
  }
}

TEST_CASE("a due task is held by one at a time", "[publishers][oncall][redis]") {
  for (const bool on_redis : {false, true}) {
    Harness harness(on_redis);
    const std::int64_t now = harness.store->take(10, 1000)->now_ms;
    CHECK(harness.store->commit(with_task("late", now - 10)).value());
    CHECK(harness.store->commit(with_task("later", now + 3600000)).value());
    const auto taken = harness.store->take(10, 60000);
    REQUIRE(taken->tasks.size() == 1);
    CHECK(taken->tasks[0].name == "late");
    CHECK(taken->tasks[0].lease_ms >= now + 60000);
    CHECK(harness.store->take(10, 60000)->tasks.empty());

    OnCallChange done;
    done.held = DueTask{"late", taken->tasks[0].lease_ms - 1};
    CHECK_FALSE(harness.store->commit(done).value());
    done.held = taken->tasks[0];
    CHECK(harness.store->commit(done).value());
    CHECK_FALSE(harness.store->commit(done).value());
  }
}

TEST_CASE("a held task may be put off in the step that ends it", "[publishers][oncall][redis]") {
  for (const bool on_redis : {false, true}) {
    Harness harness(on_redis);
    CHECK(harness.store->commit(with_task("step", 1)).value());
    const auto taken = harness.store->take(1, 60000);
    OnCallChange later;
    later.held = taken->tasks.at(0);
    later.tasks["step"] = 2;
    CHECK(harness.store->commit(later).value());
    CHECK(harness.store->take(1, 60000)->tasks.size() == 1);
  }
}

TEST_CASE("a step happens as a whole or not at all", "[publishers][oncall][redis]") {
  for (const bool on_redis : {false, true}) {
    Harness harness(on_redis);
    OnCallChange change;
    change.expected["a|1"] = std::nullopt;
    change.texts["a|1"] = R"({"n": 12345678901234567})";
    change.tasks["t"] = 1;
    change.log = {"first", "second"};
    CHECK(harness.store->commit(change).value());
    CHECK(harness.store->text("a|1").value() == R"({"n": 12345678901234567})");
    change.log = {"never"};
    CHECK_FALSE(harness.store->commit(change).value());
    CHECK(harness.store->log(10).value() == std::vector<std::string>{"second", "first"});
    change.expected["a|1"] = R"({"n": 12345678901234567})";
    change.texts["a|1"] = std::nullopt;
    CHECK(harness.store->commit(change).value());
    CHECK(harness.store->text("a|1").value() == std::nullopt);
  }
}

TEST_CASE("dead letters are kept until they are raised", "[publishers][oncall][redis]") {
  for (const bool on_redis : {false, true}) {
    Harness harness(on_redis);
    OnCallChange bury;
    bury.dead = {{"n1", "one"}, {"n2", "two"}};
    CHECK(harness.store->commit(bury).value());
    CHECK(harness.store->dead(10)->size() == 2);
    OnCallChange raise;
    raise.dead = {{"n1", std::nullopt}};
    CHECK(harness.store->commit(raise).value());
    const auto left = harness.store->dead(10).value();
    REQUIRE(left.size() == 1);
    CHECK(left[0] == std::pair<std::string, std::string>("n2", "two"));
  }
}

}  // namespace deskwire::publishers
