#include "core/net/http_connections.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "core/log.h"

namespace deskwire::net {

namespace {

// A twentieth of the shortest deadline is as exact as anyone can see.
Milliseconds tick_length(const HttpServer::Options& options) {
  const Milliseconds shortest =
      std::min({options.head_timeout, options.body_timeout, options.idle_timeout});
  return std::clamp(shortest / 20, Milliseconds{5}, Milliseconds{100});
}

}  // namespace

HttpConnections::HttpConnections(std::shared_ptr<Loop> loop, const HttpSettings& settings,
                                 std::function<void()> changed)
    : loop_(std::move(loop)),
      settings_(settings),
      changed_(std::move(changed)),
      tick_length_(tick_length(settings.options)) {}

void HttpConnections::add(std::unique_ptr<Stream> stream) {
  if (closed_ || draining_) return;
  auto connection = std::make_shared<HttpConnection>(*this, std::move(stream));
  connections_.insert(connection);
  size_.store(connections_.size(), std::memory_order_relaxed);
  if (timer_ == nullptr) arm();
  connection->start();
}

void HttpConnections::drain() {
  draining_ = true;
  const std::vector<std::shared_ptr<HttpConnection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->drain();
}

void HttpConnections::close_all() {
  closed_ = true;
  const std::vector<std::shared_ptr<HttpConnection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->close();
  timer_.reset();
}

std::uint64_t HttpConnections::tick_after(Milliseconds time) const {
  // The current tick has partly passed already, and what is left of the last one counts whole.
  return tick_ + 2 + static_cast<std::uint64_t>(std::max(time, Milliseconds{0}) / tick_length_);
}

void HttpConnections::remove(const std::shared_ptr<HttpConnection>& connection) {
  if (connections_.erase(connection) == 0) return;
  size_.store(connections_.size(), std::memory_order_relaxed);
  changed_();
}

void HttpConnections::refused(const HttpRequest& so_far, int status,
                              std::string_view reason) const {
  log::debug("request_refused", {{"status", status}, {"reason", reason}});
  if (settings_.refused != nullptr) settings_.refused(so_far, status, reason);
}

void HttpConnections::arm() {
  timer_ = loop_->after(tick_length_, [this] { check_deadlines(); });
}

void HttpConnections::check_deadlines() {
  ++tick_;
  std::vector<std::shared_ptr<HttpConnection>> overdue;
  std::copy_if(connections_.begin(), connections_.end(), std::back_inserter(overdue),
               [this](const auto& connection) { return connection->overdue(tick_); });
  for (const auto& connection : overdue) connection->deadline_passed();
  timer_.reset();
  // A server without connections sleeps.
  if (!connections_.empty()) arm();
}

}  // namespace deskwire::net
