#include "worker/guards/masking.h"

#include <random>
#include <string>

#include "tests/support/catch.h"

namespace deskwire::worker {
namespace {

/// The text through a StreamMask in pieces of random sizes.
std::string streamed(const std::string& text, std::mt19937& random) {
  StreamMask mask;
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = 1 + random() % 7;
    shown += mask.add(std::string_view(text).substr(at, size));
    at += size;
  }
  return shown + mask.end();
}

}  // namespace

TEST_CASE("card numbers are masked but for their last four digits", "[worker][masking]") {
  CHECK(masked("card 4111 1111 1111 1111, thanks") ==
        "card [card \xE2\x80\xA6"
        "1111], thanks");
  CHECK(masked("5500-0055-5555-5559") ==
        "[card \xE2\x80\xA6"
        "5559]");
  CHECK(masked("378282246310005") ==
        "[card \xE2\x80\xA6"
        "0005]");
  // Not by Luhn's check, too short, too long: an order's or a parcel's number.
  CHECK(masked("order 4111 1111 1111 1112") == "order 4111 1111 1111 1112");
  CHECK(masked("tel +49 30 1234567") == "tel +49 30 1234567");
  CHECK(masked("00000000000000") == "00000000000000");
}

TEST_CASE("secrets of known forms, and what is announced as one, are masked", "[worker][masking]") {
  CHECK(masked("my password is hunter22, ok?") == "my password is [hidden], ok?");
  CHECK(masked("Passwort: gehe1m") == "Passwort: [hidden]");
  CHECK(masked("use sk-proj-abcdefghijklmnop1234 now") == "use [hidden] now");
  CHECK(masked("ghp_abcdefghijklmnopqrstuvwxyz0123") == "[hidden]");
  CHECK(masked("AKIAIOSFODNN7EXAMPLE") == "[hidden]");
  CHECK(masked("-----BEGIN PRIVATE KEY-----\nMIIE\nabc\n-----END PRIVATE KEY----- bye") ==
        "[hidden] bye");
  CHECK(masked("I forgot my password. What now?") == "I forgot my password. What now?");
}

TEST_CASE("a text that comes in pieces is masked as it would be as a whole", "[worker][masking]") {
  const std::vector<std::string> words{"hello",
                                       "4111",
                                       "1111",
                                       "1111",
                                       "1111",
                                       "1111,",
                                       "password",
                                       "is",
                                       "hunter22",
                                       "secret:",
                                       "a-b-c",
                                       "sk-proj-abcdefghijklmnop1234",
                                       "5500-0055-5555-5559",
                                       "12",
                                       "my",
                                       "\xC3\xA4\xC3\xB6",
                                       "3782",
                                       "822463",
                                       "10005"};
  std::mt19937 random(7);  // NOLINT: the same texts each time
  for (int round = 0; round < 400; ++round) {
    std::string text;
    const std::size_t count = 1 + random() % 14;
    for (std::size_t i = 0; i < count; ++i) {
      text += words[random() % words.size()];
      text += i % 5 == 4 ? "\n" : " ";
    }
    INFO(text);
    CHECK(streamed(text, random) == masked(text));
  }
}

TEST_CASE("nothing of a card number is shown before it is complete", "[worker][masking]") {
  StreamMask mask;
  CHECK(mask.add("Your card 4111 1111 ") == "Your card ");
  CHECK(mask.add("1111 1111") == "");
  CHECK(mask.add(" is fine. ").find("4111") == std::string::npos);
}

TEST_CASE("a word without an end does not grow without bounds", "[worker][masking]") {
  StreamMask mask;
  std::size_t shown = 0;
  for (int i = 0; i < 100; ++i) shown += mask.add(std::string(1000, 'x')).size();
  CHECK(shown >= 100000 - StreamMask::kMaxHeld - 1000);
  CHECK(shown + mask.end().size() == 100000);
}

}  // namespace deskwire::worker
