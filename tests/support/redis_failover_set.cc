#include "tests/support/redis_failover_set.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace deskwire::testing {
namespace {

constexpr std::chrono::seconds kSetupTimeout{30};
constexpr std::chrono::milliseconds kProbeInterval{20};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "redis_failover_set: %s\n", why.c_str());
  std::abort();
}

/// Ports that were free a moment ago, all held at once so that they differ.
std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<int> sockets;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      give_up("no free port");
    }
    sockets.push_back(fd);
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int fd : sockets) ::close(fd);
  return ports;
}

template <typename Probe>
void await(const char* what, Probe probe) {
  const auto deadline = std::chrono::steady_clock::now() + kSetupTimeout;
  while (!probe()) {
    if (std::chrono::steady_clock::now() > deadline) give_up(std::string("no ") + what);
    std::this_thread::sleep_for(kProbeInterval);
  }
}

std::string field(const redis::Reply& map, const std::string& name) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.at(i).text == name) return map.at(i + 1).text;
  }
  return {};
}

}  // namespace

RedisFailoverSet::RedisFailoverSet(const std::string& sentinel_password)
    : sentinel_password_(sentinel_password) {
  const auto ports = free_ports(2 + kSentinels);
  first_port_ = ports[0];
  second_port_ = ports[1];
  first_ = std::make_unique<RedisServer>(std::vector<std::string>{
      "--port", std::to_string(first_port_), "--bind", "127.0.0.1", "--repl-diskless-sync-delay",
      "0", "--repl-ping-replica-period", "1"});
  second_ = std::make_unique<RedisServer>(std::vector<std::string>{
      "--port", std::to_string(second_port_), "--bind", "127.0.0.1", "--repl-diskless-sync-delay",
      "0", "--replicaof", "127.0.0.1 " + std::to_string(first_port_)});
  directory_ = std::filesystem::temp_directory_path() / "dw-sentinel-XXXXXX";
  if (mkdtemp(directory_.data()) == nullptr) give_up("no directory");
  redis::Client master(first_->options());
  master.start();
  await("replica that follows", [&] {
    const auto role = master.call({"ROLE"});
    return role && role->at(2).items.size() == 1 && role->at(2).at(0).at(2).as_string() != "0";
  });
  for (std::size_t i = 0; i < kSentinels; ++i) {
    ports_.at(i) = ports[2 + i];
    const std::string path = directory_ + "/" + std::to_string(i) + ".conf";
    std::ofstream(path) << "port " << ports_.at(i) << "\nbind 127.0.0.1\nlogfile " << directory_
                        << "/" << i << ".log\ndir " << directory_ << "\n"
                        << (sentinel_password.empty() ? "" : "requirepass " + sentinel_password)
                        << "\nsentinel monitor " << kMasterName << " 127.0.0.1 " << first_port_
                        << " 2\nsentinel down-after-milliseconds " << kMasterName
                        << " 2000\nsentinel failover-timeout " << kMasterName << " 6000\n";
    sentinels_.at(i) = spawn_redis_server({path, "--sentinel"});
  }
  await("sentinels that agree", [&] {
    for (std::size_t i = 0; i < kSentinels; ++i) {
      const auto view = ask_sentinel(i, {"SENTINEL", "MASTER", kMasterName});
      if (field(view, "num-slaves") != "1" || field(view, "num-other-sentinels") != "2") {
        return false;
      }
    }
    return true;
  });
}

RedisFailoverSet::~RedisFailoverSet() {
  for (const pid_t pid : sentinels_) {
    if (pid <= 0) continue;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

redis::Client::Options RedisFailoverSet::options() const {
  redis::Client::Options options;
  for (std::size_t i = 0; i < kSentinels; ++i) options.endpoint.sentinels.push_back(sentinel(i));
  options.endpoint.master_name = kMasterName;
  options.endpoint.sentinel_password = sentinel_password_;
  return options;
}

void RedisFailoverSet::begin_failover() {
  // A sentinel that has just become aware of a replica may not think it good enough yet.
  await("replica to promote", [&] {
    return ask_sentinel(0, {"SENTINEL", "FAILOVER", kMasterName}).as_string() == "OK";
  });
}

void RedisFailoverSet::await_master(std::uint16_t port) const {
  await("new master", [&] {
    for (std::size_t i = 0; i < kSentinels; ++i) {
      const auto view = ask_sentinel(i, {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", kMasterName});
      if (view.at(1).text != std::to_string(port)) return false;
    }
    return true;
  });
}

redis::Reply RedisFailoverSet::ask_sentinel(std::size_t index, redis::Command command) const {
  redis::Client::Options options;
  options.endpoint = this->options().endpoint.sentinel(index);
  redis::Client client(options);
  client.start();
  client.wait_connected(Milliseconds(1000));
  auto reply = client.call(std::move(command));
  return reply ? std::move(*reply) : redis::Reply{};
}

}  // namespace deskwire::testing
