#include "cli/embedded_redis.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "cli/data_dir.h"
#include "core/redis/redis_client.h"
#include "tests/support/catch.h"

using namespace deskwire;
namespace fs = std::filesystem;

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::array<char, 32> name{"/tmp/deskwire-redis-XXXXXX"};
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = cli::real_path(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A connection that is up and gets answers.
class Connection {
 public:
  explicit Connection(const std::string& data_dir) : client_(options(data_dir)) {
    client_.start();
    REQUIRE(client_.wait_connected(Milliseconds(20000)));
    while (!client_.call({"PING"})) std::this_thread::yield();
  }
  std::string ask(redis::Command command) {
    const auto reply = client_.call(std::move(command));
    REQUIRE(reply.has_value());
    return reply->is_array() ? reply->at(1).as_string() : reply->as_string();
  }

 private:
  static redis::Client::Options options(const std::string& data_dir) {
    redis::Client::Options options;
    options.endpoint = *cli::embedded_redis_endpoint(data_dir);
    return options;
  }
  redis::Client client_;
};

/// Waits until a child of this process has ended, and leaves it to be reaped by its owner.
void wait_for_end_of_child(pid_t pid) {
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
}

/// A redis-server as a crashed `serve` of an older kind would leave it: alive, nobody's concern.
pid_t start_orphan(const std::string& data_dir) {
  std::vector<std::string> words = cli::embedded_redis_arguments(data_dir);
  words.insert(words.begin(), "redis-server");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int null_fd = ::open("/dev/null", O_WRONLY);
    ::dup2(null_fd, STDOUT_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  std::ofstream(data_dir + "/redis.pid") << pid << '\n';
  return pid;
}

}  // namespace

TEST_CASE("the embedded redis keeps every write, evicts nothing and has no port", "[cli][redis]") {
  const TemporaryDirectory directory;
  cli::EmbeddedRedis redis(directory.path());
  REQUIRE(redis.start().has_value());
  CHECK_FALSE(redis.adopted());
  Connection connection(directory.path());
  CHECK(connection.ask({"CONFIG", "GET", "appendfsync"}) == "always");
  CHECK(connection.ask({"CONFIG", "GET", "appendonly"}) == "yes");
  CHECK(connection.ask({"CONFIG", "GET", "maxmemory-policy"}) == "noeviction");
  CHECK(connection.ask({"CONFIG", "GET", "port"}) == "0");
}

TEST_CASE("what the embedded redis writes is for its owner only, where others may enter",
          "[cli][redis]") {
  const TemporaryDirectory directory;
  fs::permissions(directory.path(), fs::perms(0755));
  const std::string files = directory.path() + "/appendonlydir";
  const auto rights_of_others = [&] {
    std::vector<std::string> open;
    const auto look = [&](const fs::directory_entry& entry) {
      const bool shut = (entry.status().permissions() & fs::perms(077)) == fs::perms::none;
      if (!shut) open.push_back(entry.path().string());
    };
    look(fs::directory_entry(files));
    for (const auto& entry : fs::directory_iterator(files)) look(entry);
    return open;
  };
  const mode_t usual = ::umask(022);
  {
    cli::EmbeddedRedis redis(directory.path());
    REQUIRE(redis.start().has_value());
    Connection(directory.path()).ask({"SET", "key", "what a customer wrote"});
    CHECK(rights_of_others().empty());
  }
  // As a start of before has left them; what a link leads to is not ours to change.
  const std::string elsewhere = directory.path() + "/elsewhere";
  std::ofstream(elsewhere) << "not ours\n";
  fs::create_symlink(elsewhere, files + "/link");
  fs::permissions(files, fs::perms(0755));
  for (const auto& entry : fs::directory_iterator(files)) {
    fs::permissions(entry.path(), fs::perms(0644));
  }
  {
    cli::EmbeddedRedis redis(directory.path());
    REQUIRE(redis.start().has_value());
    Connection(directory.path()).ask({"GET", "key"});
    CHECK(rights_of_others() == std::vector<std::string>{files + "/link"});
    CHECK(fs::status(elsewhere).permissions() == fs::perms(0644));
  }
  ::umask(usual);
}

TEST_CASE("the embedded redis is stopped gracefully and finds its data again", "[cli][redis]") {
  const TemporaryDirectory directory;
  cli::EmbeddedRedis redis(directory.path());
  REQUIRE(redis.start().has_value());
  CHECK(Connection(directory.path()).ask({"SET", "a", "1"}) == "OK");
  redis.stop();
  CHECK(redis.pid() < 0);
  redis.stop();
  REQUIRE(redis.start().has_value());
  CHECK(Connection(directory.path()).ask({"GET", "a"}) == "1");
}

TEST_CASE("an embedded redis that dies is started again, with its data", "[cli][redis]") {
  const TemporaryDirectory directory;
  cli::EmbeddedRedis redis(directory.path());
  REQUIRE(redis.start().has_value());
  CHECK(Connection(directory.path()).ask({"SET", "a", "1"}) == "OK");
  const pid_t first = redis.pid();
  REQUIRE(::kill(first, SIGKILL) == 0);
  wait_for_end_of_child(first);
  redis.supervise();
  while (redis.pid() < 0) redis.supervise();
  CHECK(redis.pid() != first);
  CHECK(Connection(directory.path()).ask({"GET", "a"}) == "1");
}

TEST_CASE("an embedded redis that lives on is adopted, not doubled", "[cli][redis]") {
  const TemporaryDirectory directory;
  const pid_t orphan = start_orphan(directory.path());
  CHECK(Connection(directory.path()).ask({"SET", "a", "1"}) == "OK");

  cli::EmbeddedRedis redis(directory.path());
  REQUIRE(redis.start().has_value());
  CHECK(redis.adopted());
  CHECK(redis.pid() == orphan);
  CHECK(Connection(directory.path()).ask({"GET", "a"}) == "1");
  redis.supervise();
  CHECK(redis.pid() == orphan);

  SECTION("its death is noticed like that of a child") {
    REQUIRE(::kill(orphan, SIGKILL) == 0);
    REQUIRE(::waitpid(orphan, nullptr, 0) == orphan);
    redis.supervise();
    while (redis.pid() < 0) redis.supervise();
    CHECK_FALSE(redis.adopted());
    CHECK(Connection(directory.path()).ask({"GET", "a"}) == "1");
  }
  SECTION("it is stopped with its new owner") {
    redis.stop();
    REQUIRE(::waitpid(orphan, nullptr, 0) == orphan);
  }
}

TEST_CASE("after kill -9 the next start has all data and one redis", "[cli][redis]") {
  const TemporaryDirectory directory;
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    cli::EmbeddedRedis redis(directory.path());
    const pid_t pid = redis.start() ? redis.pid() : -1;
    if (::write(pipe[1], &pid, sizeof pid) != sizeof pid) ::_exit(1);
    while (true) ::pause();
  }
  pid_t first = -1;
  REQUIRE(::read(pipe[0], &first, sizeof first) == sizeof first);
  REQUIRE(first > 0);
  CHECK(Connection(directory.path()).ask({"SET", "a", "1"}) == "OK");
  REQUIRE(::kill(owner, SIGKILL) == 0);
  REQUIRE(::waitpid(owner, nullptr, 0) == owner);

  cli::EmbeddedRedis redis(directory.path());
  REQUIRE(redis.start().has_value());
  while (redis.pid() < 0) redis.supervise();
  CHECK(Connection(directory.path()).ask({"GET", "a"}) == "1");
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_CASE("a redis that cannot start says why", "[cli][redis]") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() + "/appendonlydir");
  std::ofstream(directory.path() + "/appendonlydir/appendonly.aof.manifest") << "no manifest\n";
  cli::EmbeddedRedis redis(directory.path());
  const auto started = redis.start();
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().code == ErrorCode::kUnavailable);
  CHECK(started.error().message.find("manifest") != std::string::npos);
}

TEST_CASE("without redis-server the package is named", "[cli][redis]") {
  const TemporaryDirectory directory;
  const std::string path = std::getenv("PATH");
  REQUIRE(::setenv("PATH", directory.path().c_str(), 1) == 0);
  cli::EmbeddedRedis redis(directory.path());
  const auto started = redis.start();
  REQUIRE(::setenv("PATH", path.c_str(), 1) == 0);
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().code == ErrorCode::kNotFound);
  CHECK(started.error().message.find("apt-get install redis-server") != std::string::npos);
}

TEST_CASE("a data_dir has one serve, and the message names its pid", "[cli][data_dir]") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/data";
  auto first = cli::DataDir::lock(path);
  REQUIRE(first.has_value());
  CHECK(first->path() == path);
  const auto second = cli::DataDir::lock(path);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == ErrorCode::kConflict);
  CHECK(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
  { const auto moved = std::move(*first); }
  CHECK(cli::DataDir::lock(path).has_value());
}

TEST_CASE("a path too long for a socket is refused before redis would", "[cli][data_dir]") {
  const auto endpoint = cli::embedded_redis_endpoint("/tmp/" + std::string(120, 'x'));
  REQUIRE_FALSE(endpoint.has_value());
  CHECK(endpoint.error().code == ErrorCode::kInvalid);
}
