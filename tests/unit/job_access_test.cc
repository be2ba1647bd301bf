#include "cli/job_access.h"

#include "jobs/effects.h"
#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("a lost post is waited for longer than the most patient source waits for its answer",
          "[cli][effects]") {
  config::Config config;
  const auto settle = [&] { return cli::lane_limits(config).effect_settle.count(); };
  CHECK(settle() == jobs::kEffectSettleMs);
  config.sources.resize(2);
  CHECK(settle() == jobs::kEffectSettleMs);
  config.sources.back().request_timeout = Milliseconds(60'000);
  CHECK(settle() == 65'000);
}
