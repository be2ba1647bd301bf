#include "core/json.h"

#include <array>
#include <nlohmann/json.hpp>

#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("a hundred thousand brackets are refused and cost no stack", "[core][json]") {
  const auto parsed = parse_json(std::string(100000, '['));
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code == ErrorCode::kTooLarge);
}

TEST_CASE("what is not JSON is refused without quoting it", "[core][json]") {
  for (const std::string text : {"", "nope-secret", "{\"a\":1", "{\"a\":1}x", "{\"a\":\"\xff\"}",
                                 "[1,]", "{\"a\":1e999}", "\"\\ud80\"", "{'a':1}"}) {
    const auto parsed = parse_json(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kInvalid);
    CHECK(parsed.error().message.find("secret") == std::string::npos);
  }
}

TEST_CASE("half a surrogate pair is read as a replacement character", "[core][json]") {
  const auto read = [](const std::string& text) {
    return string_at(parse_json(R"({"a":")" + text + R"("})").value_or(nlohmann::json::object()),
                     "a");
  };
  CHECK(read(R"(cut \ud83d)") == "cut \xEF\xBF\xBD");
  CHECK(read(R"(\udc00 b)") == "\xEF\xBF\xBD b");
  CHECK(read(R"(\uD83D\uD83D\uDE00\n)") == "\xEF\xBF\xBD\xF0\x9F\x98\x80\n");
  CHECK(read(R"(\\ud83d)") == R"(\ud83d)");
  CHECK(read(R"(\\\ud83d\\)") == "\\\xEF\xBF\xBD\\");
}

TEST_CASE("what lies too deep is dropped where that is asked for", "[core][json]") {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  const JsonLimits limits{.max_depth = 3, .drop_deeper = true};
  const auto parsed = parse_json(R"({"a":{"b":[1,[2],{"c":3},4],"d":5},"e":)" + deep + "}", limits);
  REQUIRE(parsed);
  CHECK(parsed->dump() == R"({"a":{"b":[1,4],"d":5},"e":[[]]})");
  CHECK_FALSE(parse_json(R"({"e":)" + deep.substr(1) + "}", limits));
}

TEST_CASE("of a repeated key the last value counts unless keys must be unique", "[core][json]") {
  const std::string text = R"({"a":1,"a":2})";
  CHECK(integer_at(*parse_json(text), "a") == 2);
  JsonLimits limits;
  limits.unique_keys = true;
  const auto refused = parse_json(text, limits);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("'a'") != std::string::npos);
}

TEST_CASE("what lies under an ignored key is checked but not kept", "[core][json]") {
  const std::array<std::string_view, 1> ignored{"skip"};
  const JsonLimits limits{.max_depth = 5, .ignored_keys = ignored};
  const auto parsed = parse_json(
      R"({"a":1,"skip":{"b":[1,{"skip":"x"}],"a":2},"c":[{"skip":[],"d":"skip"},2],"skip":3})",
      limits);
  REQUIRE(parsed);
  CHECK(*parsed == nlohmann::json::parse(R"({"a":1,"c":[{"d":"skip"},2]})"));
  CHECK_FALSE(parse_json(R"({"skip":{"b":}})", limits));
  CHECK(parse_json(R"({"skip":[[[[]]]]})", limits));
  CHECK(parse_json(R"({"skip":[[[[[]]]]]})", limits).error().code == ErrorCode::kTooLarge);
}

TEST_CASE("integers beyond 2^53 keep every digit", "[core][json]") {
  const auto parsed = parse_json(R"({"id":9007199254740993,"big":18446744073709551615,"s":"x1"})");
  REQUIRE(parsed.has_value());
  CHECK(id_at(*parsed, "id") == "9007199254740993");
  CHECK(id_at(*parsed, "big") == "18446744073709551615");
  CHECK(id_at(*parsed, "s") == "x1");
  CHECK(integer_at(*parsed, "big") == std::nullopt);
  CHECK(dump_json(*parsed) == R"({"big":18446744073709551615,"id":9007199254740993,"s":"x1"})");
}

TEST_CASE("readers answer the fallback for other types", "[core][json]") {
  const auto parsed = parse_json(R"({"n":null,"t":"x","o":{"b":true},"f":1.5})");
  REQUIRE(parsed.has_value());
  CHECK(string_at(*parsed, "n", "?") == "?");
  CHECK(string_at(*parsed, "missing") == "");
  CHECK(bool_at(object_at(*parsed, "o"), "b"));
  CHECK(object_at(*parsed, "t").empty());
  CHECK(integer_at(*parsed, "f") == std::nullopt);
  CHECK(id_at(*parsed, "f") == std::nullopt);
  CHECK(string_at(nlohmann::json(1), "x", "y") == "y");
}

TEST_CASE("invalid UTF-8 inside our own strings is replaced, not thrown about", "[core][json]") {
  CHECK(json_quote("a\xff"
                   "b") ==
        "\"a\xef\xbf\xbd"
        "b\"");
}
