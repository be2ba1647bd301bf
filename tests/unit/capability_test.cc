// Who may touch which channel, as a table. The second half is what an attacker would try.

#include <string>

#include "core/channel.h"
#include "publishers/token.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

struct Row {
  const char* resource;
  const char* channel;
  bool allowed;
};

}  // namespace

TEST_CASE("forty cases of resources and channels", "[capability]") {
  const Row rows[] = {
      // A name grants itself.
      {"conversation:42", "conversation:42", true},
      {"conversation:42", "conversation:43", false},
      {"conversation:42", "conversation:4", false},
      {"conversation:42", "conversation:420", false},
      {"conversation:42", "conversation:42:internal", false},
      {"conversation:eu~42", "conversation:eu~42", true},
      {"conversation:eu~42", "conversation:42", false},
      {"user:7", "user:7", true},
      {"user:7", "conversation:7", false},
      // `*` stands for one whole segment.
      {"conversation:*", "conversation:42", true},
      {"conversation:*", "conversation:eu~42", true},
      {"conversation:*", "conversation", false},
      {"conversation:*", "conversation:42:x", false},
      {"conversation:*", "user:42", false},
      {"*:42", "conversation:42", true},
      {"*:*", "room:7", true},
      {"*:*", "room", false},
      {"room:*:x", "room:1:x", true},
      {"room:*:x", "room:1:y", false},
      // Internal channels only by their very word.
      {"conversation:*", "conversation:42:internal", false},
      {"conversation:*:*", "conversation:42:internal", false},
      {"*:*:*", "conversation:42:internal", false},
      {"*", "conversation:42:internal", false},
      {"*:internal", "conversation:42:internal", false},
      {"conversation:*:internal", "conversation:42:internal", true},
      {"conversation:*:internal", "conversation:42", false},
      {"conversation:42:internal", "conversation:42:internal", true},
      {"conversation:42:internal", "conversation:43:internal", false},
      {"*:*:internal", "conversation:42:internal", true},
      {"*", "user:internal", false},
      {"user:*", "user:internal", false},
      // So are the global ones.
      {"*", "agents", false},
      {"*", "oncall", false},
      {"*", "ops", false},
      {"agents", "agents", true},
      {"oncall", "oncall", true},
      {"ops", "ops", true},
      {"ops", "agents", false},
      {"agents", "oncall", false},
      // Alone, `*` is everything else.
      {"*", "conversation:42", true},
      {"*", "a:b:c:d", true},
      {"*", "agents:1", true},
      // Case, trailing segments and look-alikes are other channels.
      {"*", "OPS", true},
      {"ops", "OPS", false},
      {"ops", "ops:x", false},
      {"conversation:42", "CONVERSATION:42", false},
      {"conversation:42", "conversation:42:", false},
      {"conversation:42", "conversation:42~", false},
      {"conversation:42", "conversation%3A42", false},
      {"conversation:42", "conversation:42\n", false},
  };
  static_assert(std::size(rows) >= 40);
  for (const Row& row : rows) {
    CAPTURE(row.resource, row.channel);
    const Capability capability = {{row.resource, {"subscribe"}}};
    CHECK(allows(capability, row.channel, "subscribe") == row.allowed);
    for (const char* other : {"publish", "presence", "history", "sla", "", "SUBSCRIBE"}) {
      CHECK_FALSE(allows(capability, row.channel, other));
    }
  }
}

TEST_CASE("an empty capability grants nothing", "[capability]") {
  for (const char* channel : {"conversation:42", "ops", "agents", "user:7", "x"}) {
    CHECK_FALSE(allows({}, channel, "subscribe"));
    CHECK_FALSE(allows({{"*", {}}}, channel, "subscribe"));
    CHECK_FALSE(allows({{"", {"subscribe"}}}, channel, "subscribe"));
  }
}

TEST_CASE("names that could be taken for another channel are no names", "[capability]") {
  for (const char* name :
       {"", ":", "conversation:", ":internal", "conversation::internal",
        "conversation:42:internal:", "conversation:42 ", " conversation:42",
        "conversation%3A42%3Ainternal", "conversation:42/internal", "conversation:42\\:internal",
        "conversation:*", "conversation:42:internal\t", "conversation:\xd0\xbeps", "op\xc5\x9b",
        "\xef\xbd\x8f\xef\xbd\x90\xef\xbd\x93", "conversation:42\xe2\x80\x8b:internal",
        "conversation:42:internal\xef\xbb\xbf", "conversation:{clientId}"}) {
    CAPTURE(name);
    CHECK_FALSE(validate_channel(name));
  }
  CHECK_FALSE(validate_channel(std::string("ops\0", 4)));
  CHECK_FALSE(validate_channel(std::string(201, 'x')));
}

TEST_CASE("a ceiling lets nothing internal through a wildcard", "[capability]") {
  const auto within = [](const char* asked, const char* ceiling) {
    return check_ceiling({{asked, {"subscribe"}}}, {{ceiling, {"subscribe"}}}).has_value();
  };
  for (const char* asked : {"conversation:42:internal", "conversation:*:internal", "*:*:internal",
                            "agents", "oncall", "ops"}) {
    CAPTURE(asked);
    CHECK_FALSE(within(asked, "*"));
    CHECK_FALSE(within(asked, "conversation:*"));
    CHECK_FALSE(within(asked, "*:*:*"));
    CHECK(within(asked, asked));
  }
  CHECK(within("conversation:*:internal", "*:*:internal"));
  CHECK_FALSE(within("*:*:internal", "conversation:*:internal"));
  CHECK_FALSE(check_ceiling({{"user:7", {"subscribe", "sla"}}}, {{"user:*", {"subscribe"}}}));
}
