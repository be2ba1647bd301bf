#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace deskwire::publishers {

/// Bytes that are framed once and shared by every session that sends them.
using SharedFrame = std::shared_ptr<const std::string>;

/// What happens to a frame when the outbox is full.
enum class Priority : std::uint8_t {
  kNormal,     ///< The session is too slow and ends.
  kDroppable,  ///< It is dropped (typing: the next one says it all).
  kReplay,     ///< It does not count: asked for, and who asks without reading is not heard.
};

/// What one session still has to send, bounded in bytes.
///
/// Invariant: the first `in_flight_` entries are being written and are never dropped.
/// Not thread-safe. An empty outbox holds no memory.
class Outbox {
 public:
  enum class Outcome : std::uint8_t { kAdded, kDropped, kOverflow };

  explicit Outbox(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Droppable frames that wait make room first. A single frame over the limit is taken when
  /// nothing else waits, so that a large answer to a patient client is possible.
  Outcome add(SharedFrame frame, Priority priority);
  /// Takes it whatever the limit says: farewells.
  void add_always(SharedFrame frame);
  /// Forgets everything that is not being written.
  void clear_waiting();

  /// Marks what comes next as in flight, at most `max_pieces`. Valid until end_write.
  std::vector<std::string_view> begin_write(std::size_t max_pieces);
  void end_write();

  bool empty() const { return head_ == entries_.size(); }
  bool writing() const { return in_flight_ > 0; }
  std::size_t bytes() const { return bytes_; }
  /// What does not count included.
  std::size_t all_bytes() const { return all_bytes_; }
  /// Droppable frames dropped since the last call.
  std::size_t take_dropped();

 private:
  struct Entry {
    SharedFrame frame;
    Priority priority;
  };

  void push(SharedFrame frame, Priority priority);
  void drop_droppable();
  std::size_t counted(const Entry& entry) const {
    return entry.priority == Priority::kReplay ? 0 : entry.frame->size();
  }

  std::size_t max_bytes_;
  std::vector<Entry> entries_;
  std::size_t head_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t bytes_ = 0;
  std::size_t all_bytes_ = 0;
  std::size_t droppable_ = 0;  ///< Waiting droppable entries.
  std::size_t dropped_ = 0;
};

}  // namespace deskwire::publishers
