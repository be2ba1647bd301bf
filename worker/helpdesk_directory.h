#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "core/clock.h"
#include "worker/helpdesk_client.h"
#include "worker/helpdesks/circuit_breaker.h"

namespace deskwire::worker {

/// A configured source as the worker sees it: its settings, its API, and whether that API is up.
struct Helpdesk {
  Helpdesk(config::Source settings, std::shared_ptr<HelpdeskClient> api, const Clock& clock)
      : source(std::move(settings)), client(std::move(api)), breaker(clock) {}
  const config::Source source;
  /// Shared with what still has to say "typing off" when the helpdesk itself was exchanged.
  const std::shared_ptr<HelpdeskClient> client;
  CircuitBreaker breaker;
};

/// The helpdesks by source name. Filled before the worker starts, then only read.
class HelpdeskDirectory {
 public:
  void add(const config::Source& source, std::unique_ptr<HelpdeskClient> client,
           const Clock& clock) {
    add(std::make_shared<Helpdesk>(source, std::move(client), clock));
  }
  /// One that another directory has as well: its breaker and its connections go on.
  void add(std::shared_ptr<Helpdesk> helpdesk) {
    const std::string name = helpdesk->source.name;
    helpdesks_[name] = std::move(helpdesk);
  }
  /// Nullptr when no source has that name (any more).
  Helpdesk* find(std::string_view source) const { return share(source).get(); }
  /// The same, to be kept beyond this directory.
  std::shared_ptr<Helpdesk> share(std::string_view source) const {
    const auto found = helpdesks_.find(source);
    return found == helpdesks_.end() ? nullptr : found->second;
  }
  /// Ends every call in flight: after the pool's grace, never before.
  void stop() {
    for (auto& [name, helpdesk] : helpdesks_) helpdesk->client->stop();
  }

 private:
  std::map<std::string, std::shared_ptr<Helpdesk>, std::less<>> helpdesks_;
};

}  // namespace deskwire::worker
