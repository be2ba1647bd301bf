#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "worker/responder.h"
#include "worker/responders/sse_reader.h"

namespace deskwire::worker {

/// Reads the answer to a chat completion, streamed (`data: {…"delta"…}`) or whole
/// (`{…"message"…}`): whichever comes, because some servers ignore `stream`.
class CompletionReader {
 public:
  /// @param max_bytes  Of text; what is longer is not listened to.
  CompletionReader(DraftSink& draft, std::size_t max_bytes);

  /// @return False: enough.
  bool add(std::string_view bytes);
  /// Text has come.
  bool has_begun() const { return !text_.empty(); }

  struct Completion {
    std::string text;
    bool wants_hand_off = false;
    std::int64_t tokens = 0;  ///< As the server counted; 0: it did not say.
  };
  /// @param whole  The connection ended as it should.
  /// @errors kUnavailable: dropped, or nothing that is an answer.
  Result<Completion> finish(bool whole);

 private:
  bool take_event(std::string_view data);
  bool take_text(std::string_view text);
  void show(std::string_view text);

  DraftSink& draft_;
  const std::size_t max_bytes_;
  SseReader sse_;
  std::string raw_;  ///< Of an answer that is not streamed.
  bool streamed_ = false;
  std::string text_;
  std::size_t shown_ = 0;
  std::string finish_reason_;
  std::int64_t tokens_ = 0;
  bool done_ = false;  ///< [DONE], or a reason to finish.
  bool broken_ = false;
  bool enough_ = false;
};

}  // namespace deskwire::worker
