#include "webhooks/sources/sandbox.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "webhooks/sources/generic.h"
#include "webhooks/sources/payload_fields.h"

namespace deskwire::webhooks {
namespace {

constexpr std::size_t kMaxSimulations = 16;
constexpr std::size_t kMaxSimulationText = 64;

}  // namespace

std::span<const std::string_view> SandboxParser::schemes() const {
  static constexpr std::array<std::string_view, 1> kSchemes{"standard-webhooks"};
  return kSchemes;
}

Result<jobs::HelpdeskEvent> SandboxParser::parse(std::string_view body) const {
  const Result<nlohmann::json> root = parse_body(body);
  if (!root) return fail(root.error());
  Result<jobs::HelpdeskEvent> event = read_generic_event(*root);
  if (!event) return event;
  for (const auto& [name, value] : object_at(*root, "simulate").items()) {
    if (event->simulate.size() == kMaxSimulations) break;
    std::string text = value.is_string() ? value.get<std::string>() : dump_json(value);
    const bool plain = value.is_string() || value.is_number() || value.is_boolean();
    if (!plain || name.size() > kMaxSimulationText || text.size() > kMaxSimulationText) continue;
    event->simulate[name] = std::move(text);
  }
  return event;
}

}  // namespace deskwire::webhooks
