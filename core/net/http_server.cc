#include "core/net/http_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "core/log.h"
#include "core/mutex.h"
#include "core/net/http_connections.h"
#include "core/net/io_loop.h"
#include "core/net/listener.h"
#include "core/net/tls.h"

namespace deskwire::net {

namespace {

HttpSettings make_settings(HttpServer::Options options, HttpServer::Handler handler,
                           HttpServer::UpgradeHandler upgrade, HttpServer::RefusedHook refused) {
  const std::string_view listen = options.listen;
  HostList hosts(options.hosts, listen.substr(0, listen.rfind(':')));
  return {std::move(options), std::move(hosts), std::move(handler), std::move(upgrade),
          std::move(refused)};
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Options options, Handler handler, UpgradeHandler upgrade, RefusedHook refused)
      : settings_(make_settings(std::move(options), std::move(handler), std::move(upgrade),
                                std::move(refused))) {
    for (int i = 0; i < std::max(settings_.options.threads, 1); ++i) {
      auto loop = IoLoop::make(settings_.options.name + "-" + std::to_string(i));
      if (!loop) {
        broken_ = std::move(loop).error();
        return;
      }
      connections_.push_back(
          std::make_unique<HttpConnections>(*loop, settings_, [this] { connection_ended(); }));
      loops_.push_back(*std::move(loop));
    }
  }

  Status start() {
    const MutexLock lock(mutex_);
    if (phase_ == Phase::kStopped)
      return fail(ErrorCode::kCancelled, "start " + settings_.options.name + ": already stopped");
    if (phase_ == Phase::kRunning)
      return fail(ErrorCode::kConflict, "start " + settings_.options.name + ": already started");
    if (broken_.code != ErrorCode::kInternal) return fail(broken_);
    auto listener = Listener::bind(settings_.options.listen, settings_.options.listen_key);
    if (!listener) return fail(std::move(listener).error());
    for (const auto& loop : loops_) {
      if (Status started = loop->start(); !started) return started;
    }
    phase_ = Phase::kRunning;
    port_ = (*listener)->port();
    listener_ = *std::move(listener);
    loops_[0]->post([this] {
      listener_->start(loops_[0], [this](FileDescriptor socket, Peer peer) {
        accepted(std::move(socket), std::move(peer));
      });
    });
    return {};
  }

  void drain(Milliseconds grace) {
    {
      const MutexLock lock(mutex_);
      if (phase_ != Phase::kRunning) return;
      {
        const MutexLock ended_lock(ended_mutex_);
        loops_to_drain_ = loops_.size();
      }
      // In this order and from the accepting loop: what it took before is with its loop already, so
      // that no accepted connection is turned away.
      loops_[0]->post([this] {
        listener_->close();
        for (const auto& connections : connections_) {
          connections->loop()->post([this, &served = *connections] {
            served.drain();
            const MutexLock ended_lock(ended_mutex_);
            --loops_to_drain_;
            ended_.notify_all();
          });
        }
      });
    }
    // Not under the first lock: stop() may cut the grace short.
    const auto deadline = std::chrono::steady_clock::now() + grace;
    const MutexLock lock(ended_mutex_);
    while (!stopping_ && (loops_to_drain_ > 0 || http_connections() > 0))
      if (!ended_.wait_until(ended_mutex_, deadline)) break;
  }

  void stop() {
    const MutexLock lock(mutex_);
    if (phase_ == Phase::kStopped) return;
    phase_ = Phase::kStopped;
    {
      const MutexLock ended_lock(ended_mutex_);
      stopping_ = true;
      ended_.notify_all();
    }
    for (const auto& connections : connections_)
      connections->loop()->post([&served = *connections] { served.close_all(); });
    // The first loop accepts for all of them, so it ends first.
    for (const auto& loop : loops_) loop->stop();
  }

  std::uint16_t port() const { return port_; }
  std::size_t connections() const { return *open_sockets_; }
  std::vector<Loop*> loops() const {
    std::vector<Loop*> result;
    for (const auto& loop : loops_) result.push_back(loop.get());
    return result;
  }

 private:
  enum class Phase : std::uint8_t { kNew, kRunning, kStopped };

  void accepted(FileDescriptor socket, Peer peer) {
    if (*open_sockets_ >= settings_.options.max_connections) {
      connections_[0]->refused({}, 0, "too_many_connections");
      return;
    }
    ++*open_sockets_;
    // Released by whoever holds the stream last, which may be after the server's end.
    auto occupied = std::shared_ptr<void>(nullptr, [open = open_sockets_](void*) { --*open; });
    const std::size_t index = next_loop_++ % loops_.size();
    const auto serve =
        [loop = loops_[index], &served = *connections_[index], tls = settings_.options.tls](
            FileDescriptor accepted_socket, Peer accepted_peer, std::shared_ptr<void> token) {
          auto stream = make_tcp_stream(loop, std::move(accepted_socket), std::move(accepted_peer),
                                        std::move(token));
          if (stream)
            served.add(tls != nullptr ? tls->wrap(*std::move(stream)) : *std::move(stream));
          else
            log::warn("accept_failed", {{"error", stream.error().message}});
        };
    if (index == 0) return serve(std::move(socket), std::move(peer), std::move(occupied));
    // Shared, because a task has to be copyable; a dropped task closes the socket.
    auto handed = std::make_shared<FileDescriptor>(std::move(socket));
    loops_[index]->post([serve, handed, peer = std::move(peer), occupied = std::move(occupied)] {
      serve(std::move(*handed), peer, occupied);
    });
  }

  std::size_t http_connections() const {
    std::size_t count = 0;
    for (const auto& connections : connections_) count += connections->size();
    return count;
  }

  void connection_ended() {
    // Under the lock, so that drain() cannot miss it between its look and its wait.
    const MutexLock lock(ended_mutex_);
    ended_.notify_all();
  }

  const HttpSettings settings_;
  Error broken_;  ///< Why the loops could not be made, for start().
  std::vector<std::shared_ptr<IoLoop>> loops_;
  std::vector<std::unique_ptr<HttpConnections>> connections_;
  std::unique_ptr<Listener> listener_;  ///< First loop's thread, after start().
  std::size_t next_loop_ = 0;           ///< First loop's thread.
  std::atomic<std::uint16_t> port_{0};
  std::shared_ptr<std::atomic<std::size_t>> open_sockets_ =
      std::make_shared<std::atomic<std::size_t>>(0);

  Mutex mutex_;  ///< Start and stop exclude one another.
  Phase phase_ DW_GUARDED_BY(mutex_) = Phase::kNew;
  Mutex ended_mutex_;
  CondVar ended_;
  std::size_t loops_to_drain_ DW_GUARDED_BY(ended_mutex_) = 0;
  bool stopping_ DW_GUARDED_BY(ended_mutex_) = false;
};

HttpServer::HttpServer(Options options, Handler handler, UpgradeHandler upgrade,
                       RefusedHook refused)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(upgrade),
                                   std::move(refused))) {}
HttpServer::~HttpServer() { stop(); }

Status HttpServer::start() { return impl_->start(); }
void HttpServer::drain(Milliseconds grace) { impl_->drain(grace); }
void HttpServer::stop() { impl_->stop(); }
std::uint16_t HttpServer::port() const { return impl_->port(); }
std::vector<Loop*> HttpServer::loops() { return impl_->loops(); }
std::size_t HttpServer::connections() const { return impl_->connections(); }

}  // namespace deskwire::net
