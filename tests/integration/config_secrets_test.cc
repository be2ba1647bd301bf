#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "tests/support/catch.h"

using namespace deskwire;
namespace fs = std::filesystem;

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::array<char, 32> name{"/tmp/deskwire-config-XXXXXX"};
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name.data();
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

config::Config in_directory(const std::string& path) {
  config::Config config = config::embedded();
  config.data_dir = path;
  return config;
}

}  // namespace

TEST_CASE("a first start makes up keys that only the owner can read", "[config][secrets]") {
  const TemporaryDirectory directory;
  auto config = in_directory(directory.path() + "/data");
  REQUIRE(config::complete_secrets(config).has_value());

  REQUIRE(config.gateway.keys.size() == 1);
  CHECK(config.gateway.keys[0].secret.reveal().size() >= 32);
  CHECK(config.gateway.server_keys.at(0).secret.reveal().size() >= 32);
  CHECK(config.sources.at(0).secrets.at(0).reveal().starts_with("whsec_"));
  CHECK(config.admin.key.empty());
  struct stat status {};
  REQUIRE(::stat((config.data_dir + "/secrets.json").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(::stat(config.data_dir.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("a second start reads the keys of the first and adds what is missing since",
          "[config][secrets]") {
  const TemporaryDirectory directory;
  auto first = in_directory(directory.path());
  REQUIRE(config::complete_secrets(first).has_value());
  auto second = in_directory(directory.path());
  config::Source another;
  another.name = "another";
  another.name_space = "b";
  second.sources.push_back(another);
  REQUIRE(config::complete_secrets(second).has_value());

  CHECK(first.gateway.keys[0].kid == second.gateway.keys[0].kid);
  CHECK(first.gateway.keys[0].secret.reveal() == second.gateway.keys[0].secret.reveal());
  CHECK(first.sources[0].secrets[0].reveal() == second.sources[0].secrets[0].reveal());
  CHECK(second.sources[1].secrets.at(0).reveal() != second.sources[0].secrets[0].reveal());
}

TEST_CASE("a config with every secret needs no file", "[config][secrets]") {
  auto config = in_directory("/nonexistent/data");
  config.gateway.keys.push_back({"a", config::Secret(std::string(32, 'k'))});
  config.gateway.server_keys.push_back({config::Secret("s"), {}});
  config.sources[0].secrets.emplace_back("w");
  CHECK(config::complete_secrets(config).has_value());
}

TEST_CASE("one who only looks takes the stored keys and makes nothing up", "[config][secrets]") {
  const TemporaryDirectory directory;
  auto early = in_directory(directory.path() + "/data");
  REQUIRE(config::use_stored_secrets(early).has_value());
  CHECK(early.gateway.keys.empty());
  CHECK(early.sources.at(0).secrets.empty());
  CHECK(::access(early.data_dir.c_str(), F_OK) != 0);

  auto served = in_directory(directory.path() + "/data");
  REQUIRE(config::complete_secrets(served).has_value());
  const std::string before = read_all(served.data_dir + "/secrets.json");
  auto late = in_directory(directory.path() + "/data");
  config::Source another;
  another.name = "another";
  another.name_space = "b";
  late.sources.push_back(another);
  REQUIRE(config::use_stored_secrets(late).has_value());
  CHECK(late.gateway.keys.at(0).secret.reveal() == served.gateway.keys.at(0).secret.reveal());
  CHECK(late.gateway.server_keys.size() == 1);
  CHECK(late.sources.at(0).secrets.size() == 1);
  CHECK(late.sources.at(1).secrets.empty());
  CHECK(read_all(served.data_dir + "/secrets.json") == before);
}

TEST_CASE("a secrets file that others can read is refused", "[config][secrets]") {
  const TemporaryDirectory directory;
  auto config = in_directory(directory.path());
  REQUIRE(config::complete_secrets(config).has_value());
  REQUIRE(::chmod((directory.path() + "/secrets.json").c_str(), 0640) == 0);
  auto again = in_directory(directory.path());
  const auto refused = config::complete_secrets(again);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalid);
  CHECK(refused.error().message.find("chmod 600") != std::string::npos);
}

TEST_CASE("a broken secrets file is refused and left as it is", "[config][secrets]") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("secrets.json", "{\"gateway\":");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  auto config = in_directory(directory.path());
  const auto refused = config::complete_secrets(config);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalid);
  CHECK(read_all(path) == "{\"gateway\":");
}

TEST_CASE("a data_dir that cannot be made is reported with its path", "[config][secrets]") {
  auto config = in_directory("/nonexistent/data");
  const auto refused = config::complete_secrets(config);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(refused.error().message == "create data_dir /nonexistent/data: No such file or directory");
}

TEST_CASE("a secret in a file is read relative to the config, without its line end",
          "[config][secrets]") {
  const TemporaryDirectory directory;
  directory.write("key.txt", "operator\r\n");
  const std::string path =
      directory.write("deskwire.jsonc", R"({"admin": {"key": {"file": "key.txt"}}})");
  const auto loaded = config::load_file(path);
  REQUIRE(loaded.has_value());
  CHECK(loaded->admin.key.reveal() == "operator");
}

TEST_CASE("a secret comes from the environment", "[config][secrets]") {
  REQUIRE(::setenv("DESKWIRE_TEST_ADMIN_KEY", "operator", 1) == 0);
  const auto parsed =
      config::parse(R"({"admin": {"key": {"env": "DESKWIRE_TEST_ADMIN_KEY"}}})", ".");
  REQUIRE(parsed.has_value());
  CHECK(parsed->admin.key.reveal() == "operator");
}

TEST_CASE("a config or secret file that is none is refused without waiting", "[config]") {
  const TemporaryDirectory directory;
  const std::string pipe = directory.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(config::load_file(pipe).error().code == ErrorCode::kInvalid);
  CHECK(config::load_file(directory.path()).error().code == ErrorCode::kInvalid);
  CHECK(config::load_file(directory.path() + "/none").error().code == ErrorCode::kNotFound);
  const std::string big = directory.write("big.jsonc", std::string((1U << 20U) + 1, ' '));
  CHECK(config::load_file(big).error().code == ErrorCode::kTooLarge);
  const std::string empty = directory.write("empty", "\n");
  CHECK_FALSE(config::parse(R"({"admin": {"key": {"file": ")" + empty + "\"}}}", ".").has_value());
}
