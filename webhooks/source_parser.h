#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "core/net/http_message.h"
#include "core/result.h"
#include "jobs/helpdesk_event.h"

namespace deskwire::webhooks {

/// Turns one vendor's JSON into a HelpdeskEvent. Only its own file knows the vendor's field names.
/// Stateless; thread-safe.
class SourceParser {
 public:
  virtual ~SourceParser() = default;
  /// Names of the schemes that its deliveries are signed by, the usual one first; see schemes_of.
  virtual std::span<const std::string_view> schemes() const = 0;
  /// The header that names the event where the body does not; empty: none. See with_event.
  virtual std::string_view event_header() const { return {}; }
  /// @errors kInvalid: not JSON or not an object (400). kCorrupt: an object, but not of the shape
  ///         that this source sends (202, dead letter `unparsable`).
  virtual Result<jobs::HelpdeskEvent> parse(std::string_view body) const = 0;
};

/// The key under which parsers find what event_header() said.
inline constexpr std::string_view kEventKey = "deskwire_event";

/// The body with the event's name in it, so that whatever keeps bodies (spool, dead letters) keeps
/// that too; nullopt where nothing needs to be added: the source's bodies say it themselves, the
/// header is missing, or the body is no object. To be called once the signature over the bytes as
/// they came has been checked.
std::optional<std::string> with_event(const config::Source& source,
                                      const net::HttpRequest& request);

/// The parser of a source type; lives for ever.
const SourceParser& parser_for(config::SourceType type);

}  // namespace deskwire::webhooks
