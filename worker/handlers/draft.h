#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/event.h"
#include "worker/guards/masking.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// Appends an event to its channel without waiting for it.
using PublishEvent = std::function<void(const Event&)>;

/// Where a draft is shown, and how.
struct DraftView {
  std::string lane;
  std::string message_id;
  std::string attempt;       ///< Tells this draft from others of the same message.
  bool to_customer = false;  ///< Also on the conversation's own channel.
  bool mask = true;
  bool liquid = false;  ///< The helpdesk renders Liquid: it is neutralised.
  std::size_t max_characters = 4000;
};

/// Shows an answer while it is written: `message:delta` on `…:internal`, and on the conversation's
/// channel only where the view says so. What is shown is masked as the final answer will be, so
/// that nothing is seen for a moment that the answer does not hold.
///
/// Thread safety: one thread at a time.
class Draft final : public DraftSink {
 public:
  Draft(const PublishEvent& publish, const Clock& clock, DraftView view)
      : publish_(publish), clock_(clock), view_(std::move(view)) {}

  void begin() override;
  void add(std::string_view text) override;
  /// Shows what was held back: the answer follows.
  void finish();
  /// The draft is no answer: `message:deleted`, if anything of it was shown.
  void drop(const std::string& reason);

 private:
  void show(std::string text);
  void publish(const std::string& name, const std::string& id, const std::string& data) const;

  const PublishEvent& publish_;
  const Clock& clock_;
  const DraftView view_;
  StreamMask mask_;
  std::int64_t index_ = 0;
  std::size_t bytes_ = 0;
  bool brace_ = false;  ///< The last character shown is "{".
  bool shown_ = false;
};

}  // namespace deskwire::worker
