#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace deskwire::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A whole request: the body is the raw bytes as they came over the wire (chunks joined).
struct HttpRequest {
  std::string method;  ///< "POST"
  std::string target;  ///< As sent: "/webhooks/support?x=1"
  Headers headers;
  std::string body;
  std::string peer_address;

  std::string_view path() const;  ///< The target before '?'.
  /// Percent-decoded value of the first query parameter of that name; empty when there is none.
  std::string query(std::string_view name) const;
  /// The first header of that name, any case; empty when there is none.
  std::string_view header(std::string_view name) const;
  /// How many headers of that name there are (a repeated signature header is refused).
  std::size_t header_count(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
  std::string content_type = "application/json";
  bool close = false;  ///< Close the connection after this answer.
};

/// `{"error":{"code":…,"message":…,"field":…?,"retry_after_ms":…?}}` with status = code / 100
/// (contract §4); with `retry_after` a Retry-After header as well.
HttpResponse error_response(int code, std::string_view message, std::string_view field = {},
                            std::optional<Milliseconds> retry_after = std::nullopt);

}  // namespace deskwire::net
