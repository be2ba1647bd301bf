#pragma once

#include "worker/responder.h"

namespace deskwire::worker {

/// Lets a sandbox visitor make another responder slow: `simulate` think_ms = 0..30000 is waited out
/// before it is asked. Anything else is ignored. Only sandbox sources fill `simulate`.
///
/// @errors as the other's; kCancelled: cancelled while waiting.
class SandboxResponder final : public Responder {
 public:
  explicit SandboxResponder(Responder& inner) : inner_(inner) {}
  Result<Answer> reply(const ReplyContext& context, DraftSink& draft,
                       Cancellation& cancellation) override;
  bool reads_history() const override { return inner_.reads_history(); }

 private:
  Responder& inner_;
};

}  // namespace deskwire::worker
