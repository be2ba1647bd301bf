#include "worker/responders/sse_reader.h"

namespace deskwire::worker {

bool SseReader::line(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) {
    const bool given = has_data_;
    has_data_ = false;
    std::string data;
    data.swap(data_);
    return !given || on_data_(data);
  }
  if (!text.starts_with("data:")) return true;
  text.remove_prefix(5);
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (has_data_) data_ += '\n';
  has_data_ = true;
  data_ += text;
  return true;
}

bool SseReader::add(std::string_view bytes) {
  buffer_ += bytes;
  std::size_t from = 0;
  while (!done_) {
    const std::size_t end = buffer_.find('\n', from);
    if (end == std::string::npos) break;
    done_ = !line(std::string_view(buffer_).substr(from, end - from));
    from = end + 1;
  }
  buffer_.erase(0, from);
  too_large_ = too_large_ || buffer_.size() + data_.size() > kMaxEventBytes;
  done_ = done_ || too_large_;
  return !done_;
}

void SseReader::end() {
  if (done_) return;
  if (!buffer_.empty()) done_ = !line(buffer_);
  if (!done_) line("");
  done_ = true;
}

}  // namespace deskwire::worker
