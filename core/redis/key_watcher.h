#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/redis/redis_client.h"

namespace deskwire::redis {

/// Hears which keys change, by Redis's own invalidation messages (CLIENT TRACKING in broadcasting
/// mode), with a thread of its own ("keys"). Who writes pays nothing for it while nobody listens.
/// Changes of a key that follow each other closely come as one, and so do those within a script.
///
/// Thread safety: start and stop from any thread; `on_keys` runs on the watcher's thread.
class KeyWatcher {
 public:
  /// @param prefixes  Beginnings of the keys that are watched.
  /// @param on_keys   Called with the names of changed keys; with none after every (re)connect:
  ///                  from now on changes are heard, what was before is not. Must not block.
  KeyWatcher(Client::Options options, std::vector<std::string> prefixes,
             std::function<void(std::vector<std::string>)> on_keys);
  ~KeyWatcher();
  KeyWatcher(const KeyWatcher&) = delete;
  KeyWatcher& operator=(const KeyWatcher&) = delete;

  void start();
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::redis
