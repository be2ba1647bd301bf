#include "publishers/outbox.h"

#include <string>

#include "tests/support/catch.h"

using namespace deskwire::publishers;

namespace {

SharedFrame bytes(std::size_t count, char fill = 'x') {
  return std::make_shared<const std::string>(count, fill);
}

std::string written(Outbox& outbox, std::size_t pieces = 64) {
  std::string out;
  for (const std::string_view piece : outbox.begin_write(pieces)) out += piece;
  outbox.end_write();
  return out;
}

}  // namespace

TEST_CASE("what waits is gathered in order", "[outbox]") {
  Outbox outbox(100);
  CHECK(outbox.empty());
  outbox.add(bytes(2, 'a'), Priority::kNormal);
  outbox.add(bytes(2, 'b'), Priority::kDroppable);
  outbox.add(bytes(2, 'c'), Priority::kReplay);
  CHECK(outbox.bytes() == 4);
  CHECK(written(outbox, 2) == "aabb");
  CHECK(written(outbox) == "cc");
  CHECK(outbox.empty());
  CHECK(outbox.bytes() == 0);
}

TEST_CASE("a full outbox drops typing first and only then overflows", "[outbox]") {
  Outbox outbox(100);
  CHECK(outbox.add(bytes(60), Priority::kNormal) == Outbox::Outcome::kAdded);
  CHECK(outbox.add(bytes(40, 't'), Priority::kDroppable) == Outbox::Outcome::kAdded);
  CHECK(outbox.add(bytes(1, 't'), Priority::kDroppable) == Outbox::Outcome::kDropped);
  CHECK(outbox.take_dropped() == 1);
  CHECK(outbox.add(bytes(30), Priority::kNormal) == Outbox::Outcome::kAdded);
  CHECK(outbox.take_dropped() == 1);
  CHECK(outbox.add(bytes(11), Priority::kNormal) == Outbox::Outcome::kOverflow);
  CHECK(written(outbox) == std::string(90, 'x'));
}

TEST_CASE("what is being written is never dropped", "[outbox]") {
  Outbox outbox(100);
  outbox.add(bytes(90, 't'), Priority::kDroppable);
  const auto pieces = outbox.begin_write(64);
  REQUIRE(pieces.size() == 1);
  CHECK(outbox.add(bytes(50), Priority::kNormal) == Outbox::Outcome::kOverflow);
  CHECK(pieces[0] == std::string(90, 't'));
  outbox.clear_waiting();
  CHECK(outbox.writing());
  outbox.end_write();
  CHECK(outbox.empty());
}

TEST_CASE("one frame over the limit is taken when nothing waits", "[outbox]") {
  Outbox outbox(100);
  CHECK(outbox.add(bytes(500), Priority::kNormal) == Outbox::Outcome::kAdded);
  CHECK(outbox.add(bytes(1), Priority::kNormal) == Outbox::Outcome::kOverflow);
}

TEST_CASE("a replay does not count against the limit", "[outbox]") {
  Outbox outbox(100);
  for (int i = 0; i < 50; ++i) {
    CHECK(outbox.add(bytes(50), Priority::kReplay) == Outbox::Outcome::kAdded);
  }
  CHECK(outbox.add(bytes(100), Priority::kNormal) == Outbox::Outcome::kAdded);
  std::size_t sum = 0;
  while (!outbox.empty()) sum += written(outbox, 7).size();
  CHECK(sum == 2600);
}
