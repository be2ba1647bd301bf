#include "cli/job_access.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "cli/config_choice.h"
#include "jobs/data_layout.h"

namespace deskwire::cli {
namespace {

constexpr Milliseconds kPatience{3000};
constexpr Milliseconds kAbsentPatience{500};

/// What a helpdesk may still do with a post that we have stopped waiting for.
constexpr Milliseconds kHelpdeskGrace{5000};

Milliseconds effect_settle(const std::vector<config::Source>& sources) {
  Milliseconds settle{jobs::kEffectSettleMs};
  for (const config::Source& source : sources) {
    settle = std::max(settle, source.request_timeout + kHelpdeskGrace);
  }
  return settle;
}

}  // namespace

jobs::LaneLimits lane_limits(const config::Config& config) {
  jobs::LaneLimits limits;
  limits.lease = config.jobs.lease;
  limits.max_crashes = config.jobs.max_crashes;
  limits.max_payload_bytes = config.jobs.max_payload_bytes;
  limits.max_lane_jobs = config.jobs.max_lane_jobs;
  limits.max_halts = config.jobs.max_halts;
  limits.park_dead_heads = config.jobs.dead_head == config::DeadHead::kPark;
  limits.completed_max = config.jobs.completed_max;
  limits.completed_max_age_s = config.jobs.completed_max_age_s;
  limits.dead_max_age_s = config.jobs.dead_max_age_s;
  limits.effect_settle = effect_settle(config.sources);
  limits.clocks_run = !config.sla.policies.empty();
  limits.log.max_events = config.gateway.log_max_events;
  limits.log.max_bytes = config.gateway.log_max_bytes;
  limits.log.max_age_s = config.gateway.log_max_age_s;
  return limits;
}

Result<redis::Client::Options> client_options(const config::Config& config, const char* name) {
  auto endpoint = redis_endpoint(config);
  if (!endpoint) return fail(std::move(endpoint.error()));
  redis::Client::Options options;
  options.endpoint = std::move(*endpoint);
  options.endpoint.sentinel_user = config.redis.sentinel_user;
  options.endpoint.sentinel_password = std::string(config.redis.sentinel_password.reveal());
  options.connect_timeout = config.redis.connect_timeout;
  options.request_timeout = config.redis.request_timeout;
  options.name = name;
  return options;
}

Result<std::unique_ptr<JobAccess>> JobAccess::open(const config::Config& config) {
  auto access = connect(config);
  if (!access) return access;
  if (auto checked = jobs::check_data_layout((*access)->client_); !checked) {
    return fail(std::move(checked.error()));
  }
  return access;
}

Result<std::unique_ptr<JobAccess>> JobAccess::connect(const config::Config& config) {
  const auto options = client_options(config, "deskwire-cli");
  if (!options) return fail(options.error());
  std::unique_ptr<JobAccess> access(new JobAccess(*options, lane_limits(config)));
  access->client_.start();
  const bool embedded = config.redis.url.empty();
  // A socket that is not there will not come; one that is may belong to a busy machine.
  const bool absent = embedded && !std::filesystem::exists(options->endpoint.socket_path);
  const Milliseconds patience =
      absent ? kAbsentPatience : std::max(kPatience, config.redis.connect_timeout);
  if (access->client_.wait_connected(patience)) return access;
  return fail(ErrorCode::kUnavailable,
              "cannot reach redis at " + options->endpoint.display() +
                  (embedded ? "; is `deskwire serve` running? "
                              "(--data-dir or --config name its directory)"
                            : "; check config redis.url, or run `deskwire doctor`"));
}

}  // namespace deskwire::cli
