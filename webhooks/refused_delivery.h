#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/http_message.h"
#include "core/result.h"

namespace deskwire::webhooks {

/// A delivery that the receiver refused, as it came, so that one can look why, and take it in after
/// all when the fault was ours (a secret that was rotated in the helpdesk only).
///
/// Holds personal data and, for `basic` and `url_token`, what was given as credentials.
struct RefusedDelivery {
  std::string id;          ///< ULID; sorts by time.
  std::int64_t at_ms = 0;  ///< When it arrived, Unix ms.
  std::string source;      ///< config sources[].name
  std::string reason;      ///< Of the closed set in delivery_counters.cc.
  std::string method;
  std::string target;    ///< Path and query.
  net::Headers headers;  ///< Those that decide over acceptance, and the content type.
  std::string body;      ///< Raw.
};

/// What its file's name tells.
struct RefusedSummary {
  std::string id;
  std::int64_t at_ms = 0;
  std::string source;
  std::string reason;
  std::size_t bytes = 0;  ///< Of the file.
};

/// One file a delivery, `<id>.<source>.<reason>`, mode 0600: a line of JSON, then the raw body. Any
/// process may read and remove them while a receiver writes.
///
/// @errors of all: kNotFound: no such delivery. kDenied: the system refuses it. kCorrupt: not a
///         file of ours. kUnavailable: the disk refuses it.
Status write_refused(const std::string& directory, const RefusedDelivery& delivery);
Result<RefusedDelivery> read_refused(const std::string& directory, std::string_view id);
Status remove_refused(const std::string& directory, const RefusedSummary& delivery);
/// Oldest first. A directory that does not exist holds none.
Result<std::vector<RefusedSummary>> list_refused(const std::string& directory);

}  // namespace deskwire::webhooks
