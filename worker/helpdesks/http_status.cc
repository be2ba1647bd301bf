#include "worker/helpdesks/http_status.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/json.h"

namespace deskwire::worker {
namespace {

constexpr std::int64_t kDefaultRetryAfterS = 5;
constexpr std::int64_t kMaxRetryAfterS = 300;

/// Chatwoot answers 422 with this text at 200 messages a minute in one conversation; any other 422
/// is about the message itself.
bool is_message_limit(const HttpResponse& response) {
  if (response.status != 422) return false;
  const auto json = parse_json(response.body);
  return json && string_at(*json, "error").find("Too many messages") != std::string::npos;
}

ErrorCode code_of(int status) {
  switch (status) {
    case 401:
      return ErrorCode::kUnauthorized;
    case 403:
      return ErrorCode::kDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 413:
      return ErrorCode::kTooLarge;
    case 408:
      return ErrorCode::kUnknownOutcome;
    case 429:
      return ErrorCode::kRateLimited;
    default:
      return status >= 500 || status < 200 ? ErrorCode::kUnknownOutcome : ErrorCode::kInvalid;
  }
}

std::string_view advice(int status) {
  switch (status) {
    case 401:
      return "; the token is refused or may not do this (config sources[].bot_token, user_token)";
    case 403:
      return "; the token lacks the right";
    case 404:
      return "; no such conversation, or a wrong base_url or account";
    default:
      return "";
  }
}

}  // namespace

Milliseconds retry_after_of(std::string_view header) {
  std::int64_t seconds = 0;
  const char* const end = header.data() + header.size();
  const auto [parsed_to, error] = std::from_chars(header.data(), end, seconds);
  if (error != std::errc{} || parsed_to != end) seconds = kDefaultRetryAfterS;
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 1, kMaxRetryAfterS));
}

Result<std::string> body_or_error(HttpResponse response, std::string_view what) {
  if (response.status >= 200 && response.status < 300) return std::move(response.body);
  const ErrorCode code =
      is_message_limit(response) ? ErrorCode::kRateLimited : code_of(response.status);
  Error error{code,
              "helpdesk " + std::string(what) + ": status " + std::to_string(response.status) +
                  std::string(advice(response.status)),
              std::nullopt};
  if (code == ErrorCode::kRateLimited) error.retry_after = retry_after_of(response.retry_after);
  return fail(std::move(error));
}

}  // namespace deskwire::worker
