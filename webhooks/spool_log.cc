#include "webhooks/spool_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <system_error>

#include "core/hash.h"
#include "core/timestamp.h"
#include "webhooks/spool_record.h"
#include "webhooks/write_all.h"

namespace deskwire::webhooks {
namespace {

constexpr std::size_t kMaxSegmentBytes = std::size_t{4} << 20U;
constexpr std::size_t kNumberDigits = 12;
constexpr std::string_view kSegmentPrefix = "spool-";
constexpr std::string_view kSegmentSuffix = ".log";
constexpr std::size_t kMarkSumDigits = 16;

tl::unexpected<Error> refused(const std::string& what) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT;
  return fail(full ? ErrorCode::kFull : ErrorCode::kUnavailable,
              what + ": " + std::generic_category().message(error));
}

/// Closes a descriptor that lives for one function only.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// As many bytes as are there, at most `count`.
Result<std::string> read_at(const std::string& path, std::size_t offset, std::size_t count) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return refused("open " + path);
  std::string bytes(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got =
        ::pread(file.get(), bytes.data() + have, count - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused("read " + path);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

/// Without it a file that was made or removed may be back after a power loss.
bool sync_directory(const std::string& directory) {
  const File file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file.get() >= 0 && ::fsync(file.get()) == 0;
}

Status make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return refused("create " + part);
    if (slash == std::string::npos) return {};
  }
}

std::string digits(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

Result<std::vector<std::uint64_t>> list_segments(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory.c_str()), &::closedir);
  if (opened == nullptr) return refused("list " + directory);
  std::vector<std::uint64_t> numbers;
  // One thread reads this directory stream.
  while (const dirent* entry = ::readdir(opened.get())) {  // NOLINT(concurrency-mt-unsafe)
    std::string_view name = entry->d_name;
    if (!name.starts_with(kSegmentPrefix) || !name.ends_with(kSegmentSuffix)) continue;
    name.remove_prefix(kSegmentPrefix.size());
    name.remove_suffix(kSegmentSuffix.size());
    if (const auto number = parse_digits(name)) {
      numbers.push_back(static_cast<std::uint64_t>(*number));
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

struct Mark {
  std::uint64_t segment = 0;
  std::size_t offset = 0;
};

/// Always of the same length, so that one write replaces it.
std::string encode(const Mark& mark) {
  std::string text = digits(mark.segment, 20) + " " + digits(mark.offset, 20) + " ";
  return text + hex_encode(sha256(text)).substr(0, kMarkSumDigits) + "\n";
}

/// nullopt: none was written, or not to its end. Then everything is taken again, harmlessly.
std::optional<Mark> decode(std::string_view text) {
  if (text.size() < encode({}).size()) return std::nullopt;
  // parse_digits takes 18 digits: more than any file has.
  const auto segment = parse_digits(text.substr(2, 18));
  const auto offset = parse_digits(text.substr(23, 18));
  if (!segment || !offset) return std::nullopt;
  const Mark mark{static_cast<std::uint64_t>(*segment), static_cast<std::size_t>(*offset)};
  return text == encode(mark) ? std::optional(mark) : std::nullopt;
}

bool only_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

SpoolLog::SpoolLog(std::string directory, std::size_t max_bytes, int lock_fd)
    : directory_(std::move(directory)),
      max_bytes_(max_bytes),
      // Small enough that room comes back while the rest still waits.
      segment_bytes_(std::min(kMaxSegmentBytes, max_bytes / 8)),
      lock_fd_(lock_fd) {}

SpoolLog::SpoolLog(SpoolLog&& other) noexcept
    : directory_(std::move(other.directory_)),
      max_bytes_(other.max_bytes_),
      segment_bytes_(other.segment_bytes_),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      segment_fd_(std::exchange(other.segment_fd_, -1)),
      mark_fd_(std::exchange(other.mark_fd_, -1)),
      segments_(std::move(other.segments_)),
      next_segment_(other.next_segment_),
      entries_(std::move(other.entries_)),
      bytes_on_disk_(other.bytes_on_disk_),
      findings_(other.findings_) {}

SpoolLog::~SpoolLog() {
  for (const int fd : {segment_fd_, mark_fd_, lock_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

std::string SpoolLog::path_of(std::uint64_t segment) const {
  return directory_ + "/" + std::string(kSegmentPrefix) + digits(segment, kNumberDigits) +
         std::string(kSegmentSuffix);
}

Result<SpoolLog> SpoolLog::open(const std::string& directory, std::size_t max_bytes) {
  if (Status made = make_directories(directory); !made) return fail(std::move(made).error());
  const std::string lock = directory + "/lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return refused("open " + lock);
  SpoolLog log(directory, max_bytes, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refused("lock " + lock);
    return fail(ErrorCode::kConflict,
                "lock " + directory +
                    ": another process spools there; give each receiver a data_dir of its own");
  }
  if (Status recovered = log.recover(); !recovered) return fail(std::move(recovered).error());
  return log;
}

Status SpoolLog::recover() {
  const std::string mark_path = directory_ + "/drained";
  mark_fd_ = ::open(mark_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (mark_fd_ < 0) return refused("open " + mark_path);
  const auto text = read_at(mark_path, 0, encode({}).size());
  if (!text) return fail(text.error());
  const Mark mark = decode(*text).value_or(Mark{});
  const auto numbers = list_segments(directory_);
  if (!numbers) return fail(numbers.error());
  next_segment_ = mark.segment + 1;
  for (const std::uint64_t number : *numbers) {
    next_segment_ = std::max(next_segment_, number + 1);
    const std::size_t taken_to = number < mark.segment    ? SIZE_MAX
                                 : number == mark.segment ? mark.offset
                                                          : 0;
    if (Status done = recover_segment(number, taken_to); !done) return done;
  }
  findings_.entries = entries_.size();
  remove_taken_segments();
  return {};
}

Status SpoolLog::recover_segment(std::uint64_t segment, std::size_t taken_to) {
  const std::string path = path_of(segment);
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return refused("look at " + path);
  const auto bytes = read_at(path, 0, static_cast<std::size_t>(facts.st_size));
  if (!bytes) return fail(bytes.error());
  segments_[segment] = bytes->size();
  bytes_on_disk_ += bytes->size();
  if (taken_to >= bytes->size()) return {};
  // A mark is always a record's end, so that the scan begins at a header.
  const std::string_view waiting = std::string_view(*bytes).substr(taken_to);
  const SpoolScan scan = scan_spool(waiting);
  for (const auto& piece : scan.damaged) {
    ++findings_.damaged;
    keep_damaged(waiting.substr(piece.offset, piece.bytes));
  }
  for (const auto& piece : scan.records) {
    entries_.push_back({segment, taken_to + piece.offset, piece.bytes, piece.accepted_at_ms});
  }
  if (scan.torn_at == waiting.size()) return {};
  ++findings_.cut_tails;
  findings_.cut_bytes += waiting.size() - scan.torn_at;
  return cut_tail(segment, waiting.substr(scan.torn_at), taken_to + scan.torn_at);
}

Status SpoolLog::cut_tail(std::uint64_t segment, std::string_view tail, std::size_t at) {
  // Nobody was told that these bytes were kept; but a damaged header looks the same.
  if (!only_zeros(tail)) keep_damaged(tail);
  const std::string path = path_of(segment);
  if (::truncate(path.c_str(), static_cast<off_t>(at)) != 0) return refused("cut " + path);
  std::size_t& size = segments_[segment];
  bytes_on_disk_ -= size - at;
  size = at;
  return {};
}

void SpoolLog::keep_damaged(std::string_view bytes) {
  if (!set_aside(bytes)) findings_.lost_bytes += bytes.size();
}

Status SpoolLog::open_segment() {
  const std::uint64_t number = next_segment_;
  const std::string path = path_of(number);
  segment_fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (segment_fd_ < 0) return refused("create " + path);
  ++next_segment_;
  segments_[number] = 0;
  if (!sync_directory(directory_)) {
    const auto error = refused("sync " + directory_);
    close_segment();
    return error;
  }
  return {};
}

void SpoolLog::close_segment() {
  if (segment_fd_ >= 0) ::close(segment_fd_);
  segment_fd_ = -1;
}

Status SpoolLog::append(const std::vector<std::pair<std::string, std::int64_t>>& records) {
  std::string bytes;
  for (const auto& [record, time] : records) bytes += record;
  if (bytes_on_disk_ + bytes.size() > max_bytes_) {
    return fail(ErrorCode::kFull, "append to " + directory_ + ": it holds " +
                                      std::to_string(bytes_on_disk_) +
                                      " bytes already (receiver.spool.max_bytes)");
  }
  if (segment_fd_ >= 0 && segments_.rbegin()->second >= segment_bytes_) close_segment();
  if (segment_fd_ < 0) {
    if (Status opened = open_segment(); !opened) return opened;
  }
  const std::uint64_t segment = segments_.rbegin()->first;
  const std::size_t begin = segments_.rbegin()->second;
  if (!write_all(segment_fd_, bytes) || ::fdatasync(segment_fd_) != 0) {
    const auto error = refused("write " + path_of(segment));
    // After a failed fsync nobody knows what is on disk: this file is not written to again.
    (void)!::ftruncate(segment_fd_, static_cast<off_t>(begin));
    close_segment();
    return error;
  }
  segments_.rbegin()->second += bytes.size();
  bytes_on_disk_ += bytes.size();
  std::size_t offset = begin;
  for (const auto& [record, time] : records) {
    entries_.push_back({segment, offset, record.size(), time});
    offset += record.size();
  }
  return {};
}

Result<std::string> SpoolLog::read(const Entry& entry) const {
  auto bytes = read_at(path_of(entry.segment), entry.offset, entry.bytes);
  if (bytes && bytes->size() != entry.bytes) {
    return fail(ErrorCode::kCorrupt, "read " + path_of(entry.segment) + ": it has become shorter");
  }
  return bytes;
}

Status SpoolLog::drop_front(std::size_t count) {
  if (count == 0) return {};
  const Entry last = entries_[count - 1];
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count));
  const std::string mark = encode({last.segment, last.offset + last.bytes});
  Status marked;
  if (::pwrite(mark_fd_, mark.data(), mark.size(), 0) != static_cast<ssize_t>(mark.size()) ||
      ::fdatasync(mark_fd_) != 0) {
    marked = refused("write " + directory_ + "/drained");
  }
  remove_taken_segments();
  return marked;
}

void SpoolLog::remove_taken_segments() {
  while (!segments_.empty()) {
    const auto [number, bytes] = *segments_.begin();
    if (!entries_.empty() && entries_.front().segment <= number) return;
    if (number == segments_.rbegin()->first) close_segment();
    // One that cannot be removed is found again at the next start, behind the mark.
    ::unlink(path_of(number).c_str());
    bytes_on_disk_ -= bytes;
    segments_.erase(segments_.begin());
  }
}

Status SpoolLog::set_aside(std::string_view bytes) {
  const std::string path = directory_ + "/set-aside.bin";
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return refused("open " + path);
  if (static_cast<std::size_t>(facts.st_size) + bytes.size() > max_bytes_) {
    return fail(ErrorCode::kFull, "append to " + path + ": it holds " +
                                      std::to_string(facts.st_size) +
                                      " bytes already (receiver.spool.max_bytes); look at it and "
                                      "remove it");
  }
  if (!write_all(file.get(), bytes) || ::fsync(file.get()) != 0) return refused("write " + path);
  return {};
}

}  // namespace deskwire::webhooks
