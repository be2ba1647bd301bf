#include "webhooks/spool_log.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"
#include "webhooks/spool_record.h"

using namespace deskwire;
using testing::TemporaryDirectory;
using webhooks::SpooledDelivery;
using webhooks::SpoolLog;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kRoom = 1U << 20U;

std::pair<std::string, std::int64_t> record(int number, std::size_t body_bytes = 100) {
  SpooledDelivery delivery;
  delivery.accepted_at_ms = 1795255200000 + number;
  delivery.source = "support";
  delivery.delivery_id = "d-" + std::to_string(number);
  delivery.body = std::string(body_bytes, 'x');
  return {webhooks::encode_spool_record(delivery), delivery.accepted_at_ms};
}

SpoolLog open(const TemporaryDirectory& directory, std::size_t max_bytes = kRoom) {
  auto log = SpoolLog::open(directory.path() + "/data/spool", max_bytes);
  REQUIRE(log);
  return std::move(*log);
}

std::vector<std::string> ids(const SpoolLog& log) {
  std::vector<std::string> found;
  for (const auto& entry : log.entries()) {
    const auto bytes = log.read(entry);
    REQUIRE(bytes);
    found.push_back(webhooks::decode_spool_record(*bytes)->delivery_id);
  }
  return found;
}

std::vector<std::string> segments(const TemporaryDirectory& directory) {
  std::vector<std::string> found;
  for (const auto& file : fs::directory_iterator(directory.path() + "/data/spool")) {
    const std::string path = file.path().string();
    if (path.find("spool-") != std::string::npos) found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("what was appended is there after a restart, in order", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  {
    SpoolLog log = open(directory);
    REQUIRE(log.append({record(1), record(2)}));
    REQUIRE(log.append({record(3)}));
    CHECK(ids(log) == Ids{"d-1", "d-2", "d-3"});
  }
  SpoolLog log = open(directory);
  CHECK(log.findings().entries == 3);
  CHECK(log.findings().cut_tails == 0);
  CHECK(ids(log) == Ids{"d-1", "d-2", "d-3"});
  CHECK(log.entries().front().accepted_at_ms == 1795255200001);
  REQUIRE(log.append({record(4)}));
  CHECK(ids(log) == Ids{"d-1", "d-2", "d-3", "d-4"});
}

TEST_CASE("what was taken does not come back, also in the middle of a segment",
          "[webhooks][spool]") {
  const TemporaryDirectory directory;
  {
    SpoolLog log = open(directory);
    REQUIRE(log.append({record(1), record(2), record(3)}));
    REQUIRE(log.drop_front(2));
  }
  {
    SpoolLog log = open(directory);
    CHECK(ids(log) == Ids{"d-3"});
    REQUIRE(log.append({record(4)}));
    REQUIRE(log.drop_front(2));
    CHECK(log.entries().empty());
    CHECK(log.bytes_on_disk() == 0);
    CHECK(segments(directory).empty());
    REQUIRE(log.append({record(5)}));
  }
  CHECK(ids(open(directory)) == Ids{"d-5"});
}

TEST_CASE("a torn tail is cut with a count, and writing goes on", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  {
    SpoolLog log = open(directory);
    REQUIRE(log.append({record(1), record(2)}));
  }
  const std::string path = segments(directory).front();
  const std::string whole = contents(path);
  const std::string torn = record(3).first.substr(0, 50);
  write(path, whole + torn);
  {
    SpoolLog log = open(directory);
    CHECK(log.findings().cut_tails == 1);
    CHECK(log.findings().cut_bytes == 50);
    CHECK(log.findings().damaged == 0);
    CHECK(ids(log) == Ids{"d-1", "d-2"});
    CHECK(contents(path) == whole);
    CHECK(contents(directory.path() + "/data/spool/set-aside.bin") == torn);
    REQUIRE(log.append({record(4)}));
  }
  SpoolLog log = open(directory);
  CHECK(log.findings().cut_tails == 0);
  CHECK(ids(log) == Ids{"d-1", "d-2", "d-4"});
}

TEST_CASE("a tail of zeros is cut and not worth keeping", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  REQUIRE(open(directory).append({record(1)}));
  const std::string path = segments(directory).front();
  write(path, contents(path) + std::string(4096, '\0'));
  CHECK(open(directory).findings().cut_bytes == 4096);
  CHECK_FALSE(fs::exists(directory.path() + "/data/spool/set-aside.bin"));
}

TEST_CASE("a damaged record is set aside and blocks nothing", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  REQUIRE(open(directory).append({record(1), record(2), record(3)}));
  const std::string path = segments(directory).front();
  std::string bytes = contents(path);
  const std::size_t size = record(1).first.size();
  bytes[size + 60] = '!';
  write(path, bytes);
  SpoolLog log = open(directory);
  CHECK(log.findings().damaged == 1);
  CHECK(ids(log) == Ids{"d-1", "d-3"});
  CHECK(contents(directory.path() + "/data/spool/set-aside.bin") == bytes.substr(size, size));
  REQUIRE(log.drop_front(2));
  CHECK(segments(directory).empty());
}

TEST_CASE("a file of somebody else's is cut to nothing and removed, its bytes are kept",
          "[webhooks][spool]") {
  const TemporaryDirectory directory;
  fs::create_directories(directory.path() + "/data/spool");
  const std::string spool = directory.path() + "/data/spool/";
  write(spool + "spool-000000000007.log", "not ours");
  write(spool + "spool-x.log", "not ours");
  write(spool + "drained", "00000000000000000007 00000000000000000003 not a checksum..\n");
  SpoolLog log = open(directory);
  CHECK(log.entries().empty());
  CHECK(contents(spool + "set-aside.bin") == "not ours");
  REQUIRE(log.append({record(1)}));
  CHECK(fs::exists(spool + "spool-000000000008.log"));
}

TEST_CASE("an unreadable mark only means that everything is taken again", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  {
    SpoolLog log = open(directory);
    REQUIRE(log.append({record(1), record(2)}));
    REQUIRE(log.drop_front(1));
  }
  const std::string mark = directory.path() + "/data/spool/drained";
  std::string text = contents(mark);
  text[30] = '9';
  write(mark, text);
  CHECK(ids(open(directory)) == Ids{"d-1", "d-2"});
}

TEST_CASE("the room is bounded, and comes back while the rest still waits", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  constexpr std::size_t kSmall = 16384;
  SpoolLog log = open(directory, kSmall);
  int appended = 0;
  while (log.append({record(appended, 900)})) ++appended;
  CHECK(appended >= 14);
  CHECK(log.append({record(0, 900)}).error().code == ErrorCode::kFull);
  CHECK(log.bytes_on_disk() <= kSmall);
  CHECK(segments(directory).size() > 4);
  REQUIRE(log.drop_front(6));
  REQUIRE(log.append({record(appended, 900)}));
  CHECK(ids(log).size() == static_cast<std::size_t>(appended) - 5);
}

TEST_CASE("the directory belongs to one process, and to its owner only", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  {
    const SpoolLog first = open(directory);
    const auto second = SpoolLog::open(directory.path() + "/data/spool", kRoom);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::kConflict);
  }
  SpoolLog log = open(directory);
  REQUIRE(log.append({record(1)}));
  struct stat facts {};
  REQUIRE(::stat((directory.path() + "/data/spool").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0700);
  REQUIRE(::stat(segments(directory).front().c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600);
}

TEST_CASE("a place where nothing can be written is an error that names it", "[webhooks][spool]") {
  const TemporaryDirectory directory;
  write(directory.path() + "/data", "a file, not a directory");
  const auto log = SpoolLog::open(directory.path() + "/data/spool", kRoom);
  REQUIRE_FALSE(log);
  CHECK(log.error().code == ErrorCode::kUnavailable);
  CHECK(log.error().message.find(directory.path()) != std::string::npos);
}

TEST_CASE("a disk that fills up refuses, keeps what it had, and goes on when there is room",
          "[webhooks][spool]") {
  // A file-size limit of the process is a full disk that a test can have.
  const TemporaryDirectory directory;
  SpoolLog log = open(directory);
  REQUIRE(log.append({record(1)}));
  testing::FileSizeLimit full(record(1).first.size() + 40);
  const Status refused = log.append({record(2)});
  REQUIRE_FALSE(refused);
  CHECK(ids(log) == Ids{"d-1"});
  full.lift();
  REQUIRE(log.append({record(3)}));
  CHECK(ids(log) == Ids{"d-1", "d-3"});
  CHECK(log.bytes_on_disk() == 2 * record(1).first.size());
}
