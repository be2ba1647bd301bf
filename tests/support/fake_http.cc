#include "tests/support/fake_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>

namespace deskwire::testing {

FakeHttp::FakeHttp(Answer answer) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, raw, size) != 0 || ::listen(listener_, 64) != 0) std::abort();
  ::getsockname(listener_, raw, &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeHttp::~FakeHttp() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  std::vector<std::thread> servers;
  {
    const MutexLock lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    servers.swap(servers_);
  }
  for (std::thread& server : servers) server.join();
  const MutexLock lock(mutex_);
  for (const int socket : sockets_) ::close(socket);
}

void FakeHttp::accept_all() {
  while (!stopping_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    ++connections_;
    const MutexLock lock(mutex_);
    sockets_.push_back(socket);
    servers_.emplace_back([this, socket] { serve(socket); });
  }
}

bool FakeHttp::read_request(int socket, std::string& buffer, Request& request) const {
  const auto fill = [&] {
    char bytes[4096];
    const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
    if (got > 0) buffer.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  };
  std::size_t head_end = 0;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return false;
  }
  const std::string head = buffer.substr(0, head_end + 2);
  request.method = head.substr(0, head.find(' '));
  const std::size_t target = head.find(' ') + 1;
  request.target = head.substr(target, head.find(' ', target) - target);
  request.head = head;
  std::transform(request.head.begin(), request.head.end(), request.head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::size_t length = 0;
  const std::size_t at = request.head.find("content-length: ");
  if (at != std::string::npos) length = std::stoul(request.head.substr(at + 16));
  while (buffer.size() < head_end + 4 + length) {
    if (!fill()) return false;
  }
  request.body = buffer.substr(head_end + 4, length);
  buffer.erase(0, head_end + 4 + length);
  return true;
}

void FakeHttp::write_answer(int socket, const std::string& answer) const {
  const std::size_t at_once = std::min<std::size_t>(trickle_after_, answer.size());
  std::size_t sent = 0;
  while (sent < answer.size() && !stopping_) {
    const std::size_t size = sent < at_once ? at_once - sent : 1;
    const ssize_t written = ::send(socket, answer.data() + sent, size, MSG_NOSIGNAL);
    if (written <= 0) return;
    sent += static_cast<std::size_t>(written);
    if (sent >= at_once && sent < answer.size()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

void FakeHttp::serve(int socket) {
  std::string buffer;
  Request request;
  while (!stopping_ && read_request(socket, buffer, request)) {
    requests.push(request);
    const std::string answer = answer_(request);
    if (answer.empty()) break;
    write_answer(socket, answer);
  }
  ::shutdown(socket, SHUT_RDWR);
}

std::string FakeHttp::json(int status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace deskwire::testing
