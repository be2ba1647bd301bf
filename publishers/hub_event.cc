#include "publishers/hub_event.h"

#include <charconv>
#include <utility>

namespace deskwire::publishers {

namespace {

bool skip(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

/// A JSON text without escapes: channels, epochs, ids and event names have none.
bool read_plain_text(std::string_view& text, std::string_view& value) {
  const std::size_t end = text.find_first_of("\"\\");
  if (end == std::string_view::npos || text[end] != '"') return false;
  value = text.substr(0, end);
  text.remove_prefix(end + 1);
  return !value.empty();
}

}  // namespace

bool HubEvent::read_head() {
  std::string_view rest = envelope_;
  if (!envelope_.ends_with('}') || !skip(rest, R"({"channel":")") ||
      !read_plain_text(rest, channel_)) {
    return false;
  }
  if (skip(rest, R"(,"epoch":")")) {
    if (!read_plain_text(rest, epoch_) || !skip(rest, R"(,"offset":)")) return false;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), offset_);
    if (error != std::errc() || offset_ == 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  return skip(rest, R"(,"id":")") && read_plain_text(rest, id_) && skip(rest, R"(,"event":")") &&
         read_plain_text(rest, name_);
}

HubEventPtr HubEvent::parse(std::string envelope) {
  auto event = std::make_shared<HubEvent>(Passkey{}, std::move(envelope));
  if (!event->read_head()) return nullptr;
  return event;
}

HubEventPtr HubEvent::make(const Event& event) {
  return parse(R"({"channel":")" + event.channel + R"(",)" + encode_envelope_tail(event));
}

const SharedFrame& HubEvent::frame(const FrameFormat& format) const {
  const std::size_t slot = format.slot();
  std::call_once(encoded_.at(slot), [&] {
    frames_.at(slot) = std::make_shared<const std::string>(format.encode(*this));
  });
  return frames_.at(slot);
}

std::string published_event_id(std::string_view session, std::uint64_t number) {
  return std::string(session) + "." + std::to_string(number);
}

}  // namespace deskwire::publishers
