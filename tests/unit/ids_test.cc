#include "core/ids.h"

#include <set>

#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("a job id sorts by time and names its shard", "[core][ids]") {
  for (int shard = 0; shard < kShardCount; ++shard) {
    const JobId id = new_job_id(1795168800123, shard);
    CHECK(id.str().size() == 26);
    CHECK(shard_of_job(id) == shard);
    CHECK(id.str() < new_job_id(1795168800124, 0).str());
  }
}

TEST_CASE("ids made in the same millisecond differ", "[core][ids]") {
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) seen.insert(new_ulid(1));
  CHECK(seen.size() == 10000);
}

TEST_CASE("what is no job id is refused with a reason", "[core][ids]") {
  for (const char* text : {"", "01J", "01J9ZZZZZZZZZZZZZZZZZZZZZI", "01J9ZZZZZZZZZZZZZZZZZZZZZZ",
                           "01j9zzzzzzzzzzzzzzzzzzzzz0"}) {
    const auto shard = shard_of_job(JobId{text});
    REQUIRE_FALSE(shard.has_value());
    CHECK(shard.error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("a derived id depends on each part and on where the parts end", "[core][ids]") {
  CHECK(derived_id("k", "ab", "c") == derived_id("k", "ab", "c"));
  CHECK(derived_id("k", "ab", "c") != derived_id("k", "a", "bc"));
  CHECK(derived_id("k", "ab") != derived_id("l", "ab"));
  CHECK(derived_id("k", "ab").size() == 26);
}
