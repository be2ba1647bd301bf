#include "cli/checkup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cli/config_choice.h"
#include "cli/helpdesk_clients.h"
#include "cli/open_doors.h"
#include "cli/redis_checkup.h"
#include "cli/spool_checkup.h"
#include "config/load.h"
#include "core/json.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::cli {
namespace {

using Level = Finding::Level;
using Findings = std::vector<Finding>;

constexpr std::uint64_t kLowDiskBytes = 500ULL << 20U;
constexpr Milliseconds kHttpTimeout{2000};

void check_data_dir(const config::Config& config, Findings& findings) {
  const std::string& path = config.data_dir;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    findings.push_back({Level::kOk, "data_dir", path + " is not there yet; serve makes it", ""});
    return;
  }
  if (!S_ISDIR(status.st_mode) || ::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    findings.push_back({Level::kFail, "data_dir", path + " is not a directory we may write to",
                        "chown or chmod it, or set config data_dir"});
    return;
  }
  struct statvfs disk {};
  const bool known = ::statvfs(path.c_str(), &disk) == 0;
  const std::uint64_t free_bytes = known ? std::uint64_t{disk.f_bavail} * disk.f_frsize : 0;
  const std::string free_text = std::to_string(free_bytes >> 20U) + " MiB free";
  if (known && free_bytes < kLowDiskBytes) {
    findings.push_back({Level::kWarn, "data_dir", path + ", only " + free_text,
                        "make room: Redis stops taking work when its disk is full"});
    return;
  }
  findings.push_back({Level::kOk, "data_dir", known ? path + ", " + free_text : path, ""});
}

/// 0 when the address can be bound, else errno; -1 when its name is unknown.
int try_to_bind(const config::HostPort& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) !=
      0) {
    return -1;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  int reason = 0;
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0) reason = errno;
  // Some systems only find out on listen that another socket listens there.
  if (reason == 0 && ::listen(fd, 1) != 0) reason = errno;
  ::close(fd);
  return reason;
}

/// Whether a deskwire answers at the admin door, whatever its state.
bool deskwire_answers(const config::Config& config) {
  const auto address = door_address(config, "admin", config.admin.listen);
  if (!address) return false;
  worker::HttpClient client({"http://" + *address, kHttpTimeout, 65536});
  const auto answer = client.send({"GET", "/readyz", {}, ""});
  if (!answer) return false;
  const auto body = parse_json(answer->body);
  return body && body->is_object() && body->contains("roles");
}

void check_door(const char* name, const std::string& listen, bool ours_runs, Findings& findings) {
  const auto address = config::parse_listen(listen);
  if (!address) return;
  const int reason = address->port == 0 ? 0 : try_to_bind(*address);
  if (reason == 0) {
    findings.push_back({Level::kOk, name, listen + " is free", ""});
  } else if (reason == EADDRINUSE && ours_runs) {
    findings.push_back({Level::kOk, name, listen + " is open: deskwire serve runs", ""});
  } else {
    const std::string why = reason < 0 ? "unknown host" : std::generic_category().message(reason);
    findings.push_back({Level::kFail, name, listen + ": " + why,
                        std::string("stop what uses it (`ss -ltnp`), or set config ") + name});
  }
}

Level level_of(worker::AccessFinding::Level level) {
  switch (level) {
    case worker::AccessFinding::Level::kGood:
      return Level::kOk;
    case worker::AccessFinding::Level::kDoubtful:
      return Level::kWarn;
    case worker::AccessFinding::Level::kRefused:
      break;
  }
  return Level::kFail;
}

void check_source(const config::Source& source, Findings& findings) {
  const std::string name = "source " + source.name;
  const auto client = make_helpdesk_client(source);
  const auto access = client->check_access();
  if (!access) {
    findings.push_back({Level::kFail, name, access.error().message,
                        "check config sources[].base_url and that the helpdesk runs"});
    return;
  }
  for (const worker::AccessFinding& one : *access) {
    const Level level = level_of(one.level);
    findings.push_back(
        {level, name, one.text, level == Level::kFail ? "make a new token in the helpdesk" : ""});
  }
}

}  // namespace

std::vector<Finding> check_up(const config::Config& config) {
  Findings findings;
  if (const Status usable = check_secret_forms(config); !usable) {
    findings.push_back({Level::kFail, "config", usable.error().message, ""});
  } else {
    findings.push_back({Level::kOk, "config",
                        std::to_string(config.sources.size()) +
                            (config.sources.size() == 1 ? " source" : " sources"),
                        ""});
  }
  check_data_dir(config, findings);
  check_redis(config, findings);
  check_spool(config, findings);
  const bool ours_runs = deskwire_answers(config);
  check_door("receiver.listen", config.receiver.listen, ours_runs, findings);
  check_door("gateway.listen", config.gateway.listen, ours_runs, findings);
  check_door("admin.listen", config.admin.listen, ours_runs, findings);
  for (const config::Source& source : config.sources) check_source(source, findings);
  return findings;
}

}  // namespace deskwire::cli
