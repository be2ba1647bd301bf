#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/mutex.h"

namespace deskwire::publishers {

/// Tokens that are not to be accepted any more, as this process knows them (RevocationFeed).
///
/// Thread safety: every method may be called concurrently.
class Revocations {
 public:
  /// Tokens of a client that were issued at `issued_until_ms` or before.
  /// @param client_id  Empty: of all clients.
  /// @param kept_until_ms  Then no such token can be valid any more, and this is forgotten.
  void add(const std::string& client_id, std::int64_t issued_until_ms, std::int64_t kept_until_ms);
  /// Whether a token is among them. One that does not say when it was issued is.
  bool covers(const std::string& client_id, std::int64_t issued_ms) const;
  void forget_older(std::int64_t now_ms);
  void clear();

 private:
  struct Entry {
    std::int64_t issued_until_ms = 0;
    std::int64_t kept_until_ms = 0;
  };
  static void join(Entry& entry, const Entry& more);

  mutable Mutex mutex_;
  Entry everyone_ DW_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Entry> clients_ DW_GUARDED_BY(mutex_);
};

}  // namespace deskwire::publishers
