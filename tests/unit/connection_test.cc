#include "publishers/connection.h"

#include <string>
#include <vector>

#include "publishers/dialects/plain_protocol.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_stream.h"

using namespace deskwire;
using namespace deskwire::publishers;
using deskwire::test::ManualLoop;
using deskwire::test::MemoryStream;

namespace {

/// A connection whose other end is the test, with a small outbox.
struct Line final : Connection::Handler, std::enable_shared_from_this<Line> {
  static std::shared_ptr<Line> open() {
    auto line = std::make_shared<Line>();
    auto [server, client] = MemoryStream::make_pair(line->loop);
    line->peer = std::move(client);
    line->settings.max_outbox_bytes = 4096;
    line->connection =
        std::make_shared<Connection>(std::move(server), line->group, line->settings, line->clock);
    line->connection->start(line, "hello", {});
    line->read();
    return line;
  }

  void on_message(WireMessage message) override { heard.push_back(std::move(message.payload)); }
  std::string farewell(CloseCode code, std::string_view reason) override {
    return plain::encode_disconnect(code, reason);
  }
  std::string_view keep_alive() override { return {}; }
  void on_closed(std::uint16_t code) override { closed_with = code; }

  /// What has arrived at the peer; makes room for more.
  std::string read() {
    loop.run();
    std::string bytes;
    for (std::string more = peer->take(); !more.empty(); more = peer->take()) {
      bytes += more;
      loop.run();
    }
    return bytes;
  }
  void send(Priority priority) {
    connection->send_text(std::string(1000, 'x'), priority);
    loop.run();
  }
  void say(const std::string& text) {
    peer->put(make_masked_frame(Opcode::kText, text, 7));
    loop.run();
  }

  ManualLoop loop;
  testing::ManualClock clock;
  std::shared_ptr<ConnectionGroup> group = std::make_shared<ConnectionGroup>(loop);
  ConnectionSettings settings;
  std::unique_ptr<MemoryStream> peer;
  std::shared_ptr<Connection> connection;
  std::vector<std::string> heard;
  int closed_with = 0;
};

}  // namespace

TEST_CASE("4008: a consumer that does not read is closed when its outbox is full", "[connection]") {
  const auto line = Line::open();
  line->peer->set_capacity(100);
  for (int i = 0; i < 4; ++i) line->send(Priority::kNormal);
  CHECK(line->connection->is_open());
  line->send(Priority::kNormal);
  CHECK_FALSE(line->connection->is_open());
  CHECK(line->closed_with == 4008);
  line->peer->set_capacity(MemoryStream::kUnlimited);
  // What was being written ends whole; what waited is not worth waiting for.
  const std::string bytes = line->read();
  CHECK(bytes.size() < 1500);
  CHECK(bytes.find(R"("disconnect":{"code":4008)") != std::string::npos);
}

TEST_CASE("who does not read what it has asked for is not heard, and is closed by nothing else",
          "[connection]") {
  const auto line = Line::open();
  line->peer->set_capacity(100);
  for (int i = 0; i < 10; ++i) line->send(Priority::kReplay);
  line->say("one");
  line->say("two");
  CHECK(line->connection->is_open());
  CHECK(line->heard.empty());
  line->peer->set_capacity(MemoryStream::kUnlimited);
  CHECK(line->read().size() > 10'000);
  CHECK(line->heard == std::vector<std::string>{"one", "two"});
}

TEST_CASE("what waits goes out before the answer to a peer's close frame", "[connection]") {
  const auto line = Line::open();
  line->connection->send_text("the last word");
  line->peer->put(make_masked_frame(Opcode::kClose, close_payload(1000, ""), 7));
  line->loop.run();
  CHECK(line->closed_with == 1000);
  CHECK(line->read() == make_frame(Opcode::kText, "the last word") +
                            make_frame(Opcode::kClose, close_payload(1000, "")));
}
