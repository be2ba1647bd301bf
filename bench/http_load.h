#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "bench/event_sink.h"
#include "bench/latencies.h"

namespace deskwire::bench {

/// Sends prepared requests over keep-alive connections, one in flight each, and meanwhile reads an
/// event sink, all on one thread.
class HttpLoad {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::size_t connections = 32;
    double rate = 0;             ///< Requests a second at fixed times; 0: as fast as answers come.
    std::int64_t linger_ms = 0;  ///< Read events this long after the last answer, at most.
  };
  struct Outcome {
    std::size_t accepted = 0;  ///< 2xx
    std::size_t refused = 0;   ///< anything else
    double seconds = 0;        ///< First request to last answer.
    Latencies ack;             ///< From the scheduled time (fixed rate) or the write.
  };

  HttpLoad(Options options, const std::vector<std::string>& requests, EventSink* sink);
  ~HttpLoad();
  HttpLoad(const HttpLoad&) = delete;
  HttpLoad& operator=(const HttpLoad&) = delete;

  /// @param done_early  Asked while lingering; true ends the run.
  Outcome run(const std::function<bool()>& done_early);
  /// When request i was (or should have been) sent; 0: not yet.
  const std::vector<std::int64_t>& sent_at() const { return sent_at_; }
  /// When its answer had come; 0: not yet.
  const std::vector<std::int64_t>& answered_at() const { return answered_at_; }

 private:
  struct Connection {
    int fd = -1;
    std::size_t request = 0;
    std::string buffer;
  };
  void send_next(Connection& connection, std::int64_t scheduled);
  void readable(Connection& connection, Outcome& outcome);

  Options options_;
  const std::vector<std::string>& requests_;
  EventSink* sink_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;
  std::vector<std::int64_t> sent_at_;
  std::vector<std::int64_t> answered_at_;
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
};

}  // namespace deskwire::bench
