#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace deskwire::worker {

/// Takes the data of server-sent events out of a stream that comes in pieces. Field names other
/// than `data` are ignored. Source: HTML Living Standard, "Server-sent events".
class SseReader {
 public:
  static constexpr std::size_t kMaxEventBytes = 1U << 20U;

  /// @param on_data  Called for each event; false: enough, the rest is ignored.
  explicit SseReader(std::function<bool(std::string_view)> on_data)
      : on_data_(std::move(on_data)) {}

  /// @return False: enough, or an event beyond kMaxEventBytes (too_large()).
  bool add(std::string_view bytes);
  /// The stream is over: an event without its empty line is given out all the same.
  void end();
  bool too_large() const { return too_large_; }

 private:
  bool line(std::string_view text);

  const std::function<bool(std::string_view)> on_data_;
  std::string buffer_;
  std::string data_;
  bool has_data_ = false;
  bool done_ = false;
  bool too_large_ = false;
};

}  // namespace deskwire::worker
