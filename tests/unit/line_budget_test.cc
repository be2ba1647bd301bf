#include "webhooks/line_budget.h"

#include "tests/support/catch.h"

using deskwire::MonotonicTime;
using deskwire::webhooks::LineBudget;

TEST_CASE("so many a minute, and the next one says how many were left out", "[webhooks]") {
  LineBudget budget(2);
  const MonotonicTime start{};
  CHECK(budget.take(start) == 0U);
  CHECK(budget.take(start) == 0U);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(budget.take(start + std::chrono::seconds(59)));
  CHECK(budget.take(start + std::chrono::seconds(60)) == 5U);
  CHECK(budget.take(start + std::chrono::seconds(60)) == 0U);
  CHECK_FALSE(budget.take(start + std::chrono::seconds(61)));
}
