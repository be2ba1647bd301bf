#include "cli/spool_checkup.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

namespace deskwire::cli {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

constexpr const char* kCheck = "spool";
constexpr const char* kSetAside = "set-aside.bin";
constexpr const char* kSegmentEnding = ".log";

struct SpoolUse {
  bool there = false;
  std::uintmax_t bytes = 0;  ///< Of segments.
  std::uintmax_t set_aside = 0;
};

SpoolUse use_of(const fs::path& directory) {
  SpoolUse use;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::uintmax_t size = entry.is_regular_file(error) ? entry.file_size(error) : 0;
    if (error) continue;  // Gone meanwhile: it drains.
    if (entry.path().filename() == kSetAside) use.set_aside = size;
    if (entry.path().extension() == kSegmentEnding) use.bytes += size;
  }
  use.there = fs::is_directory(directory, error);
  return use;
}

std::string kib(std::uintmax_t bytes) { return std::to_string((bytes + 1023) / 1024) + " KiB"; }

}  // namespace

void check_spool(const config::Config& config, std::vector<Finding>& findings) {
  if (config.receiver.spool.max_bytes == 0) {
    findings.push_back({Level::kWarn, kCheck, "none: while Redis is away webhooks are answered 429",
                        "set config receiver.spool.max_bytes"});
    return;
  }
  const std::string limit = kib(config.receiver.spool.max_bytes);
  const SpoolUse use = use_of(fs::path(config.data_dir) / "spool");
  if (!use.there) {
    findings.push_back({Level::kOk, kCheck, "empty, takes " + limit + " while Redis is away", ""});
    return;
  }
  const bool filling = use.bytes * 2 >= config.receiver.spool.max_bytes;
  findings.push_back(
      {filling ? Level::kWarn : Level::kOk, kCheck, kib(use.bytes) + " of " + limit + " on disk",
       filling ? "Redis does not take what waits there; when it is full webhooks are answered 429"
               : ""});
  if (use.set_aside > 0) {
    findings.push_back({Level::kWarn, kCheck,
                        kib(use.set_aside) + " of deliveries that nobody could take in, in " +
                            (fs::path(config.data_dir) / "spool" / kSetAside).string(),
                        "look at them, then remove the file (docs/operations.md)"});
  }
}

}  // namespace deskwire::cli
