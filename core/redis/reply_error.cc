#include "core/redis/reply_error.h"

#include <algorithm>
#include <array>
#include <string>

namespace deskwire::redis {
namespace {

/// Redis repeats arguments in some errors; a message must not carry a body into a log.
constexpr std::size_t kMaxErrorText = 200;
/// A script of ours repeats nothing but keys.
constexpr std::size_t kMaxScriptText = 1000;

/// Our scripts' own error code: what lies under a key of ours is not ours.
constexpr std::string_view kForeign = "FOREIGN";

template <std::size_t N>
bool is_one_of(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string_view code_of(std::string_view text) { return text.substr(0, text.find(' ')); }

ErrorCode class_of(std::string_view text) {
  static constexpr std::array<std::string_view, 3> kFullCodes = {"OOM", "MISCONF", "BUSY"};
  if (refused_by_this_server(text)) return ErrorCode::kUnavailable;
  if (is_one_of(code_of(text), kFullCodes)) return ErrorCode::kFull;
  if (code_of(text) == "WRONGTYPE") return ErrorCode::kCorrupt;
  return ErrorCode::kInvalid;
}

/// What a script of ours says is for people as it stands. Redis adds where the script said it:
/// " script: <sha>, on @user_script:31.".
Error error_of_script(std::string_view text) {
  text.remove_prefix(std::min(kForeign.size() + 1, text.size()));
  text = text.substr(0, text.rfind(" script: "));
  return Error{ErrorCode::kCorrupt, std::string(text.substr(0, kMaxScriptText)), std::nullopt};
}

}  // namespace

bool refused_by_this_server(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kCodes = {
      "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED", "NOREPLICAS"};
  return is_one_of(code_of(text), kCodes);
}

Error error_of_reply(std::string_view operation, std::string_view text) {
  if (code_of(text) == kForeign) return error_of_script(text);
  const ErrorCode code = class_of(text);
  // "ERR unknown command 'x', with args beginning with: 'secret'"
  text = text.substr(0, text.find(", with args"));
  std::string message = "redis ";
  message.append(operation).append(": ").append(text.substr(0, kMaxErrorText));
  return Error{code, std::move(message), std::nullopt};
}

}  // namespace deskwire::redis
