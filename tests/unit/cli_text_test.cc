#include <sstream>

#include "cli/capability_text.h"
#include "cli/fsck_text.h"
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
  CHECK(*cli::parse_since("2026-11-21", now) == now - 10LL * 3600000);
  for (const char* text : {"", "s", "-1s", "1w", "yesterday", "2026-02-30", "99999999999999999d",
                           "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "1.5h"}) {
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
  for (const char* refused : {"conv*", "a b", "conversation:", "conversation:**"}) {
    CAPTURE(refused);
    CHECK_FALSE(cli::parse_capability({refused}).has_value());
  }
  CHECK(cli::parse_capability({"a=fly"}).error().message.find("'a=fly'") != std::string::npos);
}

TEST_CASE("roles are a list of known names", "[cli][serve]") {
  CHECK(cli::parse_roles("")->names() ==
        std::vector<std::string>{"receiver", "worker", "gateway", "sla"});
  CHECK(cli::parse_roles("sla,receiver")->names() == std::vector<std::string>{"receiver", "sla"});
  CHECK_FALSE(cli::parse_roles("reciever").has_value());
  CHECK_FALSE(cli::parse_roles(",").has_value());
}

std::string info_of(const std::string& version, const std::string& policy,
                    const std::string& mode = "standalone") {
  return "# Server\r\nredis_version:" + version + "\r\nredis_mode:" + mode +
         "\r\n# Memory\r\nmaxmemory_policy:" + policy +
         "\r\n# Persistence\r\naof_enabled:1\r\n# Replication\r\nconnected_slaves:2\r\n";
}

TEST_CASE("a redis that would lose jobs is refused, with what to do", "[cli][redis]") {
  const auto refusal = [](const std::string& info) {
    const auto checked = cli::check_redis_facts(cli::facts_of_info(info));
    return checked ? std::string() : checked.error().message;
  };
  CHECK(refusal(info_of("7.0.15", "noeviction")) == "");
  CHECK(refusal(info_of("8.0.2", "noeviction")) == "");
  CHECK(refusal(info_of("6.2.7", "noeviction")) ==
        "redis: version 6.2.7 is too old; 7.0 or newer is needed");
  CHECK(refusal(info_of("7.2.0", "allkeys-lru")).find("config set maxmemory-policy noeviction") !=
        std::string::npos);
  CHECK(refusal(info_of("7.2.0", "noeviction", "cluster")).find("cluster") != std::string::npos);
  CHECK(refusal(info_of("7.2.0", "noeviction", "sentinel")).find("redis+sentinel://") !=
        std::string::npos);
  // Hosted servers tell less; that is no reason to stay away from them.
  CHECK(refusal("# Server\r\n") == "");
}

TEST_CASE("INFO tells what is running there, Valkey by its own name", "[cli][redis]") {
  const auto redis = cli::facts_of_info(info_of("7.0.15", "noeviction"));
  CHECK(redis.server == "redis");
  CHECK(redis.append_only);
  CHECK(redis.replicas == 2);
  const auto valkey = cli::facts_of_info(
      "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n"
      "server_mode:cluster\r\naof_enabled:0\r\n");
  CHECK(valkey.mode == "cluster");
  CHECK(valkey.server == "valkey");
  CHECK(valkey.version == "7.2.4");
  CHECK_FALSE(valkey.append_only);
  CHECK(valkey.maxmemory_policy.empty());
}

TEST_CASE("a field of INFO is found by its whole name", "[cli][redis]") {
  const std::string info = "# Server\r\nredis_version:7.0.15\r\nredis_version_x:1\r\n";
  CHECK(cli::info_field(info, "redis_version") == "7.0.15");
  CHECK(cli::info_field(info, "redis") == "");
  CHECK(cli::info_field("", "redis_version") == "");
}

TEST_CASE("a repair is offered for what can be repaired, and one thing is one thing",
          "[cli][fsck]") {
  jobs::FsckReport report;
  report.jobs = report.lanes = report.findings = 1;
  report.list = {{4, "job 01M has no payload", false, false}};
  CHECK(cli::fsck_text(report, false) ==
        "wrong: job 01M has no payload\n"
        "1 job and 1 lane looked at: 1 thing is wrong, 0 repaired.\n");
  report.jobs = report.findings = 2;
  report.repairable = report.shards_not_counted = 1;
  report.list.push_back({4, "lane 42 is in no place", true, false});
  CHECK(cli::fsck_text(report, false) ==
        "wrong: job 01M has no payload\n"
        "wrong: lane 42 is in no place\n"
        "2 jobs and 1 lane looked at: 2 things are wrong, 0 repaired.\n"
        "Repair: deskwire jobs fsck --repair\n"
        "The counters of 1 shard could not be compared, because jobs moved meanwhile; run it again "
        "when it is quiet.\n");
  report.list.back().repaired = true;
  report.repaired = 1;
  CHECK(cli::fsck_text(report, true).find("Repair:") == std::string::npos);
  CHECK(cli::fsck_text({}, false) == "0 jobs and 0 lanes looked at: all is as it should be.\n");
}
