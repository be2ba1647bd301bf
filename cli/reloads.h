#pragma once

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

/// Keys whose change needs a restart, for a log line; empty when there is none. The keys that a
/// part takes in while it runs do not count.
std::string needs_restart(const config::Config& before, const config::Config& after);

}  // namespace deskwire::cli
