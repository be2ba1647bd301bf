#include "core/redis/reply_reader.h"

#include <string>

#include "core/redis/command.h"
#include "core/redis/reply_error.h"
#include "tests/support/catch.h"

namespace deskwire::redis {
namespace {

constexpr std::size_t kLimit = 1024;

Result<std::optional<Reply>> read_whole(std::string_view bytes) {
  ReplyReader reader(kLimit);
  reader.feed(bytes);
  return reader.next();
}

TEST_CASE("every kind of RESP2 reply is read", "[redis][reply]") {
  CHECK(read_whole("+OK\r\n").value()->kind == Reply::Kind::kStatus);
  CHECK(read_whole("-ERR no\r\n").value()->text == "ERR no");
  CHECK(read_whole(":-42\r\n").value()->as_integer() == -42);
  CHECK(read_whole("$-1\r\n").value()->is_nil());
  CHECK(read_whole("*-1\r\n").value()->is_nil());
  CHECK(read_whole("*0\r\n").value()->is_array());
  CHECK(read_whole("$4\r\na\r\nb\r\n").value()->text == "a\r\nb");
}

TEST_CASE("nested arrays keep their order and their holes", "[redis][reply]") {
  const auto reply =
      read_whole("*4\r\n$1\r\na\r\n*2\r\n:1\r\n*1\r\n$1\r\nb\r\n$-1\r\n+c\r\n").value();
  REQUIRE(reply->items.size() == 4);
  CHECK(reply->at(0).as_string() == "a");
  CHECK(reply->at(1).at(0).as_integer() == 1);
  CHECK(reply->at(1).at(1).at(0).as_string() == "b");
  CHECK(reply->at(2).is_nil());
  CHECK(reply->at(3).as_string() == "c");
}

TEST_CASE("a reply cut anywhere is read once it is complete", "[redis][reply]") {
  const std::string bytes = "*2\r\n$5\r\nhello\r\n*1\r\n:12\r\n+next\r\n";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    ReplyReader reader(kLimit);
    std::vector<Reply> replies;
    for (const std::string_view part :
         {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) {
      reader.feed(part);
      for (auto reply = reader.next().value(); reply; reply = reader.next().value()) {
        replies.push_back(std::move(*reply));
      }
    }
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].at(0).text == "hello");
    CHECK(replies[0].at(1).at(0).integer == 12);
    CHECK(replies[1].text == "next");
  }
}

TEST_CASE("bytes that are no RESP are an error and not a crash", "[redis][reply]") {
  const std::string bytes =
      GENERATE(as<std::string>{}, "HTTP/1.1 400 Bad Request\r\n", "*x\r\n", "$x\r\n", ":1x\r\n",
               std::string(64, '\0'), "*99999999999999999999\r\n",
               "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n");
  CAPTURE(bytes);
  const auto reply = read_whole(bytes);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ErrorCode::kCorrupt);
}

TEST_CASE("an announced length alone reserves no memory", "[redis][reply]") {
  CHECK_FALSE(read_whole("*2000000000\r\n").value().has_value());
  CHECK_FALSE(read_whole("$500000000\r\n").value().has_value());
}

TEST_CASE("a reply longer than the limit is refused before it is complete", "[redis][reply]") {
  ReplyReader reader(kLimit);
  reader.feed("$5000\r\n");
  reader.feed(std::string(kLimit, 'x'));
  const auto reply = reader.next();
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ErrorCode::kTooLarge);
}

TEST_CASE("the limit counts one reply, not the stream", "[redis][reply]") {
  ReplyReader reader(kLimit);
  for (int i = 0; i < 100; ++i) {
    reader.feed("$100\r\n" + std::string(100, 'x') + "\r\n");
    REQUIRE(reader.next().value().has_value());
  }
}

TEST_CASE("numbers are read from strings only when they are nothing but numbers",
          "[redis][reply]") {
  CHECK(read_whole("$16\r\n9007199254740993\r\n").value()->as_integer() == 9007199254740993);
  CHECK(read_whole("$2\r\n1x\r\n").value()->as_integer(7) == 7);
  CHECK(read_whole("$0\r\n\r\n").value()->as_integer(7) == 7);
  CHECK(read_whole("-ERR\r\n").value()->as_integer(7) == 7);
  CHECK(read_whole("*0\r\n").value()->at(3).is_nil());
}

TEST_CASE("error replies are classed by their first word", "[redis][reply]") {
  CHECK(error_of_reply("GET", "LOADING Redis is loading").code == ErrorCode::kUnavailable);
  CHECK(error_of_reply("SET", "READONLY You can't").code == ErrorCode::kUnavailable);
  CHECK(error_of_reply("SET", "OOM command not allowed").code == ErrorCode::kFull);
  CHECK(error_of_reply("SET", "MISCONF Redis is").code == ErrorCode::kFull);
  CHECK(error_of_reply("GET", "WRONGTYPE Operation").code == ErrorCode::kCorrupt);
  const Error foreign = error_of_reply(
      "list.lua", "FOREIGN key dw:{4}:ready holds a string script: 0a1b, on @user_script:31.");
  CHECK(foreign.code == ErrorCode::kCorrupt);
  CHECK(foreign.message == "key dw:{4}:ready holds a string");
  CHECK(error_of_reply("GET", "ERR syntax error").code == ErrorCode::kInvalid);
  CHECK(error_of_reply("GET", "").code == ErrorCode::kInvalid);
}

TEST_CASE("an error's message carries no argument of the command", "[redis][reply]") {
  const Error error =
      error_of_reply("FOO", "ERR unknown command 'FOO', with args beginning with: 'secret' ");
  CHECK(error.message == "redis FOO: ERR unknown command 'FOO'");
}

TEST_CASE("commands are encoded as arrays of binary-safe strings", "[redis][reply]") {
  std::string out = "x";
  append_command(out, {"SET", std::string("a\0\r\n", 4), ""});
  const std::string zero(1, '\0');
  CHECK(out == "x*3\r\n$3\r\nSET\r\n$4\r\na" + zero + "\r\n\r\n$0\r\n\r\n");
  out.clear();
  append_script(out, "EVAL", "return 1", {"k"}, {"a", "b"});
  CHECK(out ==
        "*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\nb\r\n");
}

}  // namespace
}  // namespace deskwire::redis
