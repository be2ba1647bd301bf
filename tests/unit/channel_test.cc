#include "core/channel.h"

#include "core/event.h"
#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("an id that is no channel word becomes its hash", "[core][channel]") {
  CHECK(channel_safe_id("1001") == "1001");
  CHECK(channel_safe_id("a_B.c-9") == "a_B.c-9");
  const std::string hashed = channel_safe_id("a:b");
  CHECK(hashed.starts_with("h-"));
  CHECK(hashed.size() == 28);
  CHECK(channel_safe_id("") != channel_safe_id(" "));
  CHECK(channel_safe_id(std::string(65, 'x')).size() == 28);
}

TEST_CASE("a conversation and its internal channel share one shard", "[core][channel]") {
  const std::string key = conversation_key("support", "42");
  CHECK(key == "support~42");
  CHECK(conversation_key("", "42") == "42");
  CHECK(conversation_channel(key) == "conversation:support~42");
  CHECK(internal_channel(key) == "conversation:support~42:internal");
  CHECK(conversation_of(internal_channel(key)) == key);
  CHECK(shard_of_channel(internal_channel(key)) == shard_of_lane(key));
  CHECK(shard_of_channel(conversation_channel(key)) == shard_of_lane(key));
}

TEST_CASE("a longer name under a conversation is not that conversation", "[core][channel]") {
  CHECK(conversation_of("conversation:1:other").empty());
  CHECK(conversation_of("user:7").empty());
}

TEST_CASE("channels for staff are known by their last word", "[core][channel]") {
  CHECK(is_restricted_channel("conversation:1:internal"));
  CHECK(is_restricted_channel("ops"));
  CHECK(is_restricted_channel("oncall"));
  CHECK(is_restricted_channel("agents"));
  CHECK_FALSE(is_restricted_channel("conversation:1"));
  CHECK_FALSE(is_restricted_channel("user:ops"));
}

TEST_CASE("channel names from outside are checked", "[core][channel]") {
  for (const char* good : {"ops", "user:7", "conversation:support~42:internal"}) {
    CHECK(validate_channel(good).has_value());
  }
  for (const std::string bad : {"", ":", "a:", ":a", "a::b", "a b", "a\n", "{0}", "a*", "é"}) {
    CHECK_FALSE(validate_channel(bad).has_value());
  }
  CHECK_FALSE(validate_channel(std::string(201, 'a')).has_value());
}

TEST_CASE("only typing, presence and deltas are not kept", "[core][event]") {
  CHECK_FALSE(is_kept_event("typing:start"));
  CHECK_FALSE(is_kept_event("presence:enter"));
  CHECK_FALSE(is_kept_event("message:delta"));
  CHECK(is_kept_event("message:user"));
}

TEST_CASE("the envelope's tail quotes what came from outside", "[core][event]") {
  Event event;
  event.id = "e\"1";
  event.name = "message:user";
  event.client_id = "c\n";
  event.timestamp = 17;
  event.data = R"({"x":1})";
  CHECK(encode_envelope_tail(event) ==
        R"("id":"e\"1","event":"message:user","clientId":"c\n","timestamp":17,"data":{"x":1}})");
}
