#pragma once

#include <string_view>

#include "config/config.h"
#include "core/result.h"
#include "jobs/helpdesk_event.h"
#include "webhooks/signature.h"

namespace deskwire::webhooks {

/// Turns one vendor's JSON into a HelpdeskEvent. Only its own file knows the vendor's field names.
/// Stateless; thread-safe.
class SourceParser {
 public:
  virtual ~SourceParser() = default;
  virtual const SignatureScheme& scheme() const = 0;
  /// @errors kInvalid: not JSON or not an object (400). kCorrupt: an object, but not of the shape
  ///         that this source sends (202, dead letter `unparsable`). kTooLarge: nested too deeply
  ///         (400).
  virtual Result<jobs::HelpdeskEvent> parse(std::string_view body) const = 0;
};

/// The parser of a source type; lives for ever.
const SourceParser& parser_for(config::SourceType type);

}  // namespace deskwire::webhooks
