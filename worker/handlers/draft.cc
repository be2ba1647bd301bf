#include "worker/handlers/draft.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "worker/helpdesks/liquid.h"

namespace deskwire::worker {

void Draft::begin() {
  mask_ = StreamMask();
  index_ = 0;
  bytes_ = 0;
  brace_ = false;
}

void Draft::add(std::string_view text) {
  constexpr std::size_t kMaxBytesACharacter = 4;
  bytes_ += text.size();
  if (bytes_ > view_.max_characters * kMaxBytesACharacter) return;  // The answer will be cut.
  show(view_.mask ? mask_.add(text) : std::string(text));
}

void Draft::finish() {
  if (view_.mask) show(mask_.end());
}

void Draft::show(std::string text) {
  if (text.empty()) return;
  if (view_.liquid) {
    // A brace at the border of two pieces counts as if they were one.
    const bool was_brace = std::exchange(brace_, text.back() == '{');
    text = neutralise_liquid(was_brace ? "{" + text : text);
    if (was_brace) text.erase(0, 1);
  }
  const std::int64_t now_ms = clock_.wall_ms();
  publish("message:delta", new_ulid(now_ms),
          dump_json({{"messageId", view_.message_id},
                     {"index", index_++},
                     {"text", text},
                     {"timestamp", now_ms}}));
  shown_ = true;
}

void Draft::drop(const std::string& reason) {
  if (!std::exchange(shown_, false)) return;
  publish(
      "message:deleted", derived_id("message:deleted", view_.message_id, view_.attempt),
      dump_json(
          {{"messageId", view_.message_id}, {"reason", reason}, {"timestamp", clock_.wall_ms()}}));
}

void Draft::publish(const std::string& name, const std::string& id, const std::string& data) const {
  Event event;
  event.channel = internal_channel(view_.lane);
  event.id = id;
  event.name = name;
  event.timestamp = clock_.wall_ms();
  event.data = data;
  publish_(event);
  if (!view_.to_customer) return;
  event.channel = conversation_channel(view_.lane);
  publish_(event);
}

}  // namespace deskwire::worker
