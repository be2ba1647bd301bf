#include "core/net/read_buffer.h"

#include <string>

#include "tests/support/catch.h"

using deskwire::net::ReadBuffer;

namespace {

std::size_t put(ReadBuffer& buffer, std::size_t count, std::size_t limit) {
  const auto room = buffer.prepare(limit);
  const std::size_t taken = std::min(room.size(), count);
  std::fill_n(room.begin(), taken, 'x');
  buffer.commit(taken);
  return taken;
}

}  // namespace

TEST_CASE("a read buffer grows to its limit and no further", "[net][buffer]") {
  ReadBuffer buffer;
  CHECK(put(buffer, 100000, 20000) == 8192);
  CHECK(put(buffer, 100000, 20000) == 8192);
  CHECK(put(buffer, 100000, 20000) == 20000 - 16384);
  CHECK(buffer.prepare(20000).empty());
  CHECK(buffer.unread() == std::string(20000, 'x'));
}

TEST_CASE("what was consumed makes room without growing", "[net][buffer]") {
  ReadBuffer buffer;
  CHECK(put(buffer, 8192, 8192) == 8192);
  buffer.consume(100);
  CHECK(buffer.prepare(8192).size() == 100);
  CHECK(buffer.unread().size() == 8092);
  buffer.consume(8092);
  CHECK(buffer.prepare(8192).size() == 8192);
}
