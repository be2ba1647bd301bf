#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/net/http_message.h"
#include "publishers/access.h"
#include "publishers/loop_gate.h"
#include "publishers/revocations.h"
#include "publishers/rights_service.h"

namespace deskwire::publishers {

/// Who may enter: our own tokens, those of issuers, server keys; and who may not any more. The keys
/// can be exchanged while everything runs.
///
/// Thread safety: every method may be called concurrently, but stop().
class Gatekeeper {
 public:
  /// Runs on the gate's loop, once.
  using Done = std::function<void(Answer<Principal>)>;

  Gatekeeper(const config::Gateway& settings, RightsServiceFactory rights, const Clock& clock,
             Metrics& metrics);
  ~Gatekeeper();
  Gatekeeper(const Gatekeeper&) = delete;
  Gatekeeper& operator=(const Gatekeeper&) = delete;

  /// The principal of a token, at once; nullopt: its issuer's service is asked, `done` follows.
  std::optional<Answer<Principal>> admit(std::string_view token, const LoopGatePtr& gate,
                                         Done done);
  /// The same of a request: `Authorization: Bearer` with a token or a server key, or `?token=`
  /// (for EventSource, which cannot set headers).
  std::optional<Answer<Principal>> admit(const net::HttpRequest& request, const LoopGatePtr& gate,
                                         Done done);
  /// Why somebody who was let in may not stay: revoked, or the key is not listed any more.
  std::optional<Refusal> objection(const Principal& principal) const;

  /// The settings with the keys of now.
  std::shared_ptr<const config::Gateway> settings() const;
  /// Takes other keys, server keys and issuers. Answers that issuers' services gave are forgotten.
  /// @errors kInvalid: an issuer cannot be used; nothing is changed.
  Status reload(const config::Gateway& settings);
  Revocations& revocations() { return revocations_; }
  /// No more questions to services.
  void stop();

 private:
  struct Table;
  std::shared_ptr<Table> make_table(const config::Gateway& settings, Status& status) const;
  std::shared_ptr<Table> table() const;
  Answer<Principal> checked(Result<Claims> claims) const;

  const RightsServiceFactory rights_;
  const Clock& clock_;
  Metrics& metrics_;
  Revocations revocations_;
  mutable Mutex mutex_;
  std::shared_ptr<Table> table_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::publishers
