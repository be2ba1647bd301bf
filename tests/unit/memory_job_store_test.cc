#include "jobs/memory_job_store.h"

#include "tests/support/catch.h"
#include "tests/support/job_store_conformance.h"
#include "tests/support/manual_clock.h"

namespace deskwire::testing {
namespace {

class MemoryHarness final : public JobStoreHarness {
 public:
  explicit MemoryHarness(const jobs::LaneLimits& limits) : store_(clock_, limits) {}
  jobs::JobStore& store() override { return store_; }
  jobs::OperatorStore& operators() override { return store_; }
  void pass(Milliseconds by) override { clock_.advance(by); }
  std::vector<Shown> shown(const std::string& channel) override {
    std::vector<Shown> shown;
    for (const Event& event : store_.appended_events()) {
      if (event.kept() && event.channel == channel) {
        shown.push_back({event.id, event.name, event.data});
      }
    }
    return shown;
  }
  std::vector<std::string> facts(const std::string& lane) override { return store_.facts(lane); }
  std::vector<std::string> violations() override { return store_.check(); }
  std::int64_t finished_kept() override {
    const auto counts = store_.counts();
    return counts->at("completed") + counts->at("dead");
  }

 private:
  ManualClock clock_;
  jobs::MemoryJobStore store_;
};

}  // namespace

std::unique_ptr<JobStoreHarness> make_job_store_harness(const jobs::LaneLimits& limits) {
  return std::make_unique<MemoryHarness>(limits);
}

TEST_CASE("dedupe looks back over midnight, one day", "[jobs][dedupe]") {
  constexpr std::int64_t kMidnight = 1795305600000;
  ManualClock clock(kMidnight - 1000);
  jobs::MemoryJobStore store(clock);
  LaneDriver minting;
  jobs::EnqueueRequest request = minting.request("42");
  request.dedupe_keys = {"delivery:1"};
  REQUIRE(store.enqueue(request));
  const auto duplicate = [&] {
    request.receipt = minting.request("42").receipt;
    return store.enqueue(request)->duplicate;
  };
  clock.advance(Milliseconds{2000});
  CHECK(duplicate());
  clock.advance(std::chrono::hours(72));
  CHECK_FALSE(duplicate());
}

}  // namespace deskwire::testing
