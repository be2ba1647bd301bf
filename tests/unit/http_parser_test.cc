#include "core/net/http_parser.h"

#include <optional>
#include <string>

#include "tests/support/catch.h"

using namespace deskwire::net;
using Progress = HttpParser::Progress;

namespace {

struct Outcome {
  Progress progress = Progress::kNeedMore;
  int status = 0;
  std::size_t left = 0;
};

// Feeds `bytes` in pieces of `step`, as a connection does: what is not consumed comes again.
Outcome feed(HttpParser& parser, std::string_view bytes, std::size_t step) {
  std::string unread;
  bool head_done = false;
  Outcome outcome;
  while (outcome.progress == Progress::kNeedMore && !(bytes.empty() && unread.empty())) {
    unread.append(bytes.substr(0, step));
    const bool last = bytes.size() <= step;
    bytes.remove_prefix(std::min(bytes.size(), step));
    std::size_t consumed = 0;
    if (!head_done) {
      outcome.progress = parser.take_head(unread, consumed);
      unread.erase(0, consumed);
      head_done = outcome.progress == Progress::kDone;
    }
    if (head_done) {
      outcome.progress = parser.take_body(unread, consumed);
      unread.erase(0, consumed);
    }
    if (last) break;
  }
  if (outcome.progress == Progress::kRefused) outcome.status = parser.refusal().status;
  outcome.left = unread.size() + bytes.size();
  return outcome;
}

int status_of(std::string_view bytes) {
  HttpParser parser({512, 64});
  const int status = feed(parser, bytes, bytes.size()).status;
  // However the network cuts it, the answer is the same.
  HttpParser slow({512, 64});
  CHECK(feed(slow, bytes, 1).status == status);
  return status;
}

}  // namespace

TEST_CASE("a request is the same however it is cut", "[net][parser]") {
  const std::string text =
      "POST /webhooks/a?x=1 HTTP/1.1\r\nHost: localhost\r\nX-One:  a b \r\nTransfer-Encoding: "
      "chunked\r\n\r\n5;name=\"value\"\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: no\r\n\r\nGET /";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    CAPTURE(step);
    HttpParser parser({512, 64});
    const Outcome outcome = feed(parser, text, step);
    REQUIRE(outcome.progress == Progress::kDone);
    CHECK(outcome.left == 5);
    const HttpRequest& request = parser.request();
    CHECK(request.method == "POST");
    CHECK(request.target == "/webhooks/a?x=1");
    CHECK(request.header("x-one") == "a b");
    CHECK(request.body == "hello world");
    CHECK(request.header_count("X-Trailer") == 0);
  }
}

TEST_CASE("empty lines before a request are skipped", "[net][parser]") {
  HttpParser parser({512, 64});
  CHECK(feed(parser, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1).progress == Progress::kDone);
}

TEST_CASE("an unknown method and a target in absolute form are taken apart", "[net][parser]") {
  HttpParser parser({512, 64});
  const Outcome outcome =
      feed(parser, "BREW http://Pot.example:80?x=1 HTTP/1.1\r\nHost: pot.example\r\n\r\n", 100);
  REQUIRE(outcome.progress == Progress::kDone);
  CHECK(parser.request().method == "BREW");
  CHECK(parser.request().target == "/?x=1");
  CHECK(parser.head().authority == "Pot.example:80");
}

TEST_CASE("shapes on which two parsers may disagree are refused", "[net][parser]") {
  const auto post = [](const std::string& headers, const std::string& body) {
    return status_of("POST / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body);
  };
  CHECK(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") == 400);
  CHECK(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n") == 400);
  CHECK(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello") == 400);
  CHECK(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello") == 400);
  CHECK(post("Content-Length: 5, 5\r\n", "hello") == 400);
  CHECK(post("Content-Length: +5\r\n", "hello") == 400);
  CHECK(post("Content-Length: 0x5\r\n", "hello") == 400);
  CHECK(post("Content-Length: -1\r\n", "") == 400);
  CHECK(post("Content-Length:\r\n", "") == 400);
  CHECK(post("Content-Length: 99999999999999999999\r\n", "") == 400);
  CHECK(post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n") == 400);
  CHECK(post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n") == 400);
  CHECK(post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n") == 400);
  CHECK(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") == 400);
  CHECK(post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n") == 400);
  CHECK(post("Content-Length: 5\r\n folded\r\n", "hello") == 400);
  CHECK(post("X: a\r\n\tfolded\r\n", "") == 400);
  CHECK(post("X: a\nContent-Length: 5\r\n", "hello") == 400);
  CHECK(post("X: a\rb\r\n", "") == 400);
  CHECK(post(std::string("X: a\0b\r\n", 8), "") == 400);
  CHECK(post("No colon\r\n", "") == 400);
  CHECK(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400);
}

TEST_CASE("broken chunks are refused", "[net][parser]") {
  const auto chunks = [](const std::string& body) {
    return status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
  };
  CHECK(chunks("x\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunks("-5\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunks("5\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunks("3\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunks("11111111111111111\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunks("5;" + std::string(5000, 'a') + "\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunks("0\r\nX: " + std::string(5000, 'a') + "\r\n\r\n") == 400);
}

TEST_CASE("a body over the limit is told from its head, or from the chunk that passes it",
          "[net][parser]") {
  HttpParser announced({512, 64});
  std::size_t consumed = 0;
  CHECK(announced.take_head("POST / HTTP/1.1\r\nContent-Length: 65\r\n\r\n", consumed) ==
        Progress::kDone);
  CHECK(announced.head().body_too_large);
  const std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(status_of(chunked + "40\r\n" + std::string(64, 'x') + "\r\n1\r\n") == 413);
  CHECK(status_of(chunked + "ffffffffffffffff\r\n") == 413);
}

TEST_CASE("a head over the limit is refused, by bytes or by headers", "[net][parser]") {
  CHECK(status_of("GET / HTTP/1.1\r\nX: " + std::string(600, 'a') + "\r\n\r\n") == 431);
  CHECK(status_of("GET /" + std::string(600, 'a')) == 431);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 129; ++i) many += "A:1\r\n";
  HttpParser parser({4096, 64});
  CHECK(feed(parser, many + "\r\n", many.size() + 2).status == 431);
}

TEST_CASE("what is not HTTP/1 is refused at once", "[net][parser]") {
  CHECK(status_of("\x16\x03\x01\x02") == 400);
  CHECK(status_of("\n\n") == 400);
  CHECK(status_of(" GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of("GET /\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\n\n") == 400);
  CHECK(status_of("GET / a HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nExpect: wonders\r\n\r\n") == 417);
}
