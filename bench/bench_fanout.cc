// Subscribers of one channel, a publisher, and how fast and how late its events reach all of them;
// also idle connections, and connections made at a steady rate. One thread, bare sockets: what it
// costs itself is the same for every server.
//
//   bench_fanout --port P --subscribe '{…}' --publish '{…"t":@t@…}' --rate 200 --events 2000
//   bench_fanout … --hold                  opens the subscribers and waits for the end of stdin
//   bench_fanout … --connects-per-s 200    opens them at that rate: how long until each is answered
//
// In templates @n@ is the number of the subscriber or event, @t@ the time. Prints one JSON object;
// with --server-pid also how much CPU that process took from the first event to the last delivery.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "bench/latencies.h"
#include "bench/socket.h"

namespace {

using deskwire::bench::connect_loopback;
using deskwire::bench::Latencies;
using deskwire::bench::now_ns;
using deskwire::bench::write_all;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kPatience = 60 * kSecond;

struct Options {
  std::uint16_t port = 0;
  std::uint16_t publish_port = 0;
  std::string path = "/";
  std::string subscribe;
  std::string publish;
  std::size_t subscribers = 500;
  double rate = 0;
  std::size_t events = 2000;
  std::size_t window = 64;
  double connects_per_s = 0;
  bool hold = false;
  int server_pid = 0;
};

std::string filled(std::string text, std::string_view name, const std::string& value) {
  const std::size_t at = text.find(name);
  return at == std::string::npos ? text : text.replace(at, name.size(), value);
}

std::string masked_text(std::string_view text) {
  std::string frame = "\x81";
  if (text.size() < 126) {
    frame += static_cast<char>(0x80U | text.size());
  } else {
    frame += static_cast<char>(0xFEU);
    frame += static_cast<char>(text.size() >> 8U);
    frame += static_cast<char>(text.size() & 255U);
  }
  frame.append(4, '\0');  // A mask of zeros is a valid mask, and free.
  return frame.append(text);
}

struct Socket {
  int fd = -1;
  std::size_t number = 0;
  std::int64_t begun = 0;
  bool upgraded = false;
  bool answered = false;  // It is subscribed.
  std::string rest;
};

class Crowd {
 public:
  explicit Crowd(const Options& options) : options_(options), epoll_(::epoll_create1(0)) {
    sockets_.reserve(options.subscribers + 1);
  }
  ~Crowd() {
    for (const Socket& socket : sockets_) ::close(socket.fd);
    ::close(epoll_);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  bool add(std::uint16_t port) {
    Socket socket;
    socket.number = sockets_.size();
    socket.begun = now_ns();
    socket.fd = connect_loopback(port);
    if (socket.fd < 0) return false;
    write_all(socket.fd, "GET " + options_.path +
                             " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = sockets_.size();
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.fd, &event);
    sockets_.push_back(std::move(socket));
    return true;
  }

  void read(int wait_ms) {
    std::array<epoll_event, 256> events{};
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), wait_ms);
    for (int i = 0; i < count; ++i) receive(sockets_[events[static_cast<std::size_t>(i)].data.u64]);
  }
  template <typename Reached>
  bool read_until(Reached reached) {
    const std::int64_t end = now_ns() + kPatience;
    while (!reached() && lost_ == 0 && now_ns() < end) read(100);
    return reached();
  }

  void publish(std::size_t number) {
    std::string text = filled(options_.publish, "@n@", std::to_string(number));
    text = filled(std::move(text), "@t@", std::to_string(now_ns()));
    write_all(sockets_.back().fd, masked_text(text));
  }

  std::size_t answered() const { return answered_; }
  std::size_t delivered() const { return delivered_; }
  std::size_t lost() const { return lost_; }
  Latencies& latencies() { return latencies_; }
  Latencies& set_up() { return set_up_; }
  void forget() { latencies_ = {}, delivered_ = 0; }

 private:
  void receive(Socket& socket) {
    static std::array<char, 262144> chunk;
    const ssize_t got = ::recv(socket.fd, chunk.data(), chunk.size(), 0);
    if (got <= 0) {
      ++lost_;
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.fd, nullptr);
      return;
    }
    const std::string_view fresh(chunk.data(), static_cast<std::size_t>(got));
    if (socket.rest.empty()) {
      socket.rest = consume(socket, fresh);
    } else {
      socket.rest.append(fresh);
      socket.rest = std::string(consume(socket, socket.rest));
    }
  }

  std::string_view consume(Socket& socket, std::string_view bytes) {
    if (!socket.upgraded) {
      const std::size_t end = bytes.find("\r\n\r\n");
      if (end == std::string_view::npos) return bytes;
      socket.upgraded = true;
      bytes.remove_prefix(end + 4);
      if (options_.subscribe.empty() || socket.number >= options_.subscribers) {
        on_answer(socket);
      } else {
        write_all(socket.fd,
                  masked_text(filled(options_.subscribe, "@n@", std::to_string(socket.number))));
      }
    }
    while (bytes.size() >= 4) {
      std::size_t head = 2;
      std::size_t size = static_cast<unsigned char>(bytes[1]) & 127U;
      if (size == 126) {
        head = 4;
        size = static_cast<unsigned char>(bytes[2]) * 256U + static_cast<unsigned char>(bytes[3]);
      }
      if (bytes.size() < head + size) break;
      if ((static_cast<unsigned char>(bytes[0]) & 15U) == 1U) {
        on_text(socket, bytes.substr(head, size));
      }
      bytes.remove_prefix(head + size);
    }
    return bytes;
  }

  void on_answer(Socket& socket) {
    if (std::exchange(socket.answered, true)) return;
    ++answered_;
    set_up_.add(now_ns() - socket.begun);
  }

  void on_text(Socket& socket, std::string_view text) {
    if (!socket.answered && text.find(R"("ok":{"channel")") != std::string_view::npos) {
      on_answer(socket);
    }
    constexpr std::string_view kTime = R"("t":)";
    const std::size_t at = text.find(kTime);
    if (at == std::string_view::npos || socket.number >= options_.subscribers) return;
    std::int64_t sent = 0;
    std::from_chars(text.data() + at + kTime.size(), text.data() + text.size(), sent);
    latencies_.add(now_ns() - sent);
    ++delivered_;
  }

  const Options& options_;
  int epoll_;
  std::vector<Socket> sockets_;
  std::size_t answered_ = 0;
  std::size_t delivered_ = 0;
  std::size_t lost_ = 0;
  Latencies latencies_;
  Latencies set_up_;
};

/// User and system seconds of a process so far (proc(5), fields 14 and 15 of stat); 0: none to
/// read.
double cpu_seconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  constexpr int kBefore = 11;
  std::string ignored;
  for (int i = 0; i < kBefore; ++i) fields >> ignored;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Publishes at the rate, or, at rate 0, as fast as `window` events under way allow.
nlohmann::json fan_out(Crowd& crowd, const Options& options) {
  const std::size_t crowd_size = options.subscribers;
  const double cpu_before = cpu_seconds(options.server_pid);
  const std::int64_t begun = now_ns();
  std::size_t sent = 0;
  while (sent < options.events && crowd.lost() == 0) {
    const auto due = static_cast<double>(now_ns() - begun) / kSecond * options.rate;
    if (options.rate > 0 ? static_cast<double>(sent) <= due
                         : sent - crowd.delivered() / crowd_size < options.window) {
      crowd.publish(sent++);
      crowd.read(0);
    } else {
      crowd.read(1);
    }
  }
  crowd.read_until([&] { return crowd.delivered() == options.events * crowd_size; });
  const double seconds = static_cast<double>(now_ns() - begun) / kSecond;
  return {{"events", options.events},
          {"deliveries", crowd.delivered()},
          {"missing", options.events * crowd_size - crowd.delivered()},
          {"connections_lost", crowd.lost()},
          {"seconds", seconds},
          {"cpu_s", cpu_seconds(options.server_pid) - cpu_before},
          {"deliveries_per_s", static_cast<double>(crowd.delivered()) / seconds},
          {"p50_ms", crowd.latencies().quantile_ms(0.5)},
          {"p99_ms", crowd.latencies().quantile_ms(0.99)}};
}

int run(const Options& options) {
  Crowd crowd(options);
  const std::int64_t begun = now_ns();
  for (std::size_t i = 0; i < options.subscribers; ++i) {
    if (!crowd.add(options.port)) return std::cerr << "bench_fanout: cannot connect\n", 1;
    const auto due = options.connects_per_s > 0
                         ? begun + static_cast<std::int64_t>(static_cast<double>(i + 1) * kSecond /
                                                             options.connects_per_s)
                         : 0;
    do {
      crowd.read(now_ns() < due ? 1 : 0);
    } while (now_ns() < due || (due == 0 && i + 1 - crowd.answered() > 100));
  }
  if (!crowd.read_until([&] { return crowd.answered() == options.subscribers; })) {
    return std::cerr << "bench_fanout: " << crowd.answered() << " of " << options.subscribers
                     << " were answered\n",
           1;
  }
  nlohmann::json result = {{"subscribers", options.subscribers},
                           {"connect_p50_ms", crowd.set_up().quantile_ms(0.5)},
                           {"connect_p99_ms", crowd.set_up().quantile_ms(0.99)}};
  if (options.hold) {
    std::cout << result.dump() << std::endl;
    std::array<char, 16> ignored{};
    while (::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
    }
    return 0;
  }
  if (!options.publish.empty()) {
    if (!crowd.add(options.publish_port != 0 ? options.publish_port : options.port)) return 1;
    crowd.read_until([&] { return crowd.answered() == options.subscribers + 1; });
    result.update(fan_out(crowd, options));
  }
  std::cout << result.dump() << '\n';
  return result.value("missing", 0) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Fan-out of events to WebSocket subscribers");
  app.add_option("--port", options.port)->required();
  app.add_option("--publish-port", options.publish_port, "Another node to publish at");
  app.add_option("--path", options.path);
  app.add_option("--subscribe", options.subscribe, "Text that subscribes; none: nothing to say");
  app.add_option("--publish", options.publish, "Text that publishes");
  app.add_option("--subscribers", options.subscribers);
  app.add_option("--rate", options.rate, "Events a second; 0: as fast as they arrive");
  app.add_option("--events", options.events);
  app.add_option("--window", options.window, "Events under way at rate 0");
  app.add_option("--connects-per-s", options.connects_per_s);
  app.add_flag("--hold", options.hold);
  app.add_option("--server-pid", options.server_pid, "Process whose CPU time is told");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}
