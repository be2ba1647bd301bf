#include "worker/helpdesks/helpdesk_answer.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"

namespace deskwire::worker {

std::optional<std::int64_t> integer_id(std::string_view id) {
  std::int64_t value = 0;
  const char* const end = id.data() + id.size();
  const auto [parsed_to, error] = std::from_chars(id.data(), end, value);
  if (error != std::errc{} || parsed_to != end || value < 0) return std::nullopt;
  return value;
}

tl::unexpected<Error> not_understood(std::string_view what) {
  return fail(ErrorCode::kUnknownOutcome,
              "helpdesk " + std::string(what) + ": status 2xx, but not the documented answer");
}

tl::unexpected<Error> not_in_that_name() {
  return fail(ErrorCode::kUnsupported,
              "helpdesk: messages of customers and agents cannot be written into this one");
}

Error of_a_read(Error error) {
  if (error.code == ErrorCode::kUnknownOutcome) error.code = ErrorCode::kUnavailable;
  return error;
}

Result<nlohmann::json> object_of(const std::string& body, std::string_view what) {
  auto json = parse_json(body);
  if (!json || !json->is_object()) return not_understood(what);
  return std::move(*json);
}

}  // namespace deskwire::worker
