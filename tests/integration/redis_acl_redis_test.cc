// The user of the ACL line in docs/operations.md. That it may do all that a store does is what
// every other test with a RedisJobHarness shows.

#include "core/channel_log.h"
#include "core/redis/redis_subscriber.h"
#include "jobs/data_layout.h"
#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

redis::Client::Options restricted_options() {
  auto options = RedisJobHarness::server().options();
  options.endpoint.user = "deskwire";
  options.endpoint.password = "PASSWORD";
  return options;
}

TEST_CASE("the documented user may check the server, listen and be rung", "[redis][acl]") {
  RedisJobHarness harness;
  CHECK(jobs::claim_data_layout(harness.restricted()));
  EventProbe<std::string> told;
  redis::Subscriber subscriber(
      restricted_options(),
      {[&](std::string_view, std::string_view payload) { told.push(std::string(payload)); },
       [&](std::string_view) { told.push("subscribed"); },
       {}});
  subscriber.subscribe(ChannelLog::topic_of("conversation:42"));
  subscriber.start();
  REQUIRE(told.next() == "subscribed");
  CHECK(harness.restricted().call({"PUBLISH", ChannelLog::topic_of("conversation:42"), "x"}));
  CHECK(told.next() == "x");
  for (const redis::Command& command : std::initializer_list<redis::Command>{
           {"INFO"}, {"TIME"}, {"ROLE"}, {"WAIT", "0", "1"}, {"PUBLISH", "dw:wait", ""}}) {
    CAPTURE(command.front());
    CHECK(harness.restricted().call(command));
  }
}

TEST_CASE("the documented user may do nothing to others' data or the server", "[redis][acl]") {
  RedisJobHarness harness;
  for (const redis::Command& command : std::initializer_list<redis::Command>{
           {"SET", "other", "1"},
           {"GET", "other"},
           {"PUBLISH", "other", "x"},
           {"KEYS", "*"},
           {"FLUSHALL"},
           {"FLUSHDB"},
           {"CONFIG", "GET", "requirepass"},
           {"CONFIG", "SET", "appendonly", "no"},
           {"ACL", "LIST"},
           {"CLIENT", "KILL", "TYPE", "normal"},
           {"SCRIPT", "FLUSH"},
           {"FUNCTION", "FLUSH"},
           {"DEBUG", "SLEEP", "0"},
           {"SHUTDOWN"},
           {"MONITOR"},
           {"REPLICAOF", "NO", "ONE"},
           {"EVAL", "return redis.call('GET', KEYS[1])", "1", "other"}}) {
    CAPTURE(command.front());
    const auto answer = harness.restricted().call(command);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace deskwire::testing
