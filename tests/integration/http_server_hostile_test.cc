// Peers that are slow, large, wrong or many, over real sockets.
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/http_server_fixture.h"

using namespace deskwire;
using namespace deskwire::test;
using net::HttpServer;

namespace {

std::string in_chunks(std::size_t size) {
  const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
  std::string body;
  for (std::size_t sent = 0; sent < size; sent += 4096) body += chunk;
  return body + "0\r\n\r\n";
}

}  // namespace

TEST_CASE("a sender of too much sees the refusal, not a reset", "[net][hostile]") {
  HttpServer server(server_options(), echo);
  REQUIRE(server.start());
  constexpr std::size_t kFiveMebibytes = 5U << 20U;
  SECTION("announced") {
    RawClient client(server.port());
    CHECK(client.send(post("/", "Content-Length: 5242880\r\n", std::string(kFiveMebibytes, 'x'))));
    CHECK(client.response().status == 413);
    client.shutdown_write();
    CHECK(client.read_to_end().empty());
    CHECK(client.ended_cleanly());
  }
  SECTION("in chunks") {
    RawClient client(server.port());
    CHECK(client.send(post("/", "Transfer-Encoding: chunked\r\n", in_chunks(kFiveMebibytes))));
    CHECK(client.response().status == 413);
    client.shutdown_write();
    CHECK(client.read_to_end().empty());
    CHECK(client.ended_cleanly());
  }
}

TEST_CASE("every refusal reaches its sender as a JSON error", "[net][hostile]") {
  HttpServer server(server_options(), echo);
  REQUIRE(server.start());
  const auto status = [&](const std::string& bytes) {
    RawClient client(server.port());
    client.send(bytes);
    const RawResponse response = client.response();
    CHECK(response.has_header("Connection: close"));
    CHECK(response.body.starts_with(R"({"error":{"code":)" + std::to_string(response.status)));
    return response.status;
  };
  CHECK(status(post("/", "Content-Length: 65537\r\n")) == 413);
  CHECK(status(get("/").insert(16, "X: " + std::string(10000, 'h') + "\r\n")) == 431);
  CHECK(status("GET /" + std::string(10000, 'h')) == 431);
  CHECK(status("GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n") == 403);
  CHECK(status("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status(post("/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "abc")) == 400);
  CHECK(status(post("/", "X: a\r\n b\r\n")) == 400);
  CHECK(status("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") == 400);
}

TEST_CASE("300 connections that trickle do not keep honest requests waiting", "[net][hostile]") {
  HttpServer::Options options = server_options();
  options.head_timeout = Milliseconds{1000};
  options.body_timeout = Milliseconds{1000};
  HttpServer server(options, echo);
  REQUIRE(server.start());
  const std::string head = get("/slow");
  std::vector<RawClient> slow;
  for (std::size_t i = 0; i < 300; ++i) {
    slow.emplace_back(server.port());
    REQUIRE(slow.back().connected());
    if (i % 2 == 1) slow.back().send(post("/slow", "Content-Length: 1000\r\n"));
  }
  RawClient honest(server.port());
  for (std::size_t second = 0; second < 10; ++second) {
    for (RawClient& client : slow) client.send(head.substr(second, 1));
    honest.send(post("/honest", "Content-Length: 2\r\n", "hi"));
    CHECK(honest.response().body == "POST /honest hi");
  }
  for (RawClient& client : slow) CHECK(client.response().status == 408);
  honest.send(get("/still"));
  CHECK(honest.response().status == 200);
}

TEST_CASE("the newest connection beyond the limit is closed, the others go on", "[net][hostile]") {
  HttpServer::Options options = server_options();
  options.max_connections = 2;
  HttpServer server(options, echo);
  REQUIRE(server.start());
  RawClient first(server.port());
  RawClient second(server.port());
  first.send(get("/1"));
  second.send(get("/2"));
  CHECK(first.response().status == 200);
  CHECK(second.response().status == 200);
  CHECK(server.connections() == 2);
  RawClient third(server.port());
  CHECK(third.read_to_end().empty());
  first.send(get("/1"));
  CHECK(first.response().status == 200);
}

TEST_CASE("connections that could not be accepted for want of descriptors are served later",
          "[net][hostile]") {
  HttpServer server(server_options(), echo);
  REQUIRE(server.start());
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  rlimit few = usual;
  few.rlim_cur = 128;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  std::vector<int> taken;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken.push_back(fd);
  REQUIRE_FALSE(taken.empty());
  ::close(taken.back());
  taken.pop_back();
  RawClient client(server.port());  // Takes the last descriptor; the server has none left.
  const bool connected = client.connected();
  client.send(get("/late"));
  for (const int fd : taken) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &usual);
  CHECK(connected);
  CHECK(client.response().body == "GET /late ");
}
