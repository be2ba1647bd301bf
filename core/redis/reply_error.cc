#include "core/redis/reply_error.h"

#include <algorithm>
#include <array>
#include <string>

namespace deskwire::redis {
namespace {

/// Redis repeats arguments in some errors; a message must not carry a body into a log.
constexpr std::size_t kMaxErrorText = 200;

template <std::size_t N>
bool is_one_of(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

ErrorCode class_of(std::string_view code) {
  static constexpr std::array<std::string_view, 8> kUnavailableCodes = {
      "LOADING",  "READONLY",  "MASTERDOWN", "CLUSTERDOWN",
      "TRYAGAIN", "UNBLOCKED", "NOREPLICAS", "BUSY"};
  static constexpr std::array<std::string_view, 2> kFullCodes = {"OOM", "MISCONF"};
  if (is_one_of(code, kUnavailableCodes)) return ErrorCode::kUnavailable;
  if (is_one_of(code, kFullCodes)) return ErrorCode::kFull;
  if (code == "WRONGTYPE") return ErrorCode::kCorrupt;
  return ErrorCode::kInvalid;
}

}  // namespace

Error error_of_reply(std::string_view operation, std::string_view text) {
  const ErrorCode code = class_of(text.substr(0, text.find(' ')));
  // "ERR unknown command 'x', with args beginning with: 'secret'"
  text = text.substr(0, text.find(", with args"));
  std::string message = "redis ";
  message.append(operation).append(": ").append(text.substr(0, kMaxErrorText));
  return Error{code, std::move(message), std::nullopt};
}

}  // namespace deskwire::redis
