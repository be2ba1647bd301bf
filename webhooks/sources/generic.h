#pragma once

#include <nlohmann/json_fwd.hpp>

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {

/// Our own JSON, signed as Standard Webhooks ask, so that anything can send:
/// docs/generic-source.md.
class GenericParser final : public SourceParser {
 public:
  std::span<const std::string_view> schemes() const override;
  Result<jobs::HelpdeskEvent> parse(std::string_view body) const override;
};

/// The event in a parsed body. @errors kCorrupt: not of the documented shape.
Result<jobs::HelpdeskEvent> read_generic_event(const nlohmann::json& root);

}  // namespace deskwire::webhooks
