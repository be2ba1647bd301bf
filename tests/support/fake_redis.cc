#include "tests/support/fake_redis.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace deskwire::testing {
namespace {

constexpr int kPollMs = 10;

bool readable(int fd) {
  pollfd descriptor{fd, POLLIN, 0};
  return ::poll(&descriptor, 1, kPollMs) > 0;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

}  // namespace

FakeRedis::FakeRedis(Answer answer) : answer_(std::move(answer)) {
  directory_ = std::filesystem::temp_directory_path() / "dw-fake-XXXXXX";
  if (mkdtemp(directory_.data()) == nullptr) give_up("mkdtemp");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory_ + "/r.sock";
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 8) != 0) {
    give_up("fake redis");
  }
  thread_ = std::thread([this] { run(); });
}

FakeRedis::~FakeRedis() {
  stopping_.store(true);
  thread_.join();
  ::close(listener_);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

redis::Client::Options FakeRedis::options() const {
  redis::Client::Options options;
  options.endpoint.socket_path = directory_ + "/r.sock";
  return options;
}

std::string FakeRedis::login_answer(std::string_view received) {
  return received.find("SETNAME") == std::string_view::npos
             ? ""
             : "+OK\r\n+PONG\r\n*1\r\n$6\r\nmaster\r\n";
}

void FakeRedis::run() {
  int connections = 0;
  while (!stopping_.load()) {
    if (!readable(listener_)) continue;
    const int fd = ::accept(listener_, nullptr, nullptr);
    if (fd < 0) continue;
    serve(fd, ++connections);
    ::close(fd);
  }
}

void FakeRedis::serve(int fd, int connection) {
  std::array<char, 65536> bytes{};
  while (!stopping_.load()) {
    if (!readable(fd)) continue;
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got <= 0) return;
    const std::string answer =
        answer_(connection, std::string_view(bytes.data(), static_cast<std::size_t>(got)));
    if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace deskwire::testing
