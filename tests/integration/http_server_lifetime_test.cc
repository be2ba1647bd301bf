// Start, drain and stop in every order and under load.
#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/net/http_server.h"
#include "tests/support/http_server_fixture.h"

using namespace deskwire;
using namespace deskwire::test;
using net::HttpRequest;
using net::HttpResponder;
using net::HttpServer;

TEST_CASE("a port in use is a conflict that names address and key", "[net][lifetime]") {
  HttpServer first(server_options(), echo);
  REQUIRE(first.start());
  HttpServer::Options options = server_options();
  options.listen = "127.0.0.1:" + std::to_string(first.port());
  options.listen_key = "receiver.listen";
  HttpServer second(options, echo);
  const Status started = second.start();
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().code == ErrorCode::kConflict);
  CHECK(started.error().message == "listen " + options.listen +
                                       ": the address is in use; choose another address in "
                                       "receiver.listen");
}

TEST_CASE("an address that cannot be parsed or bound is refused", "[net][lifetime]") {
  HttpServer::Options options = server_options();
  options.listen = "desk.example:80";
  HttpServer unparsable(options, echo);
  CHECK(unparsable.start().error().code == ErrorCode::kInvalid);
  options.listen = "192.0.2.1:8080";  // RFC 5737: never an address of this machine.
  HttpServer foreign(options, echo);
  CHECK(foreign.start().error().code == ErrorCode::kConflict);
}

TEST_CASE("a server starts once and stops any number of times", "[net][lifetime]") {
  HttpServer unstarted(server_options(), echo);
  unstarted.stop();
  CHECK(unstarted.start().error().code == ErrorCode::kCancelled);
  HttpServer server(server_options(), echo);
  CHECK(server.port() == 0);
  REQUIRE(server.start());
  CHECK(server.start().error().code == ErrorCode::kConflict);
  server.stop();
  server.stop();
  server.drain(Milliseconds{10000});
}

TEST_CASE("a server that is stopped while it starts is stopped", "[net][lifetime]") {
  for (int i = 0; i < 20; ++i) {
    HttpServer server(server_options(), echo);
    std::thread starter([&server] {
      const Status started = server.start();
      if (!started) CHECK(started.error().code == ErrorCode::kCancelled);
    });
    server.stop();
    starter.join();
    server.stop();
    CHECK_FALSE(RawClient(server.port()).connected());
  }
}

TEST_CASE("a server that is stopped under load leaves nobody waiting", "[net][lifetime]") {
  for (int round = 0; round < 5; ++round) {
    HttpServer server(server_options(), echo);
    REQUIRE(server.start());
    std::atomic<int> answered{0};
    std::promise<void> busy;
    std::vector<std::thread> senders;
    senders.reserve(4);
    for (int i = 0; i < 4; ++i)
      senders.emplace_back([&] {
        RawClient client(server.port());
        while (client.send(get("/load") + get("/load")) && client.response().status == 200)
          if (++answered == 50) busy.set_value();
      });
    busy.get_future().wait();
    server.stop();
    for (std::thread& sender : senders) sender.join();
    CHECK(answered >= 50);
    CHECK(server.connections() == 0);
  }
}

TEST_CASE("a request that is being answered finishes while the server drains", "[net][lifetime]") {
  std::promise<HttpResponder> asked;
  HttpServer::Options options = server_options();
  // One loop, so that the idle connection's end says that the other one drains too.
  options.threads = 1;
  HttpServer server(options, [&](HttpRequest&& request, HttpResponder responder) {
    if (request.path() == "/slow")
      asked.set_value(std::move(responder));
    else
      responder.send({});
  });
  REQUIRE(server.start());
  RawClient idle(server.port());
  idle.send(get("/"));
  CHECK(idle.response().status == 200);
  RawClient client(server.port());
  client.send(get("/slow"));
  std::optional<HttpResponder> responder = asked.get_future().get();
  std::thread drainer([&server] { server.drain(Milliseconds{60000}); });
  CHECK(idle.read_to_end().empty());
  CHECK(idle.ended_cleanly());
  responder->send({200, {}, "done"});
  const RawResponse response = client.response();
  CHECK(response.body == "done");
  CHECK(response.has_header("Connection: close"));
  client.shutdown_write();
  drainer.join();
  CHECK_FALSE(RawClient(server.port()).connected());
}

TEST_CASE("stopping cuts the grace of a drain short", "[net][lifetime]") {
  std::promise<HttpResponder> asked;
  HttpServer server(server_options(), [&](HttpRequest&&, HttpResponder responder) {
    asked.set_value(std::move(responder));
  });
  REQUIRE(server.start());
  RawClient client(server.port());
  client.send(get("/never"));
  const HttpResponder responder = asked.get_future().get();
  std::thread drainer([&server] { server.drain(Milliseconds{600000}); });
  server.stop();
  drainer.join();
  CHECK(client.response().status == 0);
}

TEST_CASE("an answer that comes after the server's end is dropped", "[net][lifetime]") {
  std::promise<HttpResponder> asked;
  auto server = std::make_unique<HttpServer>(
      server_options(),
      [&](HttpRequest&&, HttpResponder responder) { asked.set_value(std::move(responder)); });
  REQUIRE(server->start());
  RawClient client(server->port());
  client.send(get("/late"));
  std::optional<HttpResponder> responder = asked.get_future().get();
  server.reset();
  responder->send({200, {}, "late"});
  responder->stream_write("later");
  responder.reset();
  CHECK(client.response().status == 0);
}
