#include "worker/responders/sandbox_responder.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace deskwire::worker {

Result<Answer> SandboxResponder::reply(const ReplyContext& context, DraftSink& draft,
                                       Cancellation& cancellation) {
  constexpr std::int64_t kLongestMs = 30000;
  const auto asked = context.simulate.find("think_ms");
  if (asked != context.simulate.end()) {
    const std::string& text = asked->second;
    std::int64_t think_ms = 0;
    std::from_chars(text.data(), text.data() + text.size(), think_ms);
    think_ms = std::clamp<std::int64_t>(think_ms, 0, kLongestMs);
    if (think_ms > 0 && !cancellation.sleep_ms(think_ms)) {
      return fail(ErrorCode::kCancelled, "sandbox reply: cancelled while thinking");
    }
  }
  return inner_.reply(context, draft, cancellation);
}

}  // namespace deskwire::worker
