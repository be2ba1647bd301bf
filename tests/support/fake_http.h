#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/event_probe.h"

namespace deskwire::testing {

/// A peer for outbound HTTP that may answer any bytes, slowly or never: a plain socket on loopback,
/// one thread a connection.
class FakeHttp {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::string head;  ///< Lower-case header lines.
    std::string body;
  };
  /// The whole raw answer. An empty one closes the connection. It may block; `hang_up` ends it.
  using Answer = std::function<std::string(const Request&)>;

  explicit FakeHttp(Answer answer);
  ~FakeHttp();
  FakeHttp(const FakeHttp&) = delete;
  FakeHttp& operator=(const FakeHttp&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Send this many bytes of each answer at once and then one a millisecond.
  void trickle_after(std::size_t bytes) { trickle_after_ = bytes; }
  int connections() const { return connections_; }

  EventProbe<Request> requests;

  static std::string json(int status, const std::string& body,
                          const std::string& headers = std::string());

 private:
  void accept_all();
  void serve(int socket);
  bool read_request(int socket, std::string& buffer, Request& request) const;
  void write_answer(int socket, const std::string& answer) const;

  const Answer answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> trickle_after_{~std::size_t{0}};
  std::atomic<int> connections_{0};
  Mutex mutex_;
  std::vector<int> sockets_ DW_GUARDED_BY(mutex_);
  std::vector<std::thread> servers_ DW_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace deskwire::testing
