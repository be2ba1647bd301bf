#include "bench/http_load.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "bench/socket.h"

namespace deskwire::bench {
namespace {

constexpr std::size_t kIncomplete = 0;

// The end of a chunked body that begins at `at`.
std::size_t end_of_chunks(std::string_view buffer, std::size_t at) {
  for (;;) {
    const std::size_t line_end = buffer.find("\r\n", at);
    if (line_end == std::string_view::npos) return kIncomplete;
    const std::size_t size = std::strtoul(buffer.data() + at, nullptr, 16);
    at = line_end + 2 + size + 2;
    if (buffer.size() < at) return kIncomplete;
    if (size == 0) return at;
  }
}

bool names(std::string_view head, std::string_view lower, std::string_view proper) {
  return head.find(lower) != std::string_view::npos || head.find(proper) != std::string_view::npos;
}

// The length of the first whole answer in the buffer, kIncomplete when it is not all there.
std::size_t answer_length(std::string_view buffer) {
  const std::size_t head = buffer.find("\r\n\r\n");
  if (head == std::string_view::npos) return kIncomplete;
  const std::string_view fields = buffer.substr(0, head);
  if (names(fields, "transfer-encoding: chunked", "Transfer-Encoding: chunked")) {
    return end_of_chunks(buffer, head + 4);
  }
  std::size_t body = 0;
  for (const std::string_view name : {"Content-Length: ", "content-length: "}) {
    const std::size_t at = fields.find(name);
    if (at != std::string_view::npos) {
      body = std::strtoul(buffer.data() + at + name.size(), nullptr, 10);
    }
  }
  return buffer.size() >= head + 4 + body ? head + 4 + body : kIncomplete;
}

}  // namespace

HttpLoad::HttpLoad(Options options, const std::vector<std::string>& requests, EventSink* sink)
    : options_(options),
      requests_(requests),
      sink_(sink),
      sent_at_(requests.size(), 0),
      answered_at_(requests.size(), 0) {}

HttpLoad::~HttpLoad() {
  for (const Connection& connection : connections_) ::close(connection.fd);
  if (epoll_ >= 0) ::close(epoll_);
}

void HttpLoad::send_next(Connection& connection, std::int64_t scheduled) {
  connection.request = next_++;
  sent_at_[connection.request] = scheduled;
  if (!write_all(connection.fd, requests_[connection.request])) {
    std::cerr << "bench: the server closed a connection\n";
    std::exit(1);
  }
}

void HttpLoad::readable(Connection& connection, Outcome& outcome) {
  std::array<char, 16384> chunk{};
  const ssize_t got = ::recv(connection.fd, chunk.data(), chunk.size(), 0);
  if (got == 0) {
    std::cerr << "bench: the server closed a connection\n";
    std::exit(1);
  }
  if (got < 0) return;
  connection.buffer.append(chunk.data(), static_cast<std::size_t>(got));
  const std::size_t length = answer_length(connection.buffer);
  if (length == kIncomplete) return;
  const bool accepted = connection.buffer.compare(9, 1, "2") == 0;
  ++(accepted ? outcome.accepted : outcome.refused);
  const std::int64_t now = now_ns();
  answered_at_[connection.request] = now;
  outcome.ack.add(now - sent_at_[connection.request]);
  connection.buffer.erase(0, length);
  idle_.push_back(static_cast<std::size_t>(&connection - connections_.data()));
  ++answered_;
}

HttpLoad::Outcome HttpLoad::run(const std::function<bool()>& done_early) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  connections_.resize(options_.connections);
  const auto watch = [this](int fd, std::uint64_t tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  };
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].fd = connect_loopback(options_.port);
    if (connections_[i].fd < 0) {
      std::cerr << "bench: cannot connect to port " << options_.port << '\n';
      std::exit(1);
    }
    watch(connections_[i].fd, i);
    idle_.push_back(i);
  }
  constexpr std::uint64_t kSinkTag = 1ULL << 32U;
  if (sink_ != nullptr) {
    for (const int fd : sink_->descriptors()) watch(fd, kSinkTag + static_cast<std::uint64_t>(fd));
  }

  Outcome outcome;
  const std::int64_t start = now_ns();
  std::int64_t last_answer = start;
  std::array<epoll_event, 256> events{};
  for (;;) {
    const std::int64_t now = now_ns();
    while (next_ < requests_.size() && !idle_.empty()) {
      std::int64_t scheduled = now;
      if (options_.rate > 0) {
        scheduled =
            start + static_cast<std::int64_t>(static_cast<double>(next_) * 1e9 / options_.rate);
        if (scheduled > now) break;
      }
      // The one that has rested longest: the server closes those that never say anything.
      Connection& connection = connections_[idle_.front()];
      idle_.pop_front();
      send_next(connection, scheduled);
    }
    const bool all_answered = answered_ >= requests_.size();
    if (all_answered &&
        (sink_ == nullptr || done_early() || now > last_answer + options_.linger_ms * 1'000'000)) {
      break;
    }
    const int ready = ::epoll_wait(epoll_, events.data(), events.size(),
                                   options_.rate > 0 && !all_answered ? 0 : 5);
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
      if (tag >= kSinkTag) {
        sink_->readable(static_cast<int>(tag - kSinkTag));
      } else {
        readable(connections_[tag], outcome);
        last_answer = now_ns();
      }
    }
  }
  outcome.seconds = static_cast<double>(last_answer - start) / 1e9;
  return outcome;
}

}  // namespace deskwire::bench
