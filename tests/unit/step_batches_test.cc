#include "worker/step_batches.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/event_probe.h"

namespace deskwire::worker {
namespace {

using testing::EventProbe;

jobs::CompletedJob completion(const std::string& id) {
  jobs::CompletedJob job;
  job.id = JobId(id);
  return job;
}

/// A store that answers each step when the test lets it.
struct Steps {
  StepBatches batches{WorkerId("w"), [this](const jobs::StepRequest& request) {
                        asked.push(request);
                        return answers.next().value_or(std::nullopt);
                      }};
  /// A caller of its own thread; what it gets goes to `got`.
  std::thread call(const std::string& completes, bool want = true) {
    return std::thread([this, completes, want] {
      auto lease = batches.step(
          3, completes.empty() ? std::nullopt : std::optional(completion(completes)), want);
      got.push(lease ? lease->id.str() : "nothing");
    });
  }
  static std::optional<jobs::StepResult> leases(const std::vector<std::string>& ids) {
    jobs::StepResult result;
    for (const std::string& id : ids) {
      jobs::Lease lease;
      lease.id = JobId(id);
      result.leases.push_back(lease);
    }
    return result;
  }

  EventProbe<jobs::StepRequest> asked;
  EventProbe<std::optional<jobs::StepResult>> answers;
  EventProbe<std::string> got;
};

}  // namespace

TEST_CASE("a step that nobody shares goes out at once", "[worker][pool]") {
  Steps steps;
  std::thread caller = steps.call("done");
  const auto request = steps.asked.next();
  REQUIRE(request);
  CHECK(request->shard == 3);
  CHECK(request->request == 1);
  CHECK(request->want == 1);
  REQUIRE(request->completed.size() == 1);
  CHECK(request->completed[0].id.str() == "done");
  steps.answers.push(Steps::leases({"a"}));
  CHECK(steps.got.next() == "a");
  caller.join();
}

TEST_CASE("what several threads complete and want while a step is on its way is the next step",
          "[worker][pool]") {
  Steps steps;
  std::vector<std::thread> callers;
  callers.push_back(steps.call("first"));
  REQUIRE(steps.asked.next());
  callers.push_back(steps.call("second"));
  callers.push_back(steps.call(""));
  callers.push_back(steps.call("fourth", false));
  // Each of them waits in line before the first answer comes.
  while (steps.batches.waiting(3) < 3) std::this_thread::yield();
  steps.answers.push(Steps::leases({"a"}));
  CHECK(steps.got.next() == "a");

  const auto request = steps.asked.next();
  REQUIRE(request);
  CHECK(request->request == 2);
  CHECK(request->completed.size() == 2);
  CHECK(request->want == 2);
  steps.answers.push(Steps::leases({"b"}));
  std::vector<std::string> got = steps.got.take(3);
  std::sort(got.begin(), got.end());
  CHECK(got == std::vector<std::string>{"b", "nothing", "nothing"});
  for (std::thread& caller : callers) caller.join();
}

TEST_CASE("a step that got no answer leaves the next one its turn", "[worker][pool]") {
  Steps steps;
  std::thread first = steps.call("x");
  REQUIRE(steps.asked.next());
  std::thread second = steps.call("y");
  while (steps.batches.waiting(3) < 1) std::this_thread::yield();
  steps.answers.push(std::nullopt);
  CHECK(steps.got.next() == "nothing");
  REQUIRE(steps.asked.next());
  steps.answers.push(Steps::leases({"b"}));
  CHECK(steps.got.next() == "b");
  first.join();
  second.join();
}

TEST_CASE("many threads share the steps of a shard and each lease goes to one of them",
          "[worker][pool]") {
  std::atomic<int> given{0};
  StepBatches batches(WorkerId("w"), [&given](const jobs::StepRequest& request) {
    jobs::StepResult result;
    for (std::size_t i = 0; i < request.want; ++i) {
      jobs::Lease lease;
      lease.id = JobId(std::to_string(++given));
      result.leases.push_back(lease);
    }
    return std::optional(result);
  });
  std::vector<std::vector<std::string>> got(8);
  std::vector<std::thread> threads;
  for (std::vector<std::string>& mine : got) {
    threads.emplace_back([&batches, &mine] {
      for (int i = 0; i < 500; ++i) mine.push_back(batches.step(i % 2, {}, true)->id.str());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& mine : got) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 4000);
  CHECK(given == 4000);
}

}  // namespace deskwire::worker
