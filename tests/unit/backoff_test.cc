#include "jobs/backoff.h"

#include <algorithm>
#include <limits>

#include "tests/support/catch.h"

namespace deskwire::jobs {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

TEST_CASE("backoff doubles up to its cap and never leaves its range", "[jobs][backoff]") {
  const Milliseconds base{1000};
  const Milliseconds cap{60000};
  std::int64_t ceiling = 1000;
  for (int attempt = 1; attempt <= 70; ++attempt) {
    CHECK(backoff(attempt, base, cap, static_cast<std::uint64_t>(ceiling)).count() == ceiling);
    CHECK(backoff(attempt, base, cap, static_cast<std::uint64_t>(ceiling) + 1).count() == 0);
    CHECK(backoff(attempt, base, cap, kMost).count() <= ceiling);
    CHECK(backoff(attempt, base, cap, 0).count() == 0);
    ceiling = std::min<std::int64_t>(60000, ceiling * 2);
  }
}

TEST_CASE("backoff survives odd settings", "[jobs][backoff]") {
  CHECK(backoff(3, Milliseconds{0}, Milliseconds{1000}, kMost).count() == 0);
  CHECK(backoff(3, Milliseconds{-5}, Milliseconds{1000}, kMost).count() == 0);
  CHECK(backoff(3, Milliseconds{5000}, Milliseconds{1000}, kMost).count() <= 1000);
  CHECK(backoff(-3, Milliseconds{10}, Milliseconds{1000}, 10).count() == 10);
  CHECK(backoff(std::numeric_limits<int>::max(), Milliseconds{1}, Milliseconds::max(), kMost)
            .count() >= 0);
}

}  // namespace
}  // namespace deskwire::jobs
