#include "publishers/outbox.h"

#include <algorithm>
#include <utility>

namespace deskwire::publishers {

namespace {
/// Above this an idle outbox gives its memory back.
constexpr std::size_t kKeptCapacity = 8;
}  // namespace

Outbox::Outcome Outbox::add(SharedFrame frame, Priority priority) {
  const std::size_t size = priority == Priority::kReplay ? 0 : frame->size();
  const bool fits = bytes_ == 0 || bytes_ + size <= max_bytes_;
  if (!fits && priority == Priority::kDroppable) {
    ++dropped_;
    return Outcome::kDropped;
  }
  if (!fits && droppable_ > 0) drop_droppable();
  if (bytes_ != 0 && bytes_ + size > max_bytes_) return Outcome::kOverflow;
  push(std::move(frame), priority);
  return Outcome::kAdded;
}

void Outbox::add_always(SharedFrame frame) { push(std::move(frame), Priority::kReplay); }

void Outbox::push(SharedFrame frame, Priority priority) {
  entries_.push_back(Entry{std::move(frame), priority});
  bytes_ += counted(entries_.back());
  all_bytes_ += entries_.back().frame->size();
  if (priority == Priority::kDroppable) ++droppable_;
}

void Outbox::drop_droppable() {
  const auto waiting = entries_.begin() + static_cast<std::ptrdiff_t>(head_ + in_flight_);
  const auto kept = std::remove_if(waiting, entries_.end(), [this](const Entry& entry) {
    if (entry.priority != Priority::kDroppable) return false;
    bytes_ -= entry.frame->size();
    all_bytes_ -= entry.frame->size();
    ++dropped_;
    return true;
  });
  entries_.erase(kept, entries_.end());
  droppable_ = 0;
}

void Outbox::clear_waiting() {
  const auto waiting = entries_.begin() + static_cast<std::ptrdiff_t>(head_ + in_flight_);
  for (auto entry = waiting; entry != entries_.end(); ++entry) {
    bytes_ -= counted(*entry);
    all_bytes_ -= entry->frame->size();
  }
  entries_.erase(waiting, entries_.end());
  droppable_ = 0;
}

std::vector<std::string_view> Outbox::begin_write(std::size_t max_pieces) {
  in_flight_ = std::min(max_pieces, entries_.size() - head_);
  std::vector<std::string_view> pieces;
  pieces.reserve(in_flight_);
  for (std::size_t i = 0; i < in_flight_; ++i) {
    const Entry& entry = entries_[head_ + i];
    if (entry.priority == Priority::kDroppable) --droppable_;
    pieces.emplace_back(*entry.frame);
  }
  return pieces;
}

void Outbox::end_write() {
  for (std::size_t i = 0; i < in_flight_; ++i) {
    Entry& entry = entries_[head_ + i];
    bytes_ -= counted(entry);
    all_bytes_ -= entry.frame->size();
    entry.frame.reset();
  }
  head_ += std::exchange(in_flight_, 0);
  if (head_ == entries_.size()) {
    head_ = 0;
    entries_.clear();
    if (entries_.capacity() > kKeptCapacity) entries_.shrink_to_fit();
  } else if (head_ > entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

std::size_t Outbox::take_dropped() { return std::exchange(dropped_, 0); }

}  // namespace deskwire::publishers
