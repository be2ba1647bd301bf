#include "webhooks/quarantine.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/receiver_fixture.h"
#include "tests/support/temporary_directory.h"

using namespace deskwire;
using namespace deskwire::testing;
using webhooks::list_refused;
using webhooks::Quarantine;
using webhooks::RefusedDelivery;

namespace {

struct Kept {
  explicit Kept(Quarantine::Options limits) : options(std::move(limits)) {
    options.directory = directory.path() + "/data/quarantine";
    std::filesystem::create_directories(directory.path() + "/data");
  }

  /// A life of the quarantine: starts, does `work`, writes everything, ends.
  template <typename Work>
  void run(Work work) {
    Quarantine quarantine(options, clock, metrics);
    quarantine.start();
    work(quarantine);
    quarantine.stop();
  }
  bool give(Quarantine& quarantine, const std::string& reason, std::size_t bytes = 100) {
    clock.advance(Milliseconds(1));
    if (!quarantine.wants("support", reason, bytes)) return false;
    RefusedDelivery delivery;
    delivery.at_ms = clock.wall_ms();
    delivery.source = "support";
    delivery.reason = reason;
    delivery.method = "POST";
    delivery.target = "/webhooks/support";
    delivery.body = std::string(bytes, 'x');
    quarantine.keep(std::move(delivery));
    return true;
  }
  std::size_t count(const std::string& reason) const {
    const auto all = list_refused(options.directory).value();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const auto& one) { return one.reason == reason; }));
  }
  bool dropped(const std::string& why) {
    return metrics.render().find("deskwire_quarantine_dropped_total{reason=\"" + why + "\"} 0") ==
           std::string::npos;
  }

  TemporaryDirectory directory;
  ManualClock clock;
  Metrics metrics;
  Quarantine::Options options;
};

Quarantine::Options limits(std::size_t bytes, std::uint64_t per_minute = 1000) {
  return {{}, bytes, 3600, per_minute};
}

}  // namespace

TEST_CASE("a refused delivery is kept as it came, for its owner only", "[webhooks][quarantine]") {
  const TemporaryDirectory directory;
  config::Config config = receiver_config();
  config.data_dir = directory.path() + "/data";
  std::filesystem::create_directories(config.data_dir);
  config.receiver.quarantine.max_bytes = 1U << 20U;
  const std::string body = chatwoot_body("message_created.incoming");
  {
    ReceiverFixture door(config);
    std::string forged = door.signed_post("support", body, "d-1");
    forged.replace(forged.find("sha256=") + 7, 4, "0000");
    CHECK(door.send(forged).status == 401);
    CHECK(door.send("POST /webhooks/nobody HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    "application/json\r\nContent-Length: 2\r\n\r\n{}")
              .status == 404);
    CHECK(door.deliver("support", body, "d-2").status == 202);
  }
  const std::string path = config.data_dir + "/quarantine";
  const auto all = list_refused(path);
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK(all->front().source == "support");
  CHECK(all->front().reason == "mismatch");
  const auto kept = webhooks::read_refused(path, all->front().id);
  REQUIRE(kept);
  CHECK(kept->body == body);
  CHECK(kept->target == "/webhooks/support");
  std::vector<std::string> names;
  for (const auto& [name, value] : kept->headers) names.push_back(name);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"Content-Type", "X-Chatwoot-Delivery",
                                          "X-Chatwoot-Signature", "X-Chatwoot-Timestamp"});
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0700);
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    REQUIRE(::stat(file.path().c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777U) == 0600);
  }
  REQUIRE(webhooks::remove_refused(path, all->front()));
  CHECK(list_refused(path)->empty());
  CHECK(webhooks::read_refused(path, all->front().id).error().code == ErrorCode::kNotFound);
}

TEST_CASE("an encoded delivery is kept with its body, one over the limit is not",
          "[webhooks][quarantine]") {
  const TemporaryDirectory directory;
  config::Config config = receiver_config();
  config.data_dir = directory.path();
  config.receiver.quarantine.max_bytes = 1U << 20U;
  {
    ReceiverFixture door(config);
    std::string encoded = door.signed_post("support", "\x1f\x8b", "d-1");
    encoded.insert(encoded.find("Content-Length"), "Content-Encoding: gzip\r\n");
    CHECK(door.send(encoded).status == 415);
    CHECK(door.send("POST /webhooks/support HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    "application/json\r\nContent-Length: 5242880\r\n\r\n")
              .status == 413);
  }
  const std::string path = config.data_dir + "/quarantine";
  const auto all = list_refused(path);
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK(all->front().reason == "content_encoding");
  const auto kept = webhooks::read_refused(path, all->front().id);
  REQUIRE(kept);
  CHECK(kept->body == "\x1f\x8b");
  const net::HttpRequest request{{}, {}, kept->headers, {}, {}};
  CHECK(request.header("Content-Encoding") == "gzip");
}

TEST_CASE("a flood of one reason pushes out only its own oldest", "[webhooks][quarantine]") {
  Kept kept(limits(40000));
  kept.run([&](Quarantine& quarantine) {
    for (int i = 0; i < 3; ++i) REQUIRE(kept.give(quarantine, "stale"));
    for (int i = 0; i < 500; ++i) kept.give(quarantine, "mismatch", 500);
  });
  CHECK(kept.count("stale") == 3);
  CHECK(kept.count("mismatch") >= 5);
  CHECK(kept.count("mismatch") <= 10);
}

TEST_CASE("a flood is kept at its rate, the rest is counted", "[webhooks][quarantine]") {
  Kept kept(limits(1U << 20U, 5));
  kept.run([&](Quarantine& quarantine) {
    int taken = 0;
    for (int i = 0; i < 100; ++i) taken += kept.give(quarantine, "mismatch") ? 1 : 0;
    CHECK(taken == 5);
    CHECK(kept.give(quarantine, "stale"));
    kept.clock.advance(Milliseconds(61000));
    CHECK(kept.give(quarantine, "mismatch"));
  });
  CHECK(kept.count("mismatch") == 6);
  CHECK(kept.dropped("rate"));
}

TEST_CASE("what is older than its time goes, also after a restart", "[webhooks][quarantine]") {
  Kept kept(limits(1U << 20U));
  kept.run([&](Quarantine& quarantine) { REQUIRE(kept.give(quarantine, "mismatch")); });
  kept.clock.advance(Milliseconds(3'000'000));
  kept.run([&](Quarantine& quarantine) { REQUIRE(kept.give(quarantine, "stale")); });
  CHECK(kept.count("mismatch") == 1);
  kept.clock.advance(Milliseconds(1'000'000));
  kept.run([](Quarantine&) {});
  CHECK(kept.count("mismatch") == 0);
  CHECK(kept.count("stale") == 1);
}

TEST_CASE("one that would fill the share alone is not kept, nor is anything when it is off",
          "[webhooks][quarantine]") {
  Kept kept(limits(40000));
  kept.run([&](Quarantine& quarantine) { CHECK_FALSE(kept.give(quarantine, "mismatch", 10001)); });
  CHECK(kept.dropped("size"));
  Kept off(limits(0));
  off.run([&](Quarantine& quarantine) { CHECK_FALSE(off.give(quarantine, "mismatch")); });
  CHECK_FALSE(std::filesystem::exists(off.options.directory));
}

TEST_CASE("foreign and broken files are not deliveries, and no id leads out of the directory",
          "[webhooks][quarantine]") {
  Kept kept(limits(1U << 20U));
  kept.run([&](Quarantine& quarantine) { REQUIRE(kept.give(quarantine, "mismatch")); });
  const std::string& path = kept.options.directory;
  for (const char* name : {"README", "01M7XT00000000000000000000", "01M7XT00000000000000000000.a",
                           "01M7XT00000000000000000000.support.mismatch.new"}) {
    std::ofstream(path + "/" + name) << "x";
  }
  CHECK(list_refused(path)->size() == 1);
  std::ofstream(path + "/01M7XT00000000000000000001.support.stale") << "no head";
  CHECK(webhooks::read_refused(path, "01M7XT00000000000000000001").error().code ==
        ErrorCode::kCorrupt);
  for (const char* id : {"", "..", "../../etc/passwd", "README", "01M7XT"}) {
    CHECK(webhooks::read_refused(path, id).error().code == ErrorCode::kNotFound);
  }
}

TEST_CASE("a quarantine is stopped twice, unstarted and by leaving", "[webhooks][quarantine]") {
  Kept kept(limits(40000));
  Quarantine unstarted(kept.options, kept.clock, kept.metrics);
  unstarted.stop();
  unstarted.start();
  CHECK_FALSE(unstarted.wants("support", "stale", 1));
  Quarantine left(kept.options, kept.clock, kept.metrics);
  left.start();
  left.start();
}
