#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/channel_log.h"
#include "core/redis/redis_subscriber.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_server.h"

namespace deskwire {
namespace {

using redis::Client;
using testing::EventProbe;
using testing::RedisServer;

constexpr Milliseconds kPatience{20000};
constexpr auto kChannel = "conversation:42";

struct Fixture {
  explicit Fixture(ChannelLogLimits limits = {}) : client(server.options()), log(client, limits) {
    client.start();
    REQUIRE(client.wait_connected(kPatience));
  }

  static Event event(const std::string& id, const std::string& name = "message:user") {
    Event event;
    event.channel = kChannel;
    event.id = id;
    event.name = name;
    event.timestamp = 1795168800123;
    event.data = R"({"content":"é \"x\" @now@","n":9007199254740993,"timestamp":1795168800123})";
    return event;
  }

  ChannelLog::Appended append(const Event& event) {
    auto appended = log.append(event);
    REQUIRE(appended);
    return *appended;
  }
  void append_many(int count) {
    for (int i = 1; i <= count; ++i) append(event("e" + std::to_string(i)));
  }

  ChannelLogPage read_after(std::optional<StreamPosition> from, std::size_t limit = 100) {
    EventProbe<Result<ChannelLogPage>> pages;
    log.read_after(kChannel, std::move(from), limit, [&](auto page) { pages.push(page); });
    auto page = pages.next();
    REQUIRE(page);
    REQUIRE(*page);
    return **page;
  }
  ChannelLogPage history(std::size_t limit, std::optional<std::uint64_t> before = {},
                         std::optional<std::uint64_t> after = {}) {
    EventProbe<Result<ChannelLogPage>> pages;
    log.history(kChannel, {limit, before, after}, [&](auto page) { pages.push(page); });
    auto page = pages.next();
    REQUIRE(page);
    REQUIRE(*page);
    return **page;
  }

  /// The one key that matches, e.g. "dw:*:ch:*".
  std::string key(const std::string& pattern) {
    const auto found = client.call({"KEYS", pattern});
    REQUIRE(found);
    REQUIRE(found->items.size() == 1);
    return found->at(0).text;
  }

  RedisServer server;
  Client client;
  ChannelLog log;
};

std::vector<std::uint64_t> offsets(const ChannelLogPage& page) {
  std::vector<std::uint64_t> all;
  for (const auto& entry : page.entries) all.push_back(entry.offset);
  return all;
}

using Offsets = std::vector<std::uint64_t>;

TEST_CASE("appended events count from one in one epoch", "[core][log]") {
  Fixture f;
  const auto first = f.append(Fixture::event("a"));
  const auto second = f.append(Fixture::event("b"));
  CHECK(first.position.offset == 1);
  CHECK(second.position.offset == 2);
  CHECK_FALSE(first.position.epoch.empty());
  CHECK(first.position.epoch == second.position.epoch);
  CHECK_FALSE(second.duplicate);
}

TEST_CASE("the envelope holds what the contract names, with every digit", "[core][log]") {
  Fixture f;
  EventProbe<std::string> messages;
  EventProbe<std::string> topics;
  redis::Subscriber subscriber(f.server.options(),
                               {[&](auto, auto payload) { messages.push(std::string(payload)); },
                                [&](auto topic) { topics.push(std::string(topic)); }, [] {}});
  subscriber.subscribe(ChannelLog::topic_of(kChannel));
  subscriber.start();
  REQUIRE(topics.next() == "dw:ev:conversation:42");
  auto event = Fixture::event("a");
  event.client_id = "agent-7";
  const auto appended = f.append(event);
  const std::string expected =
      R"({"channel":"conversation:42","epoch":")" + appended.position.epoch +
      R"(","offset":1,"id":"a","event":"message:user","clientId":"agent-7",)" +
      R"("timestamp":1795168800123,"data":)" + event.data + "}";
  CHECK(messages.next() == expected);
  const auto page = f.history(1);
  REQUIRE(page.entries.size() == 1);
  CHECK(page.entries[0].envelope == expected);
  CHECK(page.entries[0].event_id == "a");
  CHECK(nlohmann::json::parse(expected)["data"]["n"] == 9007199254740993);
  subscriber.stop();
}

TEST_CASE("events that are not kept are published without epoch and offset", "[core][log]") {
  Fixture f;
  EventProbe<std::string> messages;
  EventProbe<std::string> topics;
  redis::Subscriber subscriber(f.server.options(),
                               {[&](auto, auto payload) { messages.push(std::string(payload)); },
                                [&](auto topic) { topics.push(std::string(topic)); }, [] {}});
  subscriber.subscribe(ChannelLog::topic_of(kChannel));
  subscriber.start();
  REQUIRE(topics.next());
  const auto appended = f.append(Fixture::event("t", "typing:start"));
  CHECK(appended.position.offset == 0);
  CHECK(appended.position.epoch.empty());
  const auto json = nlohmann::json::parse(messages.next().value_or("null"));
  CHECK(json["event"] == "typing:start");
  CHECK_FALSE(json.contains("offset"));
  CHECK_FALSE(json.contains("epoch"));
  CHECK(f.client.call({"DBSIZE"})->as_integer() == 0);
  subscriber.stop();
}

TEST_CASE("an event marked once is appended once and keeps its position", "[core][log]") {
  Fixture f;
  auto once = Fixture::event("a");
  once.once = true;
  f.append(Fixture::event("x"));
  const auto first = f.append(once);
  f.append(Fixture::event("y"));
  const auto again = f.append(once);
  CHECK(again.duplicate);
  CHECK(again.position.offset == first.position.offset);
  CHECK(again.position.epoch == first.position.epoch);
  CHECK(offsets(f.history(10)) == Offsets{1, 2, 3});
  const auto ttl = f.client.call({"TTL", f.key("dw:*:once:a:conversation:42")})->as_integer();
  CHECK(ttl > 86000);
  CHECK(ttl <= 86400);
}

TEST_CASE("once counts for each channel by itself", "[core][log]") {
  Fixture f;
  auto once = Fixture::event("a");
  once.once = true;
  f.append(once);
  once.channel = "conversation:42:internal";
  CHECK_FALSE(f.append(once).duplicate);
  once.name = "typing:start";
  once.id = "t";
  CHECK_FALSE(f.append(once).duplicate);
  CHECK(f.append(once).duplicate);
}

TEST_CASE("subscribing creates the epoch and says where the channel is", "[core][log]") {
  Fixture f;
  const auto fresh = f.read_after(std::nullopt);
  CHECK_FALSE(fresh.top.epoch.empty());
  CHECK(fresh.top.offset == 0);
  CHECK(fresh.entries.empty());
  CHECK_FALSE(fresh.recovered);
  CHECK(f.append(Fixture::event("a")).position.epoch == fresh.top.epoch);
  CHECK(f.read_after(std::nullopt).top.offset == 1);
}

TEST_CASE("a client gets exactly what it missed, in order", "[core][log]") {
  Fixture f;
  f.append_many(150);
  const std::string epoch = f.read_after(std::nullopt).top.epoch;
  const auto page = f.read_after(StreamPosition{epoch, 100});
  CHECK(page.recovered);
  CHECK(page.top.offset == 150);
  REQUIRE(page.entries.size() == 50);
  for (std::size_t i = 0; i < 50; ++i) {
    CHECK(page.entries[i].offset == 101 + i);
    CHECK(page.entries[i].event_id == "e" + std::to_string(101 + i));
  }
  const auto up_to_date = f.read_after(StreamPosition{epoch, 150});
  CHECK(up_to_date.recovered);
  CHECK(up_to_date.entries.empty());
}

TEST_CASE("recovery is refused when it would have holes", "[core][log]") {
  Fixture f({.max_events = 10, .max_age_s = 3600});
  f.append_many(30);
  const std::string epoch = f.read_after(std::nullopt).top.epoch;
  CHECK(f.read_after(StreamPosition{epoch, 20}).recovered);
  CHECK(offsets(f.read_after(StreamPosition{epoch, 20})).front() == 21);
  const auto too_old = f.read_after(StreamPosition{epoch, 19});
  CHECK_FALSE(too_old.recovered);
  CHECK(too_old.entries.empty());
  CHECK_FALSE(f.read_after(StreamPosition{"other", 25}).recovered);
  CHECK_FALSE(f.read_after(StreamPosition{epoch, 31}).recovered);
  const auto too_many = f.read_after(StreamPosition{epoch, 21}, 8);
  CHECK_FALSE(too_many.recovered);
  CHECK(too_many.more);
  CHECK(too_many.entries.empty());
  CHECK(f.read_after(StreamPosition{epoch, 22}, 8).recovered);
}

TEST_CASE("a client at the very beginning recovers from offset zero", "[core][log]") {
  Fixture f;
  const std::string epoch = f.read_after(std::nullopt).top.epoch;
  f.append_many(3);
  CHECK(offsets(f.read_after(StreamPosition{epoch, 0})) == Offsets{1, 2, 3});
}

TEST_CASE("the log keeps exactly its newest events", "[core][log]") {
  Fixture f({.max_events = 10, .max_age_s = 3600});
  f.append_many(25);
  CHECK(f.client.call({"XLEN", f.key("dw:*:log:*")})->as_integer() == 10);
  CHECK(offsets(f.history(100)).front() == 16);
  CHECK(offsets(f.history(1, {}, 0)) == Offsets{16});
  CHECK(f.client.call({"TTL", f.key("dw:*:log:*")})->as_integer() > 3500);
}

TEST_CASE("the log keeps no more bytes than it may, and always its newest event", "[core][log]") {
  Fixture f({.max_events = 1000, .max_bytes = 4096});
  const auto kept_bytes = [&f] {
    std::size_t bytes = 0;
    for (const auto& entry : f.history(1000).entries) bytes += entry.envelope.size();
    return bytes;
  };
  f.append_many(100);
  const std::size_t one = f.history(1).entries.at(0).envelope.size();
  CHECK(kept_bytes() <= 4096);
  CHECK(kept_bytes() + one > 4096);
  CHECK(offsets(f.history(1000)).back() == 100);
  // What is left is still recovered from, without a hole.
  const std::string epoch = f.read_after(std::nullopt).top.epoch;
  const std::uint64_t oldest = offsets(f.history(1000)).front();
  CHECK(f.read_after(StreamPosition{epoch, oldest - 1}).recovered);
  CHECK_FALSE(f.read_after(StreamPosition{epoch, oldest - 2}).recovered);

  Event huge = Fixture::event("huge");
  huge.data = R"({"content":")" + std::string(9000, 'x') + R"("})";
  f.append(huge);
  CHECK(offsets(f.history(1000)) == Offsets{101});
  f.append_many(2);
  CHECK(offsets(f.history(1000)) == Offsets{102, 103});
}

TEST_CASE("events that are too old leave a log that is still written to", "[core][log]") {
  Fixture f({.max_events = 1000, .max_age_s = 6400});
  f.append_many(3);
  const std::string log = f.key("dw:*:log:*");
  const auto rewrite = [&](const std::string& id, std::int64_t age_s) {
    const auto now = f.client.call({"TIME"})->at(0).as_integer();
    const auto entry = f.client.call({"XRANGE", log, id, id})->at(0).at(1);
    REQUIRE(f.client.call({"XDEL", log, id}));
    // Redis takes ids in order only: the old entries go to a copy, oldest first.
    REQUIRE(f.client.call({"XADD", "copy", id, "e", entry.at(1).as_string(), "i", "x", "b",
                           entry.at(5).as_string(), "t", std::to_string(now - age_s)}));
  };
  rewrite("1-0", 9000);
  rewrite("2-0", 6500);
  rewrite("3-0", 100);
  REQUIRE(f.client.call({"RENAME", "copy", log}));
  // The expiries are due to be renewed, and so is the look at the oldest events.
  REQUIRE(f.client.call({"HSET", f.key("dw:*:ch:*"), "x", "0"}));
  f.append_many(1);
  CHECK(offsets(f.history(1000)) == Offsets{3, 4});
}

TEST_CASE("offsets go on when only the log has expired", "[core][log]") {
  Fixture f;
  f.append_many(5);
  const std::string epoch = f.read_after(std::nullopt).top.epoch;
  REQUIRE(f.client.call({"DEL", f.key("dw:*:log:*")}));
  CHECK(f.read_after(StreamPosition{epoch, 5}).recovered);
  CHECK_FALSE(f.read_after(StreamPosition{epoch, 4}).recovered);
  const auto next = f.append(Fixture::event("next"));
  CHECK(next.position.epoch == epoch);
  CHECK(next.position.offset == 6);
  CHECK(offsets(f.read_after(StreamPosition{epoch, 5})) == Offsets{6});
  CHECK_FALSE(f.read_after(StreamPosition{epoch, 4}).recovered);
}

TEST_CASE("a lost channel begins a new epoch, and its old log is gone", "[core][log]") {
  Fixture f;
  f.append_many(5);
  const std::string old_epoch = f.read_after(std::nullopt).top.epoch;
  REQUIRE(f.client.call({"DEL", f.key("dw:*:ch:*")}));
  const auto fresh = f.append(Fixture::event("fresh"));
  CHECK(fresh.position.epoch != old_epoch);
  CHECK(fresh.position.offset == 1);
  CHECK(offsets(f.history(10)) == Offsets{1});
  CHECK_FALSE(f.read_after(StreamPosition{old_epoch, 1}).recovered);
}

TEST_CASE("history pages in both directions", "[core][log]") {
  Fixture f;
  f.append_many(200);
  const auto newest = f.history(3);
  CHECK(offsets(newest) == Offsets{198, 199, 200});
  CHECK(newest.more);
  CHECK(newest.top.offset == 200);
  CHECK(offsets(f.history(3, 198)) == Offsets{195, 196, 197});
  const auto oldest = f.history(10, 4);
  CHECK(offsets(oldest) == Offsets{1, 2, 3});
  CHECK_FALSE(oldest.more);
  const auto forward = f.history(2, {}, 100);
  CHECK(offsets(forward) == Offsets{101, 102});
  CHECK(forward.more);
  CHECK_FALSE(f.history(10, {}, 190).more);
  CHECK(f.history(10, {}, 200).entries.empty());
  CHECK(f.history(10, 0).entries.empty());
  CHECK(offsets(f.history(2, {}, 0)) == Offsets{1, 2});
  // The bites in which the script reads must not show.
  for (const std::size_t limit : {63U, 64U, 65U, 128U, 199U, 200U, 201U}) {
    CAPTURE(limit);
    const auto page = f.history(limit);
    CHECK(page.entries.size() == std::min<std::size_t>(limit, 200));
    CHECK(page.more == (limit < 200));
  }
}

TEST_CASE("the history of an unused channel is empty and leaves nothing behind", "[core][log]") {
  Fixture f;
  const auto page = f.history(10);
  CHECK(page.top.epoch.empty());
  CHECK(page.entries.empty());
  CHECK_FALSE(page.more);
  CHECK(f.client.call({"DBSIZE"})->as_integer() == 0);
}

TEST_CASE("a page of giant events is cut by bytes", "[core][log]") {
  ChannelLogLimits limits;
  limits.max_bytes = std::size_t{64} << 20U;
  Fixture f(limits);
  auto event = Fixture::event("big");
  event.data = R"({"content":")" + std::string(1U << 20U, 'x') + R"("})";
  for (int i = 0; i < 12; ++i) f.append(event);
  const auto page = f.history(50);
  CHECK(page.more);
  CHECK(page.entries.size() == 7);
  CHECK(page.entries.back().offset == 12);
  const auto behind = f.read_after(StreamPosition{page.top.epoch, 0});
  CHECK_FALSE(behind.recovered);
  CHECK(behind.more);
}

TEST_CASE("eight threads append without a hole or a double", "[core][log]") {
  Fixture f;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&f, t] {
      for (int i = 0; i < 50; ++i) {
        auto event = Fixture::event("e" + std::to_string(t) + "-" + std::to_string(i % 25));
        event.once = true;
        (void)f.log.append(event);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto page = f.history(1000);
  REQUIRE(page.entries.size() == 200);
  for (std::size_t i = 0; i < 200; ++i) CHECK(page.entries[i].offset == i + 1);
}

TEST_CASE("a full Redis refuses appends and still lets clients subscribe", "[core][log]") {
  Fixture f;
  f.append_many(2);
  const std::string epoch = f.read_after(std::nullopt).top.epoch;
  REQUIRE(f.client.call({"CONFIG", "SET", "maxmemory", "1"}));
  CHECK(f.log.append(Fixture::event("late")).error().code == ErrorCode::kFull);
  CHECK(offsets(f.read_after(StreamPosition{epoch, 1})) == Offsets{2});
  CHECK(offsets(f.history(10)) == Offsets{1, 2});
}

TEST_CASE("foreign data under a log's keys is corrupt and moves no offset", "[core][log]") {
  Fixture f;
  f.append_many(2);
  const std::string log_key = f.key("dw:*:log:*");
  REQUIRE(f.client.call({"SET", log_key, "text"}));
  CHECK(f.log.append(Fixture::event("late")).error().code == ErrorCode::kCorrupt);
  CHECK(f.read_after(std::nullopt).top.offset == 2);
  REQUIRE(f.client.call({"SET", f.key("dw:*:ch:*"), "text"}));
  CHECK(f.log.append(Fixture::event("late")).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("every key of a channel lies in the slot of its conversation", "[core][log]") {
  Fixture f;
  auto event = Fixture::event("a");
  event.once = true;
  f.append(event);
  event.channel = "conversation:42:internal";
  f.append(event);
  const auto keys = f.client.call({"KEYS", "*"});
  REQUIRE(keys);
  REQUIRE(keys->items.size() == 6);
  const std::string prefix = keys->at(0).text.substr(0, keys->at(0).text.find('}') + 2);
  for (const auto& key : keys->items) CHECK(key.text.rfind(prefix, 0) == 0);
}

TEST_CASE("topics name their channel and back", "[core][log]") {
  CHECK(ChannelLog::channel_of(ChannelLog::topic_of("ops")) == "ops");
  CHECK(ChannelLog::channel_of("elsewhere").empty());
}

TEST_CASE("no events make one argument, so that scripts can read on behind it", "[core][log]") {
  std::vector<std::string> args;
  ChannelLog::append_args(args, {}, {});
  CHECK(args == std::vector<std::string>{"0"});
  ChannelLog::append_args(args, {Fixture::event("a"), Fixture::event("b", "typing:stop")}, {});
  REQUIRE(args.size() == 1 + 4 + 10);
  CHECK(args[1] == "2");
  CHECK(args[3] == "1000:8388608");
  CHECK(args[4] == "604800");
  CHECK(args[7] == "1");
  CHECK(args[12] == "0");
}

}  // namespace
}  // namespace deskwire
