#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/result.h"

namespace deskwire::cli {

/// What can take in a changed config while everything runs: each part says how, in one line of the
/// object graph (server.cc).
///
/// Thread safety: main thread only.
class Reloads {
 public:
  /// Takes the new settings or, on an error, keeps the old ones as a whole.
  using Take = std::function<Status(const config::Config&)>;

  /// @param part  For the log: "gateway".
  void add(std::string part, Take take) { parts_.push_back({std::move(part), std::move(take)}); }
  /// Every part is asked, also after one that refused. Logs who took it in and who did not.
  void apply(const config::Config& config) const;

 private:
  struct Part {
    std::string name;
    Take take;
  };
  std::vector<Part> parts_;
};

/// The running settings with all of `changed` that can be taken in while everything runs: the one
/// place that says what that is. The rest stays as it runs.
///
/// A source is taken in as a whole or not at all. One that is another helpdesk now (type,
/// namespace, account_id or base_url) waits for the restart with everything it has, since its new
/// tokens must not be sent to the old address; so does one that comes or goes.
config::Config with_changes(const config::Config& running, const config::Config& changed);

/// The same, checked: a mixture of old and new can break a rule that neither breaks.
/// @errors kInvalid: one message a line, as of config::parse.
Result<config::Config> checked_changes(const config::Config& running, const config::Config& changed,
                                       std::int64_t now_ms);

/// Keys that differ, secrets included, sorted: "jobs.workers, sources.support.base_url"; empty:
/// none. Asked for with_changes() and the changed config, these are what needs a restart.
std::string differences(const config::Config& before, const config::Config& after);

}  // namespace deskwire::cli
