#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "core/redis/redis_reply.h"
#include "core/result.h"

namespace deskwire::redis {

/// Turns the bytes of a connection into replies (hiredis' parser, building our values directly).
///
/// After an error the stream has no known position any more: drop the connection and reset().
///
/// Thread safety: one thread.
class ReplyReader {
 public:
  /// @param max_reply_bytes  Longest reply on the wire.
  explicit ReplyReader(std::size_t max_reply_bytes);
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  void reset();
  /// Best in pieces of 16 KB: the parser moves what it has not consumed to the front.
  void feed(std::string_view bytes);
  /// The next complete reply; nullopt: more bytes are needed.
  /// @errors kCorrupt: no RESP. kTooLarge: longer than max_reply_bytes.
  Result<std::optional<Reply>> next();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace deskwire::redis
