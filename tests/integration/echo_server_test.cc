#include "publishers/echo_server.h"

#include <string>
#include <vector>

#include "publishers/websocket_client.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

WebSocketClient connect(const EchoServer& server, const std::string& path = "/any/path?x=1") {
  auto client =
      WebSocketClient::connect("ws://127.0.0.1:" + std::to_string(server.port()) + path, {});
  REQUIRE(client);
  return std::move(*client);
}

WireMessage next(WebSocketClient& client) {
  auto message = client.receive(Milliseconds(20000));
  REQUIRE(message);
  REQUIRE(*message);
  return std::move(**message);
}

}  // namespace

TEST_CASE("text comes back as text and binary as binary, up to 16 MiB", "[echo]") {
  SystemClock clock;
  EchoServer server("127.0.0.1:0", clock);
  REQUIRE(server.start());
  WebSocketClient client = connect(server);
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U, 16U << 20U}) {
    const std::string payload(size, 'x');
    REQUIRE(client.send(Opcode::kText, payload));
    WireMessage text = next(client);
    CHECK(text.opcode == Opcode::kText);
    CHECK(text.payload == payload);
    REQUIRE(client.send(Opcode::kBinary, payload));
    CHECK(next(client).opcode == Opcode::kBinary);
  }
  REQUIRE(client.send(Opcode::kText, std::string((16U << 20U) + 1, 'x')));
  const WireMessage closed = next(client);
  CHECK(closed.opcode == Opcode::kClose);
  CHECK(closed.close_code == 1009);
}

TEST_CASE("violations of the protocol are answered by close frames alone", "[echo]") {
  SystemClock clock;
  EchoServer server("127.0.0.1:0", clock);
  REQUIRE(server.start());
  struct Row {
    std::string bytes;
    int code;
  };
  const std::vector<Row> rows = {
      {make_masked_frame(Opcode::kText, "\xff", 1), 1007},
      {make_frame(Opcode::kText, "x"), 1002},
      {make_masked_frame(Opcode::kContinuation, "x", 1), 1002},
      {make_masked_frame(Opcode::kClose, "x", 1), 1002},
      {make_masked_frame(Opcode::kClose, close_payload(3000, "fine"), 1), 3000},
      {make_masked_frame(Opcode::kClose, "", 1), 1005},
  };
  for (const Row& row : rows) {
    WebSocketClient client = connect(server);
    REQUIRE(client.send_raw(row.bytes));
    const WireMessage closed = next(client);
    CHECK(closed.opcode == Opcode::kClose);
    CHECK(closed.close_code == row.code);
    // After the close frame the server ends the connection.
    CHECK_FALSE(client.receive(Milliseconds(20000)));
  }
}

TEST_CASE("the echo listens on loopback only and stops with clients connected", "[echo]") {
  SystemClock clock;
  EchoServer open_to_all("0.0.0.0:0", clock);
  const Status refused = open_to_all.start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalid);
  EchoServer server("127.0.0.1:0", clock);
  REQUIRE(server.start());
  WebSocketClient client = connect(server, "/");
  server.stop();
  server.stop();
  CHECK_FALSE(client.receive(Milliseconds(20000)));
}

TEST_CASE("the client names what went wrong", "[echo]") {
  const auto code = [](const std::string& url) {
    const auto client = WebSocketClient::connect(url, {});
    return client ? ErrorCode::kInternal : client.error().code;
  };
  CHECK(code("http://127.0.0.1:1/") == ErrorCode::kInvalid);
  CHECK(code("ws://") == ErrorCode::kInvalid);
  CHECK(code("ws://127.0.0.1:1/") == ErrorCode::kUnavailable);
}
