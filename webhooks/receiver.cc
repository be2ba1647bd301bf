#include "webhooks/receiver.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/net/http_server.h"
#include "core/timestamp.h"
#include "webhooks/delivery.h"

namespace deskwire::webhooks {
namespace {

// Chatwoot waits five seconds for an answer; whoever is being answered shall get it.
constexpr Milliseconds kDrainGrace{5000};

net::HttpServer::Options server_options(const config::Receiver& settings) {
  net::HttpServer::Options options;
  options.name = "http";
  options.listen = settings.listen;
  options.listen_key = "receiver.listen";
  options.hosts = settings.hosts;
  options.threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()),
                               settings.threads_min, settings.threads_max);
  options.max_body_bytes = settings.max_body_bytes;
  options.head_timeout = settings.head_timeout;
  options.body_timeout = settings.body_timeout;
  options.max_connections = settings.max_connections;
  return options;
}

std::string_view server_refusal(int status) {
  if (status == 408) return "too_slow";
  if (status == 413) return "too_large";
  return "other";
}

/// What the HTTP server has refused before the delivery was there; its body is gone, unread.
void note_refusal(Door& door, const net::HttpRequest& so_far, int status, std::string_view reason) {
  const auto book = door.book.read();
  const config::Source* const source = book->route(so_far.path()).source;
  const std::string_view name = source == nullptr ? "unknown" : std::string_view(source->name);
  door.counters.count(name, "refused", server_refusal(status));
  const auto announced = parse_digits(so_far.header("Content-Length"));
  log_refusal(door, name, reason, status,
              announced ? static_cast<std::size_t>(*announced) : so_far.body.size());
}

}  // namespace

class Receiver::Impl {
 public:
  Impl(const config::Config& config, jobs::JobStore& store, const Clock& clock, Metrics& metrics)
      : door_(std::make_shared<Door>(config, store, clock, metrics)),
        server_(
            server_options(config.receiver),
            [door = door_](net::HttpRequest&& request, net::HttpResponder responder) {
              take_delivery(door, std::move(request), std::move(responder));
            },
            nullptr,
            [door = door_](const net::HttpRequest& so_far, int status, std::string_view reason) {
              note_refusal(*door, so_far, status, reason);
            }) {}

  Status start() {
    // Before the door opens: what an earlier life has left goes first.
    door_->spool.start();
    door_->quarantine.start();
    return server_.start();
  }
  void stop() {
    server_.stop();
    door_->spool.stop();
    door_->quarantine.stop();
  }
  void reload(const config::Config& config) { door_->reload(config); }
  net::HttpServer& server() { return server_; }

 private:
  std::shared_ptr<Door> door_;
  net::HttpServer server_;
};

Receiver::Receiver(const config::Config& config, jobs::JobStore& store, const Clock& clock,
                   Metrics& metrics)
    : impl_(std::make_unique<Impl>(config, store, clock, metrics)) {}
Receiver::~Receiver() { stop(); }

Status Receiver::start() { return impl_->start(); }
void Receiver::reload(const config::Config& config) { impl_->reload(config); }
void Receiver::drain() { impl_->server().drain(kDrainGrace); }
void Receiver::stop() { impl_->stop(); }
std::uint16_t Receiver::port() const { return impl_->server().port(); }

}  // namespace deskwire::webhooks
