#pragma once

#include <string>

#include "config/config.h"
#include "core/result.h"

namespace deskwire::cli {

/// The directory of one running `serve`: made with mode 0700 when it is not there, and locked, so
/// that a second `serve` cannot start another Redis on the same files.
///
/// The lock is the kernel's (flock): it goes with the process, however that ends.
class DataDir {
 public:
  /// @errors kConflict: another process holds the lock (message with its pid). kUnavailable: the
  ///         directory cannot be made or written.
  static Result<DataDir> lock(const std::string& path);
  ~DataDir();
  DataDir(DataDir&& other) noexcept;
  DataDir& operator=(DataDir&&) = delete;
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  /// Absolute, without links.
  const std::string& path() const { return path_; }

 private:
  DataDir(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
};

/// Whether a `serve` has used this config's data_dir; one that has not holds nothing to show.
/// @errors kUnavailable, with what to do.
Status find_data_dir(const config::Config& config);

/// The path without links and dots; as given when it does not exist.
std::string real_path(const std::string& path);

}  // namespace deskwire::cli
