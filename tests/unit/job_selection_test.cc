#include "cli/job_selection.h"

#include <nlohmann/json.hpp>

#include "cli/job_text.h"
#include "cli/lineage.h"
#include "core/channel.h"
#include "jobs/memory_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

using namespace deskwire;

namespace {

/// Adds a dead job of a conversation and returns its id.
std::string bury(jobs::JobStore& store, testing::ManualClock& clock, const std::string& lane) {
  clock.advance(Milliseconds(1));
  jobs::EnqueueRequest request;
  request.lane = lane;
  request.receipt = new_job_id(clock.wall_ms(), shard_of_lane(lane)).str();
  request.kind = "reply";
  request.payload = R"({"content":"private words"})";
  request.bury_code = "unparsable";
  request.bury_message = "not of the expected shape";
  const auto added = store.enqueue(request);
  REQUIRE(added.has_value());
  return added->job;
}

}  // namespace

TEST_CASE("a bulk command takes the oldest first and nothing twice", "[cli][jobs]") {
  testing::ManualClock clock;
  jobs::MemoryJobStore store(clock);
  const std::string first = bury(store, clock, "1");
  const std::string second = bury(store, clock, "2");
  const std::string third = bury(store, clock, "1");

  cli::FilterOptions filter;
  filter.error = "unparsable";
  filter.limit = 10;
  const auto selected =
      cli::select_jobs(store, {third, first}, filter, jobs::JobState::kDead, clock.wall_ms());
  REQUIRE(selected.has_value());
  REQUIRE(selected->size() == 3);
  CHECK((*selected)[0].id.str() == first);
  CHECK((*selected)[1].id.str() == second);
  CHECK((*selected)[2].id.str() == third);
}

TEST_CASE("ids alone select nothing else", "[cli][jobs]") {
  testing::ManualClock clock;
  jobs::MemoryJobStore store(clock);
  const std::string first = bury(store, clock, "1");
  bury(store, clock, "2");
  const auto selected =
      cli::select_jobs(store, {first}, {}, jobs::JobState::kDead, clock.wall_ms());
  REQUIRE(selected.has_value());
  CHECK(selected->size() == 1);
  CHECK(cli::select_jobs(store, {"01J00000000000000000000000"}, {}, jobs::JobState::kDead, 0)
            .error()
            .code == ErrorCode::kNotFound);
}

TEST_CASE("a filter that cannot be understood is refused", "[cli][jobs]") {
  cli::FilterOptions filter;
  filter.state = "deda";
  CHECK(cli::read_filter(filter, 0).error().code == ErrorCode::kInvalid);
  filter.state = "dead";
  filter.since = "soon";
  CHECK(cli::read_filter(filter, 0).error().code == ErrorCode::kInvalid);
  filter.since = "1h";
  CHECK(cli::read_filter(filter, 7200000)->since_ms == 3600000);
}

TEST_CASE("a customer's words are shown only where they are asked for", "[cli][jobs]") {
  testing::ManualClock clock;
  jobs::MemoryJobStore store(clock);
  const auto job = store.get(JobId(bury(store, clock, "1")));
  REQUIRE(job.has_value());
  CHECK(cli::to_json(*job, false).dump().find("private words") == std::string::npos);
  CHECK(cli::to_json(*job, true)["payload"]["content"] == "private words");
  CHECK(cli::to_json(*job, false)["error"]["code"] == "unparsable");
  CHECK(cli::to_json(*job, false)["finished_at_ms"] != 0);
}

TEST_CASE("a job's line goes back to the first and on to the newest replay", "[cli][jobs]") {
  testing::ManualClock clock;
  jobs::MemoryJobStore store(clock);
  const JobId first(bury(store, clock, "1"));
  const auto replay_and_kill = [&](const JobId& id) {
    clock.advance(Milliseconds(1));
    const JobId replay = store.replay(id, false, "ann", "test").value();
    REQUIRE(store.drop(replay, {"ann", "test"}));
    return replay;
  };
  const JobId second = replay_and_kill(first);
  const JobId third = replay_and_kill(second);
  for (const JobId& any : {first, second, third}) {
    const auto line = cli::lineage_of(store, store.get(any).value()).value();
    REQUIRE(line.size() == 3);
    CHECK(line[0].id == first);
    CHECK(line[1].id == second);
    CHECK(line[2].id == third);
    CHECK(line[0].payload.empty());
    CHECK_FALSE(cli::lineage_table(line, line[1], clock.wall_ms()).empty());
  }
  const auto alone = store.get(JobId(bury(store, clock, "2"))).value();
  const auto line = cli::lineage_of(store, alone).value();
  CHECK(line.size() == 1);
  CHECK(cli::lineage_table(line, alone, clock.wall_ms()).empty());
}
