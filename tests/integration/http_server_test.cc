#include "core/net/http_server.h"

#include <array>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/http_server_fixture.h"

using namespace deskwire;
using namespace deskwire::test;
using net::HttpRequest;
using net::HttpResponder;
using net::HttpServer;

TEST_CASE("requests of one connection are answered one after the other", "[net][server]") {
  HttpServer server(server_options(), echo);
  REQUIRE(server.start());
  RawClient client(server.port());
  client.send(get("/1") + post("/2", "Content-Length: 3\r\n", "abc") +
              post("/3", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") +
              "BREW /4 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(client.response().body == "GET /1 ");
  CHECK(client.response().body == "POST /2 abc");
  CHECK(client.response().body == "POST /3 abcde");
  CHECK(client.response().body == "BREW /4 ");
  client.send("HEAD /5 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(client.response(true).has_header("Content-Length: 8"));
  client.send(post("/6", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hi");
  CHECK(client.response().body == "POST /6 hi");
}

TEST_CASE("a peer that has sent all it wants still gets its answer", "[net][server]") {
  HttpServer server(server_options(), echo);
  REQUIRE(server.start());
  RawClient client(server.port());
  client.send(get("/last"));
  client.shutdown_write();
  CHECK(client.response().body == "GET /last ");
  CHECK(client.read_to_end().empty());
  CHECK(client.ended_cleanly());
}

TEST_CASE("answers from other threads keep the order of the requests", "[net][server]") {
  std::vector<std::thread> threads;
  HttpServer::Options options = server_options();
  options.threads = 1;
  HttpServer server(options, [&threads](HttpRequest&& request, HttpResponder responder) {
    threads.emplace_back([path = request.target, responder = std::move(responder)] {
      responder.send({200, {}, path});
    });
  });
  REQUIRE(server.start());
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get("/" + std::to_string(i));
  client.send(requests);
  for (int i = 0; i < 100; ++i) CHECK(client.response().body == "/" + std::to_string(i));
  server.stop();
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("a large answer arrives whole", "[net][server]") {
  const std::string page(3U << 20U, 'p');
  HttpServer server(server_options(), [&page](HttpRequest&&, const HttpResponder& responder) {
    responder.send({200, {}, page, "text/html"});
  });
  REQUIRE(server.start());
  RawClient client(server.port());
  client.send(get("/") + get("/"));
  CHECK(client.response().body == page);
  CHECK(client.response().body == page);
}

namespace {

// Sends back what it reads, first of all what came with the head.
class EchoSession : public std::enable_shared_from_this<EchoSession> {
 public:
  EchoSession(std::unique_ptr<net::Stream> stream, std::string leftover)
      : stream_(std::move(stream)), pending_(std::move(leftover)) {}

  void write() {
    const std::array<std::string_view, 2> pieces{"echo:", pending_};
    stream_->write(pieces, [self = shared_from_this()](const Status& written) {
      if (written) self->wait();
    });
  }

 private:
  void wait() {
    stream_->wait_readable([self = shared_from_this()](const Status& readable) {
      if (readable) self->read();
    });
  }
  void read() {
    pending_.resize(100);
    stream_->read_some(pending_, [self = shared_from_this()](const Result<std::size_t>& count) {
      if (!count || *count == 0) return;
      self->pending_.resize(*count);
      self->write();
    });
  }

  std::unique_ptr<net::Stream> stream_;
  std::string pending_;
};

}  // namespace

TEST_CASE("an upgraded connection belongs to its taker, and ends with the server",
          "[net][server]") {
  HttpServer server(
      server_options(), echo,
      [](HttpRequest& request, const std::function<std::unique_ptr<net::Stream>()>& take,
         std::string leftover) {
        if (request.path() != "/ws") return false;
        std::make_shared<EchoSession>(take(), std::move(leftover))->write();
        return true;
      });
  REQUIRE(server.start());
  RawClient client(server.port());
  client.send("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\nfirst;");
  CHECK(client.read_until(";") == "echo:first;");
  client.send("second;");
  CHECK(client.read_until(";") == "echo:second;");
  CHECK(server.connections() == 1);
  server.drain(Milliseconds{10000});  // Does not wait for it.
  client.send("third;");
  CHECK(client.read_until(";") == "echo:third;");
  server.stop();
  CHECK(client.read_to_end().empty());
  CHECK(server.connections() == 0);
}

TEST_CASE("events are streamed from another thread until the reader goes", "[net][server]") {
  std::promise<HttpResponder> begun;
  std::promise<void> gone;
  HttpServer server(server_options(), [&](HttpRequest&&, HttpResponder responder) {
    net::HttpResponse head;
    head.content_type = "text/event-stream";
    responder.stream_begin(head, [&gone] { gone.set_value(); });
    begun.set_value(std::move(responder));
  });
  REQUIRE(server.start());
  auto client = std::make_unique<RawClient>(server.port());
  client->send(get("/events"));
  const HttpResponder responder = begun.get_future().get();
  CHECK(client->read_until("\r\n\r\n").find("text/event-stream") != std::string::npos);
  responder.stream_write("data: 1\n\n");
  CHECK(client->read_until("\n\n\r\n") == "9\r\ndata: 1\n\n\r\n");
  responder.stream_write("data: 2\n\n");
  CHECK(client->read_until("\n\n\r\n") == "9\r\ndata: 2\n\n\r\n");
  client.reset();
  CHECK(gone.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  responder.stream_write("nobody reads this");
  responder.stream_end();
}

TEST_CASE("a stream that is ended is whole, and its connection closed", "[net][server]") {
  HttpServer server(server_options(), [](HttpRequest&&, const HttpResponder& responder) {
    responder.stream_begin({}, nullptr);
    responder.stream_write("one");
    responder.stream_write("two");
    responder.stream_end();
  });
  REQUIRE(server.start());
  RawClient client(server.port());
  client.send(get("/"));
  CHECK(client.response().body == "onetwo");
  CHECK(client.read_to_end().empty());
  CHECK(client.ended_cleanly());
}

TEST_CASE("tasks and timers run on the loop they were given to", "[net][server]") {
  HttpServer server(server_options(), echo);
  const auto loops = server.loops();
  REQUIRE(loops.size() == 2);
  std::promise<bool> early;
  loops[0]->post([&] { early.set_value(loops[0]->on_this_thread()); });
  REQUIRE(server.start());
  CHECK(early.get_future().get());
  CHECK_FALSE(loops[0]->on_this_thread());
  std::promise<bool> fired;
  std::shared_ptr<void> timer;
  std::shared_ptr<void> never;
  loops[1]->post([&] {
    never = loops[1]->after(Milliseconds{1}, [&] { fired.set_value(false); });
    never.reset();
    timer = loops[1]->after(Milliseconds{2}, [&] { fired.set_value(loops[1]->on_this_thread()); });
  });
  CHECK(fired.get_future().get());
}
