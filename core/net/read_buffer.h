#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace deskwire::net {

/// Bytes that arrived and were not used yet, in one piece: parsers need no copy.
class ReadBuffer {
 public:
  std::string_view unread() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t count) { begin_ += count; }
  void clear() { begin_ = end_ = 0; }

  /// Room for the next read, at least one byte while less than `max_bytes` are unread; else empty.
  /// Moves what is unread: no view of it survives, and no read may be in flight.
  std::span<char> prepare(std::size_t max_bytes) {
    if (empty()) clear();
    if (end_ == capacity_ && begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
      end_ -= std::exchange(begin_, 0);
    }
    if (end_ == capacity_ && capacity_ < max_bytes) grow(max_bytes);
    return {data_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t count) { end_ += count; }

 private:
  static constexpr std::size_t kFirstBytes = 8192;

  void grow(std::size_t max_bytes) {
    const std::size_t capacity = std::min(std::max(kFirstBytes, capacity_ * 2), max_bytes);
    // Not zeroed: pages that no byte arrives in are never touched.
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (end_ > 0) std::memcpy(larger.get(), data_.get(), end_);
    data_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace deskwire::net
