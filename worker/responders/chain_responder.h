#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/replies.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "worker/helpdesks/circuit_breaker.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// Asks one responder after the other until one answers. Each has a circuit breaker: after
/// `replies.circuit.failures` failures in a row it is passed over for a while.
///
/// An answer in another language than the customer's counts as none where `guards.keep_language` is
/// set, but for templates, whose words an operator chose.
///
/// @errors  The first error after which trying again makes sense (kTimeout, kUnavailable,
///          kRateLimited), else the last one. kConflict: the only reason was the language.
///          kFull: the budget is spent. kStale: circuits are open for longer than
///          `hand_off.circuit_limit_ms`.
class ChainResponder final : public Responder {
 public:
  ChainResponder(const config::Replies& replies, const Clock& clock, Metrics& metrics);

  /// Before the first reply(), from one thread.
  void add(std::string name, Responder& responder);

  Result<Answer> reply(const ReplyContext& context, DraftSink& draft,
                       Cancellation& cancellation) override;
  bool reads_history() const override;

 private:
  struct Link;
  Result<Answer> ask(Link& link, const ReplyContext& context, DraftSink& draft,
                     Cancellation& cancellation);
  bool is_down_for_long(Link& link);

  const config::Replies settings_;
  const Clock& clock_;
  Metrics& metrics_;
  std::vector<std::shared_ptr<Link>> links_;
};

}  // namespace deskwire::worker
