#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/event.h"
#include "publishers/outbox.h"

namespace deskwire::publishers {

class HubEvent;
using HubEventPtr = std::shared_ptr<const HubEvent>;

/// How a dialect puts an event on its wire. One static object a format.
class FrameFormat {
 public:
  virtual ~FrameFormat() = default;
  /// Place in an event's cache, < HubEvent::kFormats, different for each format.
  virtual std::size_t slot() const = 0;
  virtual std::string encode(const HubEvent& event) const = 0;
};

/// One event on its way to subscribers, with its frames: encoded once per format, by whoever asks
/// first, and shared by all sessions of all loops.
///
/// Thread safety: immutable but for the frames, which are made under a once flag.
class HubEvent {
 public:
  static constexpr std::size_t kFormats = 4;

  /// Reads the head of an envelope as `core/scripts/channel_log.lua` writes it (contract §2); the
  /// JSON behind it is passed on as it is. Null when it is not of that form.
  static HubEventPtr parse(std::string envelope);
  /// An event of the hub's own, without offset.
  static HubEventPtr make(const Event& event);

  HubEvent(const HubEvent&) = delete;
  HubEvent& operator=(const HubEvent&) = delete;

  std::string_view envelope() const { return envelope_; }
  std::string_view channel() const { return channel_; }
  std::string_view epoch() const { return epoch_; }  ///< Empty when not kept.
  std::uint64_t offset() const { return offset_; }   ///< 0 when not kept.
  std::string_view id() const { return id_; }
  std::string_view name() const { return name_; }
  bool kept() const { return offset_ > 0; }
  bool is_typing() const { return name_.starts_with("typing:"); }
  /// Whether a client published it over this session: the ids of such events begin with the
  /// session's, so that knowing it costs other readers nothing.
  bool is_from(std::string_view session) const {
    return id_.starts_with(session) && id_.size() > session.size() && id_[session.size()] == '.';
  }

  const SharedFrame& frame(const FrameFormat& format) const;

 private:
  struct Passkey {};

 public:
  HubEvent(Passkey, std::string envelope) : envelope_(std::move(envelope)) {}

 private:
  bool read_head();

  std::string envelope_;
  std::string_view channel_;
  std::string_view epoch_;
  std::string_view id_;
  std::string_view name_;
  std::uint64_t offset_ = 0;
  mutable std::array<std::once_flag, kFormats> encoded_;
  mutable std::array<SharedFrame, kFormats> frames_;
};

/// The id of the `number`th event that a client published over this session.
std::string published_event_id(std::string_view session, std::uint64_t number);

}  // namespace deskwire::publishers
