#include "jobs/backoff.h"

#include <algorithm>

namespace deskwire::jobs {

Milliseconds backoff(int attempt, Milliseconds base, Milliseconds cap, std::uint64_t random) {
  const std::int64_t limit = std::max<std::int64_t>(0, cap.count());
  std::int64_t ceiling = std::clamp<std::int64_t>(base.count(), 0, limit);
  // Doubling stops at the cap, so that no attempt number can overflow.
  for (int doubled = 1; doubled < attempt && ceiling > 0 && ceiling < limit; ++doubled) {
    ceiling = ceiling > limit / 2 ? limit : ceiling * 2;
  }
  return Milliseconds{
      static_cast<std::int64_t>(random % (static_cast<std::uint64_t>(ceiling) + 1))};
}

}  // namespace deskwire::jobs
