#include "tests/support/redis_server.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>

namespace deskwire::testing {
namespace {

constexpr std::chrono::seconds kStartTimeout{20};
constexpr std::chrono::milliseconds kProbeInterval{5};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "redis_server: %s\n", why.c_str());
  std::abort();
}

std::string make_directory() {
  const char* base = std::getenv("TMPDIR");
  std::string path = std::string(base != nullptr ? base : "/tmp") + "/dw-redis-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) give_up("mkdtemp " + path + ": " + std::strerror(errno));
  return path;
}

/// True as soon as the server answers anything but "still loading".
bool answers(const std::string& socket_path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const timeval patience{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  static constexpr std::string_view kPing = "PING\r\n";
  char answer[64];
  ssize_t got = -1;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(fd, kPing.data(), kPing.size(), MSG_NOSIGNAL) > 0) {
    got = ::recv(fd, answer, sizeof answer, 0);
  }
  ::close(fd);
  return got > 0 &&
         std::string_view(answer, static_cast<std::size_t>(got)).rfind("-LOADING", 0) != 0;
}

}  // namespace

pid_t spawn_redis_server(std::vector<std::string> args, std::vector<std::string> environment) {
  const char* named = std::getenv("DESKWIRE_REDIS_SERVER");
  args.insert(args.begin(), named != nullptr && *named != '\0' ? named : "redis-server");
  std::vector<char*> argv;
  argv.reserve(args.size() + 1);
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  // Of two values for a name getenv finds the first.
  std::vector<char*> envp;
  for (std::string& variable : environment) envp.push_back(variable.data());
  for (char** variable = environ; *variable != nullptr; ++variable) envp.push_back(*variable);
  envp.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) give_up(std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have died between fork and prctl.
    if (getppid() != parent) _exit(1);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  return child;
}

RedisServer::RedisServer(std::vector<std::string> extra_args, std::vector<std::string> environment)
    : extra_args_(std::move(extra_args)),
      environment_(std::move(environment)),
      directory_(make_directory()),
      socket_path_(directory_ + "/r.sock") {
  start();
}

RedisServer::~RedisServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

redis::Endpoint RedisServer::endpoint() const {
  redis::Endpoint endpoint;
  endpoint.socket_path = socket_path_;
  return endpoint;
}

redis::Client::Options RedisServer::options() const {
  redis::Client::Options options;
  options.endpoint = endpoint();
  return options;
}

void RedisServer::start() {
  std::vector<std::string> args = {"--port", "0",        "--unixsocket", socket_path_,
                                   "--save", "",         "--appendonly", "no",
                                   "--dir",  directory_, "--logfile",    directory_ + "/redis.log"};
  args.insert(args.end(), extra_args_.begin(), extra_args_.end());
  pid_ = spawn_redis_server(std::move(args), environment_);
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (!answers(socket_path_)) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      give_up("redis-server ended at start; is it installed (or $DESKWIRE_REDIS_SERVER)?");
    }
    if (std::chrono::steady_clock::now() > deadline) give_up("redis-server does not answer");
    std::this_thread::sleep_for(kProbeInterval);
  }
}

void RedisServer::end_with(int signal) {
  if (pid_ <= 0) return;
  ::kill(pid_, signal);
  // A stopped process handles SIGTERM only after it goes on.
  ::kill(pid_, SIGCONT);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::stop() { end_with(SIGTERM); }
void RedisServer::kill() { end_with(SIGKILL); }

void RedisServer::restart() {
  stop();
  start();
}

void RedisServer::pause() {
  if (pid_ > 0) ::kill(pid_, SIGSTOP);
}
void RedisServer::resume() {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

}  // namespace deskwire::testing
