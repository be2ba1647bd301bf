#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/redis/redis_client.h"
#include "jobs/redis_job_store.h"
#include "jobs/redis_operator_store.h"
#include "tests/support/job_store_conformance.h"
#include "tests/support/redis_server.h"

namespace deskwire::testing {

/// A RedisJobStore on an empty database of the server that the test binary shares. The store may do
/// what the ACL line of docs/operations.md allows, and nothing else.
class RedisJobHarness : public JobStoreHarness {
 public:
  explicit RedisJobHarness(const jobs::LaneLimits& limits = {});
  /// On another server.
  RedisJobHarness(const jobs::LaneLimits& limits, const redis::Client::Options& options);

  jobs::JobStore& store() override { return store_; }
  jobs::OperatorStore& operators() override { return operators_; }
  void pass(Milliseconds by) override;
  std::vector<Shown> shown(const std::string& channel) override;
  std::vector<std::string> facts(const std::string& lane) override;
  std::vector<std::string> violations() override;
  std::int64_t finished_kept() override;

  redis::Client& client() { return client_; }          ///< Its user may do everything.
  redis::Client& restricted() { return restricted_; }  ///< The store's.
  redis::Reply ask(redis::Command command);
  static RedisServer& server();

 private:
  std::int64_t server_now();

  SystemClock clock_;
  redis::Client client_;
  redis::Client restricted_;
  jobs::RedisJobStore store_;
  jobs::RedisOperatorStore operators_;
};

}  // namespace deskwire::testing
