#include "worker/responders/refusal.h"

#include "worker/helpdesks/http_status.h"

namespace deskwire::worker {

Error refusal(const HttpResponse& response, std::string_view what) {
  Error error{ErrorCode::kUnavailable,
              std::string(what) + ": status " + std::to_string(response.status), std::nullopt};
  switch (response.status) {
    case 401:
      error.code = ErrorCode::kUnauthorized;
      error.message += "; is its key right?";
      break;
    case 403:
      error.code = ErrorCode::kDenied;
      break;
    case 404:
      error.code = ErrorCode::kNotFound;
      error.message += "; are its url, path and model right?";
      break;
    case 429:
      error.code = ErrorCode::kRateLimited;
      error.retry_after = retry_after_of(response.retry_after);
      break;
    default:
      if (response.status >= 400 && response.status < 500 && response.status != 408) {
        error.code = ErrorCode::kInvalid;
      }
  }
  return error;
}

Error of_a_question(Error error) {
  if (error.code == ErrorCode::kUnknownOutcome) error.code = ErrorCode::kUnavailable;
  return error;
}

std::pair<std::string, std::string> origin_and_path(const std::string& url) {
  const std::size_t host = url.find("//");
  const std::size_t slash = host == std::string::npos ? host : url.find('/', host + 2);
  if (slash == std::string::npos) return {url, "/"};
  return {url.substr(0, slash), url.substr(slash)};
}

}  // namespace deskwire::worker
