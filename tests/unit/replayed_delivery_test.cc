#include "webhooks/replayed_delivery.h"

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/event_table.h"
#include "jobs/memory_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

using namespace deskwire;

namespace {

const char* const kBody =
    R"({"event":"message_created","account_id":"1","conversation":{"id":"42"},)"
    R"("message":{"id":"1","type":"incoming","content":"hello"}})";

struct Desk {
  Desk() {
    config::Source source;
    source.name = "shop";
    source.type = config::SourceType::kGeneric;
    source.account_id = "1";
    sources.push_back(source);
  }
  /// The payload of a delivery buried by an older version, and buried again here.
  std::string bury(const std::string& body, const std::string& source = "shop") {
    jobs::EventContext context;
    context.source = source;
    context.delivery_id = "d-1";
    context.body_sha256 = body;
    context.receipt = new_job_id(clock.wall_ms(), shard_of_lane("other-" + source)).str();
    const jobs::EnqueueRequest request = jobs::to_unparsable(body, "message: unknown", context);
    REQUIRE(store.enqueue(request));
    return request.payload;
  }
  Result<jobs::EnqueueResult> again(const std::string& payload) {
    return webhooks::take_in_again(payload, sources, store, clock, 8);
  }

  testing::ManualClock clock;
  jobs::MemoryJobStore store{clock};
  std::vector<config::Source> sources;
};

}  // namespace

TEST_CASE("a kept delivery is taken in once the parser understands it", "[webhooks][replay]") {
  Desk desk;
  const std::string payload = desk.bury(kBody);
  const auto taken = desk.again(payload);
  REQUIRE(taken);
  CHECK_FALSE(taken->duplicate);
  CHECK(desk.store.get(JobId(taken->job))->kind == "reply");
  CHECK(desk.store.appended_events().size() == 1);
  // Another attempt, or the same event by another door, changes nothing.
  const auto second = desk.again(payload);
  REQUIRE(second);
  CHECK(second->duplicate);
  CHECK(second->job == taken->job);
  CHECK(desk.store.appended_events().size() == 1);
}

TEST_CASE("a kept delivery that cannot be taken in says why", "[webhooks][replay]") {
  Desk desk;
  CHECK(desk.again("not ours").error().code == ErrorCode::kCorrupt);
  CHECK(desk.again("{}").error().code == ErrorCode::kNotFound);
  CHECK(desk.again(desk.bury(R"({"event":"message_created"})")).error().code ==
        ErrorCode::kCorrupt);
  std::string other = kBody;
  other.replace(other.find("\"1\""), 3, "\"2\"");
  CHECK(desk.again(desk.bury(other)).error().code == ErrorCode::kConflict);
  const std::string payload = desk.bury(kBody, "gone");
  CHECK(desk.again(payload).error().code == ErrorCode::kNotFound);
  CHECK(desk.store.appended_events().empty());
}
