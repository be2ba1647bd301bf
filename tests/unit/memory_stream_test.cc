#include "tests/support/memory_stream.h"

#include <array>
#include <optional>

#include "tests/support/catch.h"

using namespace deskwire;
using test::ManualLoop;
using test::MemoryStream;

TEST_CASE("timers of a manual loop run in order of their time, and cancelled ones never",
          "[net][support]") {
  ManualLoop loop;
  std::string order;
  const auto late = loop.after(Milliseconds{20}, [&] { order += 'b'; });
  const auto early = loop.after(Milliseconds{10}, [&] { order += 'a'; });
  auto cancelled = loop.after(Milliseconds{15}, [&] { order += 'x'; });
  cancelled.reset();
  CHECK(loop.timers() == 2);
  loop.advance(Milliseconds{19});
  CHECK(order == "a");
  loop.advance(Milliseconds{1});
  CHECK(order == "ab");
  CHECK(loop.timers() == 0);
}

TEST_CASE("bytes cross a memory stream in pieces of the set size", "[net][support]") {
  ManualLoop loop;
  auto [here, there] = MemoryStream::make_pair(loop);
  here->set_read_limit(3);
  std::array<char, 8> buffer{};
  std::optional<std::size_t> count;
  here->read_some(buffer, [&](Result<std::size_t> got) { count = got.value(); });
  there->put("hello");
  CHECK_FALSE(count.has_value());
  loop.run();
  CHECK(count == 3U);
  CHECK(here->take() == "lo");
}

TEST_CASE("a write to a full memory stream waits until there is room", "[net][support]") {
  ManualLoop loop;
  auto [here, there] = MemoryStream::make_pair(loop);
  here->set_capacity(4);
  const std::string text = "123456";
  const std::array<std::string_view, 1> pieces{text};
  bool done = false;
  there->write(pieces, [&](Status written) { done = written.has_value(); });
  loop.run();
  CHECK_FALSE(done);
  CHECK(here->take() == "1234");
  loop.run();
  CHECK(done);
  CHECK(here->take() == "56");
}

TEST_CASE("closing a memory stream cancels its callbacks and ends the peer's reading",
          "[net][support]") {
  ManualLoop loop;
  auto [here, there] = MemoryStream::make_pair(loop);
  std::array<char, 8> buffer{};
  std::optional<ErrorCode> ours;
  std::optional<std::size_t> theirs;
  here->read_some(buffer, [&](Result<std::size_t> got) { ours = got.error().code; });
  std::array<char, 8> other{};
  there->read_some(other, [&](Result<std::size_t> got) { theirs = got.value(); });
  here->close();
  loop.run();
  CHECK(ours == ErrorCode::kCancelled);
  CHECK(theirs == 0U);
  CHECK(there->peer_closed());
}
