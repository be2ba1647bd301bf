#include "cli/embedded_redis.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "cli/data_dir.h"
#include "cli/redis_facts.h"
#include "core/log.h"
#include "core/redis/redis_client.h"

namespace deskwire::cli {
namespace {

constexpr std::size_t kMaxSocketPath = 107;  // sockaddr_un::sun_path with its closing NUL.
constexpr Milliseconds kStartTime{10000};
constexpr Milliseconds kPredecessorTime{10000};
constexpr Milliseconds kPoll{10};
constexpr Milliseconds kLongestDelay{5000};
constexpr Milliseconds kStableAfter{60000};
constexpr off_t kLogLimit = 1 << 20;

MonotonicTime now() { return std::chrono::steady_clock::now(); }

std::string socket_path(const std::string& data_dir) { return data_dir + "/redis.sock"; }
std::string pid_path(const std::string& data_dir) { return data_dir + "/redis.pid"; }
std::string log_path(const std::string& data_dir) { return data_dir + "/redis.log"; }
std::string append_only_path(const std::string& data_dir) { return data_dir + "/appendonlydir"; }

/// Takes the rights of others from a file or directory of ours; what is anybody else's, or of
/// another type (a link), is left alone.
/// @return Whether it is ours.
bool tighten(const std::string& path, mode_t type, mode_t mode) {
  struct stat status {};
  const bool ours = ::lstat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == type &&
                    status.st_uid == ::geteuid();
  if (ours && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) ::chmod(path.c_str(), mode);
  return ours;
}

/// What customers wrote is in there. A server that ran under another umask, in a directory that
/// others may enter, has left it readable by them.
void tighten_append_only_files(const std::string& data_dir) {
  const std::string directory = append_only_path(data_dir);
  if (!tighten(directory, S_IFDIR, S_IRWXU)) return;
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry(directory, error); !error && entry != end;
       entry.increment(error)) {
    tighten(entry->path().string(), S_IFREG, S_IRUSR | S_IWUSR);
  }
}

/// The first of Debian's names for it that is installed; Valkey speaks the same protocol.
std::string find_server() {
  const char* path = std::getenv("PATH");
  for (const std::string name : {"redis-server", "valkey-server"}) {
    std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin:/usr/local/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
      if (directory.empty()) continue;
      directory.append("/").append(name);
      if (::access(directory.c_str(), X_OK) == 0) return directory;
    }
  }
  return {};
}

/// Whether the process still runs and works in that directory; a zombie has no directory.
bool runs_in(pid_t pid, const std::string& directory) {
  std::array<char, 4096> target{};
  const std::string link = "/proc/" + std::to_string(pid) + "/cwd";
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) == directory;
}

pid_t written_pid(const std::string& data_dir) {
  pid_t pid = -1;
  std::ifstream(pid_path(data_dir)) >> pid;
  return pid > 0 ? pid : -1;
}

redis::Client::Options probe_options(const std::string& data_dir) {
  redis::Client::Options options;
  options.endpoint.socket_path = socket_path(data_dir);
  options.name = "deskwire-start";
  return options;
}

/// Runs in the child between fork and exec, where only async-signal-safe calls are allowed.
[[noreturn]] void become_redis(pid_t parent, int log_fd, char* const* arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // It died before the signal was armed.
  // A group of its own: Ctrl-C in the terminal stops deskwire, which then stops Redis.
  ::setsid();
  // It writes down what customers say, and data_dir may be one that others can enter.
  ::umask(S_IRWXG | S_IRWXO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = ::open("/dev/null", O_RDONLY);
  if (null_fd >= 0) ::dup2(null_fd, STDIN_FILENO);
  ::dup2(log_fd, STDOUT_FILENO);
  ::dup2(log_fd, STDERR_FILENO);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Result<redis::Endpoint> embedded_redis_endpoint(const std::string& data_dir) {
  redis::Endpoint endpoint;
  endpoint.socket_path = socket_path(real_path(data_dir));
  if (endpoint.socket_path.size() > kMaxSocketPath) {
    return fail(ErrorCode::kInvalid,
                "data_dir " + data_dir + ": its path is too long for a Unix socket (" +
                    std::to_string(endpoint.socket_path.size()) + " of " +
                    std::to_string(kMaxSocketPath) + " bytes); choose a shorter --data-dir");
  }
  return endpoint;
}

std::vector<std::string> embedded_redis_arguments(const std::string& data_dir) {
  return {"--port",
          "0",
          "--unixsocket",
          socket_path(data_dir),
          "--unixsocketperm",
          "700",
          "--dir",
          data_dir,
          "--save",
          "",
          "--appendonly",
          "yes",
          "--appendfsync",
          "always",
          "--maxmemory-policy",
          "noeviction",
          "--daemonize",
          "no"};
}

EmbeddedRedis::EmbeddedRedis(std::string data_dir) : data_dir_(std::move(data_dir)) {}

EmbeddedRedis::~EmbeddedRedis() { stop(); }

Status EmbeddedRedis::start() {
  if (running_) return {};
  if (auto endpoint = embedded_redis_endpoint(data_dir_); !endpoint) {
    return fail(std::move(endpoint.error()));
  }
  tighten_append_only_files(data_dir_);
  const auto adopted = adopt();
  if (!adopted) return fail(adopted.error());
  if (!*adopted) {
    if (auto gone = wait_for_predecessor(); !gone) return gone;
    if (auto spawned = spawn(); !spawned) return spawned;
    if (auto answers = wait_until_it_answers(); !answers) return answers;
  }
  running_ = true;
  log::info(adopted_ ? "redis_adopted" : "redis_started",
            {{"pid", pid_}, {"socket", socket_path(data_dir_)}});
  return {};
}

Result<bool> EmbeddedRedis::adopt() {
  const pid_t pid = written_pid(data_dir_);
  if (pid < 0 || !runs_in(pid, data_dir_)) return false;
  redis::Client client(probe_options(data_dir_));
  client.start();
  if (!client.wait_connected(Milliseconds(1000))) return false;
  const auto info = client.call({"INFO", "server"});
  const auto directory = client.call({"CONFIG", "GET", "dir"});
  if (!info || !directory) return false;
  const bool same = info_field(info->as_string(), "process_id") == std::to_string(pid) &&
                    directory->at(1).as_string() == data_dir_;
  if (!same) {
    return fail(ErrorCode::kConflict, "adopt redis " + socket_path(data_dir_) +
                                          ": another server than ours answers there; stop it");
  }
  pid_ = pid;
  adopted_ = true;
  born_ = now();
  return true;
}

Status EmbeddedRedis::wait_for_predecessor() {
  const pid_t pid = written_pid(data_dir_);
  const MonotonicTime deadline = now() + kPredecessorTime;
  while (pid > 0 && runs_in(pid, data_dir_)) {
    if (now() >= deadline) {
      return fail(ErrorCode::kConflict, "start redis in " + data_dir_ + ": an earlier one (pid " +
                                            std::to_string(pid) +
                                            ") still runs and does not answer; stop it");
    }
    std::this_thread::sleep_for(kPoll);
  }
  return {};
}

Status EmbeddedRedis::spawn() {
  const std::string server = find_server();
  if (server.empty()) {
    return fail(ErrorCode::kNotFound,
                "start redis: redis-server is not installed; run `apt-get install redis-server`, "
                "or set config redis.url to a Redis of yours");
  }
  // Everything that allocates happens before the fork: other threads may hold the heap's lock.
  std::vector<std::string> words = embedded_redis_arguments(data_dir_);
  words.insert(words.begin(), server);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int log_fd =
      ::open(log_path(data_dir_).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) {
    return fail(ErrorCode::kUnavailable,
                "open " + log_path(data_dir_) + ": " + std::generic_category().message(errno));
  }
  // Left by one that was killed; while it is there the socket tells nothing about the new one.
  ::unlink(socket_path(data_dir_).c_str());
  if (::lseek(log_fd, 0, SEEK_END) > kLogLimit) (void)!::ftruncate(log_fd, 0);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become_redis(parent, log_fd, arguments.data());
  const int reason = errno;
  ::close(log_fd);
  if (child < 0) {
    return fail(ErrorCode::kUnavailable,
                "start redis: fork: " + std::generic_category().message(reason));
  }
  std::ofstream(pid_path(data_dir_)) << child << '\n';
  pid_ = child;
  adopted_ = false;
  born_ = now();
  return {};
}

Status EmbeddedRedis::wait_until_it_answers() {
  redis::Client client(probe_options(data_dir_));
  const MonotonicTime deadline = now() + kStartTime;
  while (now() < deadline) {
    if (!alive()) {
      return fail(ErrorCode::kUnavailable, "start redis in " + data_dir_ +
                                               ": it ended at once; see " + log_path(data_dir_) +
                                               "\n" + last_words());
    }
    const bool listens = ::access(socket_path(data_dir_).c_str(), F_OK) == 0;
    if (listens) client.start();
    if (listens && client.wait_connected(kPoll) && client.call({"PING"})) return {};
    // Not there yet, or loading its file: ask again a little later.
    std::this_thread::sleep_for(kPoll);
  }
  log::warn("redis_slow_start", {{"pid", pid_}, {"log", log_path(data_dir_)}});
  return {};
}

bool EmbeddedRedis::alive() {
  if (pid_ < 0) return false;
  if (adopted_) return runs_in(pid_, data_dir_);
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  return ended == 0 || (ended < 0 && errno == EINTR);
}

void EmbeddedRedis::supervise() {
  if (!running_) return;
  if (pid_ > 0) {
    if (alive()) return;
    if (now() - born_ > kStableAfter) deaths_ = 0;
    const Milliseconds delay = std::min(kLongestDelay, Milliseconds(50 << std::min(deaths_, 10)));
    ++deaths_;
    retry_at_ = now() + delay;
    log::error("redis_died", {{"pid", pid_},
                              {"restart_in_ms", static_cast<std::int64_t>(delay.count())},
                              {"log", log_path(data_dir_)}});
    pid_ = -1;
  }
  if (now() < retry_at_) return;
  if (auto spawned = spawn(); !spawned) {
    retry_at_ = now() + kLongestDelay;
    log::error("redis_start_failed", {{"error", spawned.error().message}});
    return;
  }
  log::info("redis_started", {{"pid", pid_}, {"socket", socket_path(data_dir_)}});
}

std::string EmbeddedRedis::last_words() const {
  std::ifstream file(log_path(data_dir_));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back("  " + line);
    if (lines.size() > 5) lines.erase(lines.begin());
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

void EmbeddedRedis::stop(Milliseconds grace) {
  running_ = false;
  if (pid_ < 0) return;
  if (adopted_) {
    // Not our child, so its pid could be another's by now: the socket is surely its own.
    redis::Client client(probe_options(data_dir_));
    client.start();
    if (client.wait_connected(Milliseconds(1000))) (void)client.call({"SHUTDOWN", "NOSAVE"});
  } else {
    ::kill(pid_, SIGTERM);
  }
  const MonotonicTime deadline = now() + grace;
  while (alive()) {
    if (now() >= deadline) {
      log::warn("redis_killed", {{"pid", pid_}});
      ::kill(pid_, SIGKILL);
      break;
    }
    std::this_thread::sleep_for(kPoll);
  }
  log::info("redis_stopped", {{"pid", pid_}});
  pid_ = -1;
}

}  // namespace deskwire::cli
