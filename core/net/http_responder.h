#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/net/http_server.h"

namespace deskwire::net {

class HttpConnection;

/// What a responder's copies share. It does not keep the connection alive: one that was closed
/// while its request was being answered is gone, and the answer is dropped.
///
/// Thread safety: everything from any thread.
struct HttpResponder::State {
  State(std::weak_ptr<HttpConnection> to, std::shared_ptr<Loop> on, std::uint64_t number)
      : connection(std::move(to)), loop(std::move(on)), exchange(number) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Runs `act` with the connection, or null when it is gone, on its loop: at once when this is the
  /// loop's thread.
  template <typename Act>
  void on_loop(Act act) const;

  std::weak_ptr<HttpConnection> connection;
  std::shared_ptr<Loop> loop;
  std::uint64_t exchange;
  std::atomic<bool> answered{false};
};

}  // namespace deskwire::net
