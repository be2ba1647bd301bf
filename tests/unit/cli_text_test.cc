#include <sstream>

#include "cli/capability_text.h"
#include "cli/redis_facts.h"
#include "cli/roles.h"
#include "cli/table.h"
#include "cli/time_text.h"
#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("columns are as wide as their widest cell, in characters", "[cli][table]") {
  cli::Table table({"A", "B"});
  table.add({"größer", "x"});
  table.add({"1"});
  std::ostringstream out;
  table.print(out);
  CHECK(out.str() == "A       B\ngrößer  x\n1\n");
}

TEST_CASE("a line is cut where the terminal ends, never inside a character", "[cli][table]") {
  cli::Table table({"NAME", "TEXT"});
  table.add({"a", "ööööööööö"});
  std::ostringstream out;
  table.print(out, 10);
  CHECK(out.str() == "NAME  TEXT\na     ööö…\n");
}

TEST_CASE("foreign text cannot drive a terminal", "[cli][table]") {
  CHECK(cli::printable("a\033[2Jb\r\nc\x7f") == "a?[2Jb??c?");
  CHECK(cli::printable("a\xc2\x9b"
                       "2Jb") == "a?2Jb");
  CHECK(cli::printable("größe ✓") == "größe ✓");
}

TEST_CASE("a moment is written as people write it", "[cli][time]") {
  const std::int64_t now = 1795255200000;  // 2026-11-21T10:00:00Z
  CHECK(*cli::parse_since("90s", now) == now - 90000);
  CHECK(*cli::parse_since("15m", now) == now - 900000);
  CHECK(*cli::parse_since("2h", now) == now - 7200000);
  CHECK(*cli::parse_since("7d", now) == now - 7LL * 86400000);
  CHECK(*cli::parse_since("2026-11-21T10:00:00Z", now) == now);
  CHECK(*cli::parse_since("1795255200000", now) == now);
  for (const char* text : {"", "s", "-1s", "1w", "yesterday", "2026-11-21", "99999999999999999d",
                           "2026-13-01T00:00:00Z", "1.5h"}) {
    INFO(text);
    CHECK_FALSE(cli::parse_since(text, now).has_value());
  }
}

TEST_CASE("ages and moments read shortly", "[cli][time]") {
  const std::int64_t now = 1795255200000;
  CHECK(cli::age(now - 90000, now) == "90s");
  CHECK(cli::age(now - 150000, now) == "2m");
  CHECK(cli::age(now - 3 * 3600000, now) == "3h");
  CHECK(cli::age(now + 5000, now) == "in 5s");
  CHECK(cli::age(0, now) == "-");
  CHECK(cli::iso_time(now) == "2026-11-21T10:00:00Z");
  CHECK(cli::iso_time(0) == "-");
}

TEST_CASE("capabilities on a command line name a channel and its operations", "[cli][token]") {
  const auto capability =
      cli::parse_capability({"conversation:42=subscribe,publish", "user:7", "conversation:42=sla"});
  REQUIRE(capability.has_value());
  CHECK(capability->at("conversation:42") ==
        std::vector<std::string>{"subscribe", "publish", "sla"});
  CHECK(capability->at("user:7") ==
        std::vector<std::string>{"subscribe", "publish", "presence", "history"});
  CHECK_FALSE(cli::parse_capability({"=subscribe"}).has_value());
  CHECK_FALSE(cli::parse_capability({"a="}).has_value());
  CHECK(cli::parse_capability({"a=fly"}).error().message.find("'a=fly'") != std::string::npos);
}

TEST_CASE("roles are a list of known names", "[cli][serve]") {
  CHECK(cli::parse_roles("")->names() ==
        std::vector<std::string>{"receiver", "worker", "gateway", "sla"});
  CHECK(cli::parse_roles("sla,receiver")->names() == std::vector<std::string>{"receiver", "sla"});
  CHECK_FALSE(cli::parse_roles("reciever").has_value());
  CHECK_FALSE(cli::parse_roles(",").has_value());
}

TEST_CASE("a redis that would lose jobs is refused", "[cli][redis]") {
  CHECK(cli::check_redis_facts({"7.0.15", "noeviction", "1", 0}).has_value());
  CHECK(cli::check_redis_facts({"8.0.2", "noeviction", "0", 0}).has_value());
  CHECK(cli::check_redis_facts({"6.2.7", "noeviction", "1", 0}).error().code ==
        ErrorCode::kUnsupported);
  CHECK(cli::check_redis_facts({"7.2.0", "allkeys-lru", "1", 0}).error().code ==
        ErrorCode::kInvalid);
}

TEST_CASE("a field of INFO is found by its whole name", "[cli][redis]") {
  const std::string info = "# Server\r\nredis_version:7.0.15\r\nredis_version_x:1\r\n";
  CHECK(cli::info_field(info, "redis_version") == "7.0.15");
  CHECK(cli::info_field(info, "redis") == "");
  CHECK(cli::info_field("", "redis_version") == "");
}
