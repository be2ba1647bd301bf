// The connection's state machine over a stream in memory, on a clock that the test moves.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/net/http_connections.h"
#include "tests/support/catch.h"
#include "tests/support/memory_stream.h"

using namespace deskwire;
using namespace deskwire::net;
using test::ManualLoop;
using test::MemoryStream;

namespace {

HttpServer::Options test_options() {
  HttpServer::Options options;
  options.listen = "127.0.0.1:0";
  options.max_body_bytes = 100;
  return options;
}

class Server {
 public:
  explicit Server(HttpServer::Options options = test_options())
      : settings_{std::move(options), HostList({}, "127.0.0.1"),
                  [this](HttpRequest&& request, HttpResponder responder) {
                    requests.push_back(std::move(request));
                    if (answer_at_once)
                      responder.send({200, {}, requests.back().target + requests.back().body});
                    else
                      waiting.push_back(std::move(responder));
                  },
                  [this](HttpRequest& request, const std::function<std::unique_ptr<Stream>()>& take,
                         std::string rest) {
                    if (request.path() != "/ws") return false;
                    upgraded = take();
                    leftover = std::move(rest);
                    return true;
                  },
                  [this](const HttpRequest& so_far, int status, std::string_view reason) {
                    refused_target = so_far.target;
                    refused += std::to_string(status) + " " + std::string(reason) + ";";
                  }},
        connections(std::shared_ptr<Loop>(&loop, [](Loop*) {}), settings_, [] {}) {}
  ~Server() {
    connections.close_all();
    loop.run();
  }

  std::unique_ptr<MemoryStream> connect() {
    auto [server, client] = MemoryStream::make_pair(loop);
    connections.add(std::move(server));
    return std::move(client);
  }
  std::string exchange(MemoryStream& client, std::string_view bytes) {
    client.put(bytes);
    loop.run();
    return client.take();
  }

 private:
  HttpSettings settings_;

 public:
  ManualLoop loop;
  HttpConnections connections;
  bool answer_at_once = true;
  std::vector<HttpRequest> requests;
  std::vector<HttpResponder> waiting;
  std::unique_ptr<Stream> upgraded;
  std::string leftover;
  std::string refused;
  std::string refused_target;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string status_line(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

}  // namespace

TEST_CASE("an answer is one write with its length, and the connection stays open",
          "[net][connection]") {
  Server server;
  const auto client = server.connect();
  CHECK(server.exchange(*client, kGet) ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n/a");
  CHECK(client->peer_writes() == 1);
  CHECK(server.exchange(*client, kGet).starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK_FALSE(client->peer_finished());
  CHECK(server.requests[0].peer_address == "127.0.0.1");
}

TEST_CASE("pipelined requests are answered in their order, also when answers come late",
          "[net][connection]") {
  Server server;
  server.answer_at_once = false;
  const auto client = server.connect();
  CHECK(server
            .exchange(*client,
                      "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      "POST /2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
                      "GET /3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .empty());
  std::string order;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(server.waiting.size() == 1);
    auto responder = std::move(server.waiting.back());
    server.waiting.clear();
    responder.send({200, {}, server.requests.back().target});
    server.loop.run();
    const std::string answer = client->take();
    order += answer.substr(answer.size() - 2);
  }
  CHECK(order == "/1/2/3");
  CHECK(server.requests[1].body == "hi");
}

TEST_CASE("the answer to HEAD has the length and not the body", "[net][connection]") {
  Server server;
  const auto client = server.connect();
  const std::string answer =
      server.exchange(*client, "HEAD /abc HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(answer.find("Content-Length: 4\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("Connection: close and HTTP/1.0 end the connection after the answer",
          "[net][connection]") {
  Server server;
  const auto client = server.connect();
  const std::string answer =
      server.exchange(*client, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(client->peer_finished());
  const auto old = server.connect();
  CHECK(server.exchange(*old, "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200"));
  CHECK(old->peer_finished());
  const auto kept = server.connect();
  CHECK(server.exchange(*kept, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .find("Connection: keep-alive\r\n") != std::string::npos);
  CHECK_FALSE(kept->peer_finished());
}

TEST_CASE("a head and a body have deadlines as a whole, however they trickle",
          "[net][connection]") {
  Server server;
  const auto head = server.connect();
  const auto body = server.connect();
  body->put("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n");
  std::string head_answer;
  std::string body_answer;
  std::size_t head_seconds = 0;
  std::size_t body_seconds = 0;
  for (std::size_t second = 0; second < 20; ++second) {
    if (head_answer.empty()) head->put(kGet.substr(second, 1));
    if (body_answer.empty()) body->put("x");
    server.loop.advance(Milliseconds{1000});
    head_answer += head->take();
    body_answer += body->take();
    if (head_answer.empty()) head_seconds = second + 1;
    if (body_answer.empty()) body_seconds = second + 1;
  }
  CHECK(status_line(head_answer) == "HTTP/1.1 408 Request Timeout");
  CHECK(status_line(body_answer) == "HTTP/1.1 408 Request Timeout");
  CHECK(head_seconds == 2);
  CHECK(body_seconds == 10);
  CHECK(head->peer_closed());
  CHECK(body->peer_closed());
  CHECK(server.refused == "408 head_timeout;408 body_timeout;");
  CHECK(server.requests.empty());
}

TEST_CASE("a silent connection is closed without an answer", "[net][connection]") {
  Server server;
  const auto silent = server.connect();
  const auto idle = server.connect();
  server.exchange(*idle, kGet);
  server.loop.advance(Milliseconds{2500});
  CHECK(silent->peer_closed());
  CHECK(silent->take().empty());
  CHECK_FALSE(idle->peer_closed());
  server.loop.advance(Milliseconds{60000});
  CHECK(idle->peer_closed());
  CHECK(idle->take().empty());
  CHECK(server.connections.size() == 0);
  CHECK(server.loop.timers() == 0);
}

TEST_CASE("a peer that does not read its answer is closed after the idle timeout",
          "[net][connection]") {
  Server server;
  const auto client = server.connect();
  client->set_capacity(10);
  client->put(kGet);
  server.loop.advance(Milliseconds{59000});
  CHECK_FALSE(client->peer_closed());
  server.loop.advance(Milliseconds{2000});
  CHECK(client->peer_closed());
}

TEST_CASE("a request that is refused gets its status and never reaches the handler",
          "[net][connection]") {
  const auto answer = [](std::string_view bytes) {
    Server server;
    const auto client = server.connect();
    std::string received = server.exchange(*client, bytes);
    CHECK(client->peer_finished());
    CHECK(received.find("Connection: close\r\n") != std::string::npos);
    CHECK(server.requests.empty());
    return status_line(received) + " / " + server.refused;
  };
  CHECK(answer("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n") ==
        "HTTP/1.1 413 Content Too Large / 413 body_too_large;");
  CHECK(answer("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n65\r\nx") ==
        "HTTP/1.1 413 Content Too Large / 413 body_too_large;");
  CHECK(answer("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n") ==
        "HTTP/1.1 403 Forbidden / 403 host;");
  CHECK(answer("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n") ==
        "HTTP/1.1 403 Forbidden / 403 host;");
  CHECK(answer("GET / HTTP/1.1\r\n\r\n") == "HTTP/1.1 400 Bad Request / 400 bad_host;");
  CHECK(answer("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n") ==
        "HTTP/1.1 400 Bad Request / 400 bad_host;");
}

TEST_CASE("a refusal tells what is known of the request", "[net][connection]") {
  const auto target = [](std::string_view bytes) {
    Server server;
    const auto client = server.connect();
    server.exchange(*client, bytes);
    CHECK_FALSE(server.refused.empty());
    return server.refused_target;
  };
  CHECK(target("POST /a?b=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n") ==
        "/a?b=1");
  CHECK(
      target("POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n65\r\nx") ==
      "/a");
  CHECK(target("GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n") == "/a");
  CHECK(target(" ").empty());
}

TEST_CASE("a refusal is a JSON error with the code of its status", "[net][connection]") {
  Server server;
  const auto client = server.connect();
  CHECK(server.exchange(*client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .ends_with(R"({"error":{"code":40300,"message":"host not allowed; add it to the list )"
                       R"(of hosts"}})"));
}

TEST_CASE("after a refusal the rest is read for a while, so that the answer arrives",
          "[net][connection]") {
  Server server;
  const auto client = server.connect();
  server.exchange(*client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n");
  CHECK(client->peer_finished());
  CHECK_FALSE(client->peer_closed());
  server.exchange(*client, std::string(5000, 'x'));
  CHECK_FALSE(client->peer_closed());
  SECTION("until the peer closes") {
    client->shutdown_write();
    server.loop.run();
    CHECK(client->peer_closed());
  }
  SECTION("until its time is over") {
    server.loop.advance(Milliseconds{2500});
    CHECK(client->peer_closed());
  }
  SECTION("until too much has come") {
    server.exchange(*client, std::string(17U << 20U, 'x'));
    CHECK(client->peer_closed());
  }
}

TEST_CASE("a sender that expects it is told to continue, once its head is accepted",
          "[net][connection]") {
  Server server;
  const auto client = server.connect();
  CHECK(server.exchange(*client,
                        "POST /c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: "
                        "100-continue\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(server.exchange(*client, "hi").ends_with("\r\n\r\n/chi"));
  CHECK(server
            .exchange(*client,
                      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\nExpect: "
                      "100-continue\r\n\r\n")
            .starts_with("HTTP/1.1 413"));
}

TEST_CASE("an upgrade takes the stream and the bytes after the head", "[net][connection]") {
  Server server;
  const auto client = server.connect();
  CHECK(server.exchange(*client,
                        "GET /ws?token=t HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                        "Upgrade: WebSocket\r\n\r\nframe") == "");
  REQUIRE(server.upgraded != nullptr);
  CHECK(server.leftover == "frame");
  CHECK(server.connections.size() == 0);
  CHECK_FALSE(client->peer_closed());
  server.upgraded.reset();
  CHECK(client->peer_closed());
}

TEST_CASE("an upgrade that nobody takes is an ordinary request", "[net][connection]") {
  Server server;
  const auto client = server.connect();
  CHECK(
      server
          .exchange(*client, "GET /other HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n")
          .ends_with("/other"));
}

TEST_CASE("a responder that is dropped answers 500, and a second answer is ignored",
          "[net][connection]") {
  Server server;
  server.answer_at_once = false;
  const auto client = server.connect();
  server.exchange(*client, kGet);
  server.waiting.clear();
  server.loop.run();
  CHECK(client->take().starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  server.exchange(*client, kGet);
  const HttpResponder twice = server.waiting.back();
  twice.send({200, {}, "one"});
  twice.send({200, {}, "two"});
  server.loop.run();
  CHECK(client->take().ends_with("one"));
}

TEST_CASE("an answer to a connection that is gone is dropped", "[net][connection]") {
  Server server;
  server.answer_at_once = false;
  const auto client = server.connect();
  server.exchange(*client, kGet);
  server.connections.close_all();
  server.waiting.back().send({200, {}, "late"});
  server.loop.run();
  CHECK(client->take().empty());
  bool gone = false;
  server.waiting.back().stream_begin({}, [&] { gone = true; });
  CHECK_FALSE(gone);
}

TEST_CASE("an answer may be streamed in chunks until its end", "[net][connection]") {
  Server server;
  server.answer_at_once = false;
  const auto client = server.connect();
  server.exchange(*client, kGet);
  HttpResponse head;
  head.content_type = "text/event-stream";
  server.waiting.back().stream_begin(head, nullptr);
  server.waiting.back().stream_write("data: 1\n\n");
  server.waiting.back().stream_write("");
  server.waiting.back().stream_write("data: 2\n\n");
  server.loop.run();
  CHECK(client->take() ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n");
  CHECK(client->peer_writes() == 2);  // The head, then what gathered meanwhile.
  server.waiting.back().stream_end();
  server.waiting.back().stream_write("after the end");
  server.loop.run();
  CHECK(client->take() == "0\r\n\r\n");
  CHECK(client->peer_finished());
}

TEST_CASE("a stream hears when its peer goes", "[net][connection]") {
  Server server;
  server.answer_at_once = false;
  const auto client = server.connect();
  server.exchange(*client, kGet);
  int gone = 0;
  server.waiting.back().stream_begin({}, [&] { ++gone; });
  server.loop.advance(Milliseconds{600000});
  CHECK(gone == 0);
  client->close();
  server.loop.run();
  CHECK(gone == 1);
  server.waiting.back().stream_write("nobody");
  server.waiting.back().stream_end();
  server.loop.run();
  CHECK(gone == 1);
}

TEST_CASE("a stream whose peer leaves more than a mebibyte unread is closed", "[net][connection]") {
  Server server;
  server.answer_at_once = false;
  const auto client = server.connect();
  client->set_capacity(1000);
  server.exchange(*client, kGet);
  int gone = 0;
  server.waiting.back().stream_begin({}, [&] { ++gone; });
  for (int i = 0; i < 15; ++i) server.waiting.back().stream_write(std::string(65536, 'x'));
  server.loop.run();
  CHECK(gone == 0);
  server.waiting.back().stream_write(std::string(65536, 'x'));
  server.waiting.back().stream_write(std::string(65536, 'x'));
  server.loop.run();
  CHECK(gone == 1);
  CHECK(client->peer_closed());
  CHECK(server.refused == "0 slow_reader;");
}

TEST_CASE("draining closes what is idle and lets requests finish", "[net][connection]") {
  Server server;
  const auto idle = server.connect();
  server.exchange(*idle, kGet);
  server.answer_at_once = false;
  const auto fresh = server.connect();
  const auto busy = server.connect();
  const auto arriving = server.connect();
  server.exchange(*busy, kGet);
  server.exchange(*arriving, kGet.substr(0, 10));
  server.connections.drain();
  CHECK(idle->peer_closed());
  CHECK_FALSE(fresh->peer_closed());
  server.waiting.back().send({200, {}, "done"});
  server.loop.run();
  const std::string answer = busy->take();
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(answer.ends_with("done"));
  server.exchange(*arriving, kGet.substr(10));
  server.waiting.back().send({200, {}, "done too"});
  server.loop.run();
  CHECK(arriving->take().ends_with("done too"));
  server.exchange(*fresh, kGet);
  server.waiting.back().send({200, {}, "and this"});
  server.loop.run();
  CHECK(fresh->take().ends_with("and this"));
  CHECK(server.connect()->peer_closed());
}
