#include "webhooks/refused_delivery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "core/json.h"
#include "webhooks/write_all.h"

namespace deskwire::webhooks {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kIdLength = 26;
constexpr std::string_view kUnfinished = ".new";
constexpr std::size_t kMaxFileBytes = std::size_t{128} << 20U;

Error system_error(const std::string& what, int error) {
  const bool denied = error == EACCES || error == EPERM;
  const ErrorCode code = denied            ? ErrorCode::kDenied
                         : error == ENOENT ? ErrorCode::kNotFound
                                           : ErrorCode::kUnavailable;
  return Error{code, what + ": " + std::generic_category().message(error), std::nullopt};
}

bool is_id(std::string_view text) {
  return text.size() == kIdLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

/// Milliseconds in a ULID's first ten characters.
std::int64_t time_of(std::string_view id) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::int64_t ms = 0;
  for (const char c : id.substr(0, 10)) {
    const std::size_t digit = kDigits.find(c);
    ms = ms * 32 + static_cast<std::int64_t>(digit == std::string_view::npos ? 0 : digit);
  }
  return ms;
}

std::string path_of(const std::string& directory, std::string_view id, std::string_view source,
                    std::string_view reason) {
  std::string path = directory + "/";
  return path.append(id).append(".").append(source).append(".").append(reason);
}

/// The parts of a file's name; nullopt: not one of ours, or not finished.
std::optional<RefusedSummary> parse_name(std::string_view name) {
  if (!is_id(name.substr(0, kIdLength)) || name.ends_with(kUnfinished)) return std::nullopt;
  const std::size_t dot = name.find('.', kIdLength + 1);
  if (name.size() <= kIdLength || name[kIdLength] != '.' || dot == std::string_view::npos) {
    return std::nullopt;
  }
  RefusedSummary summary;
  summary.id = name.substr(0, kIdLength);
  summary.at_ms = time_of(summary.id);
  summary.source = name.substr(kIdLength + 1, dot - kIdLength - 1);
  summary.reason = name.substr(dot + 1);
  return summary;
}

}  // namespace

Status write_refused(const std::string& directory, const RefusedDelivery& delivery) {
  json headers = json::array();
  for (const auto& [name, value] : delivery.headers) headers.push_back({name, value});
  const std::string text = dump_json({{"v", 1},
                                      {"at_ms", delivery.at_ms},
                                      {"method", delivery.method},
                                      {"target", delivery.target},
                                      {"headers", std::move(headers)}}) +
                           "\n" + delivery.body;
  const std::string path = path_of(directory, delivery.id, delivery.source, delivery.reason);
  const std::string unfinished = path + std::string(kUnfinished);
  const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail(system_error("create " + unfinished, errno));
  const bool written = write_all(fd, text);
  const int error = errno;
  ::close(fd);
  // Under its real name it is whole. No fsync: the sender was refused, nothing was promised.
  if (written && ::rename(unfinished.c_str(), path.c_str()) == 0) return {};
  const Error failed = system_error("write " + path, written ? errno : error);
  ::unlink(unfinished.c_str());
  return fail(failed);
}

Result<std::vector<RefusedSummary>> list_refused(const std::string& directory) {
  std::vector<RefusedSummary> found;
  std::error_code error;
  fs::directory_iterator files(directory, error);
  if (error) {
    if (error == std::errc::no_such_file_or_directory) return found;
    return fail(system_error("list " + directory, error.value()));
  }
  for (; files != fs::directory_iterator(); files.increment(error)) {
    if (error) return fail(system_error("list " + directory, error.value()));
    auto summary = parse_name(files->path().filename().string());
    if (!summary) continue;
    const auto bytes = files->file_size(error);
    if (error) continue;  // Removed meanwhile.
    summary->bytes = static_cast<std::size_t>(bytes);
    found.push_back(std::move(*summary));
  }
  std::sort(found.begin(), found.end(),
            [](const RefusedSummary& a, const RefusedSummary& b) { return a.id < b.id; });
  return found;
}

Result<RefusedDelivery> read_refused(const std::string& directory, std::string_view id) {
  const auto all = list_refused(directory);
  if (!all) return fail(all.error());
  const auto found =
      std::find_if(all->begin(), all->end(), [&](const RefusedSummary& s) { return s.id == id; });
  const std::string what = "read refused delivery " + std::string(id.substr(0, kIdLength));
  if (found == all->end()) {
    return fail(ErrorCode::kNotFound, what + ": there is none; see `deskwire deliveries ls`");
  }
  if (found->bytes > kMaxFileBytes) return fail(ErrorCode::kCorrupt, what + ": it is too large");
  const std::string path = path_of(directory, found->id, found->source, found->reason);
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(system_error("open " + path, errno));
  std::string line;
  std::getline(file, line);
  const auto head = parse_json(line);
  if (!head || !head->is_object()) return fail(ErrorCode::kCorrupt, what + ": no head in " + path);
  RefusedDelivery delivery;
  delivery.id = found->id;
  delivery.source = found->source;
  delivery.reason = found->reason;
  delivery.at_ms = integer_at(*head, "at_ms").value_or(found->at_ms);
  delivery.method = string_at(*head, "method");
  delivery.target = string_at(*head, "target");
  const auto headers = head->find("headers");
  if (headers != head->end() && headers->is_array()) {
    for (const json& pair : *headers) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
        continue;
      }
      delivery.headers.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
  }
  delivery.body.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return delivery;
}

Status remove_refused(const std::string& directory, const RefusedSummary& delivery) {
  const std::string path = path_of(directory, delivery.id, delivery.source, delivery.reason);
  if (::unlink(path.c_str()) == 0) return {};
  return fail(system_error("remove " + path, errno));
}

}  // namespace deskwire::webhooks
