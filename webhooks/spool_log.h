#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace deskwire::webhooks {

/// What was found when a directory was opened.
struct SpoolFindings {
  std::size_t entries = 0;     ///< Records that wait.
  std::size_t cut_tails = 0;   ///< Unfinished writes that were cut off.
  std::size_t cut_bytes = 0;   ///< Their length.
  std::size_t damaged = 0;     ///< Damaged pieces between records.
  std::size_t lost_bytes = 0;  ///< Cut or damaged ones for which set-aside.bin had no room.
};

/// Records in files of one directory: appended at the end, taken from the front, in order.
///
///   spool-000000000001.log …  segments; one whose records are all taken is removed
///   drained                   how far the first segment was taken: its number and an offset
///   set-aside.bin             damaged pieces and records that could not be used, as they were
///   lock                      held by the process that uses the directory (flock)
///
/// What append() has confirmed is on disk. What drop_front() has confirmed may come again after a
/// crash, as far as the last few records: their receipts make a repeat harmless.
///
/// Thread safety: none; one thread at a time.
class SpoolLog {
 public:
  struct Entry {
    std::uint64_t segment = 0;
    std::size_t offset = 0;
    std::size_t bytes = 0;
    std::int64_t accepted_at_ms = 0;
  };

  /// Makes the directory (mode 0700) when it is not there, locks it, looks through its files, cuts
  /// a torn tail, sets damaged pieces aside.
  ///
  /// @param max_bytes  Of all segments together, and of what is set aside.
  /// @errors kConflict: another process holds the lock. kUnavailable: the system refuses a file.
  static Result<SpoolLog> open(const std::string& directory, std::size_t max_bytes);
  SpoolLog(SpoolLog&& other) noexcept;
  SpoolLog& operator=(SpoolLog&&) = delete;
  SpoolLog(const SpoolLog&) = delete;
  SpoolLog& operator=(const SpoolLog&) = delete;
  ~SpoolLog();

  const SpoolFindings& findings() const { return findings_; }
  const std::deque<Entry>& entries() const { return entries_; }
  std::size_t bytes_on_disk() const { return bytes_on_disk_; }

  /// Appends all records and waits for the disk: one fsync for all. All or nothing: after an error
  /// none of them is an entry (a crash may still bring them back; they were not confirmed).
  /// @param records  Each made by encode_spool_record, with its time.
  /// @errors kFull: no space left, or max_bytes. kUnavailable: the system refused it otherwise.
  Status append(const std::vector<std::pair<std::string, std::int64_t>>& records);

  /// @errors kUnavailable: it cannot be read. kCorrupt: it is shorter than it was.
  Result<std::string> read(const Entry& entry) const;

  /// Forgets the first `count` entries.
  /// @errors kUnavailable: the mark could not be written; they are forgotten all the same, and
  ///         come again after a restart.
  Status drop_front(std::size_t count);

  /// Keeps bytes in set-aside.bin, for people.
  /// @errors kFull: there is no room for them under max_bytes. kUnavailable: see append.
  Status set_aside(std::string_view bytes);

 private:
  SpoolLog(std::string directory, std::size_t max_bytes, int lock_fd);
  Status recover();
  Status recover_segment(std::uint64_t segment, std::size_t taken_to);
  Status cut_tail(std::uint64_t segment, std::string_view tail, std::size_t at);
  void keep_damaged(std::string_view bytes);
  Status open_segment();
  void close_segment();
  void remove_taken_segments();
  std::string path_of(std::uint64_t segment) const;

  std::string directory_;
  std::size_t max_bytes_;
  std::size_t segment_bytes_;
  int lock_fd_;
  int segment_fd_ = -1;  ///< Of the last segment while it may grow.
  int mark_fd_ = -1;
  std::map<std::uint64_t, std::size_t> segments_;  ///< Number -> bytes on disk.
  std::uint64_t next_segment_ = 1;
  std::deque<Entry> entries_;
  std::size_t bytes_on_disk_ = 0;
  SpoolFindings findings_;
};

}  // namespace deskwire::webhooks
