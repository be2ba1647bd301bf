#include "cli/event_text.h"

#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/time_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kEventWidth = 22;
constexpr std::size_t kMostBytes = 400;

std::string person(const json& data) {
  const json& sender = object_at(data, "sender");
  const std::string name = string_at(sender, "name");
  return name.empty() ? string_at(data, "actor", string_at(data, "persona")) : name;
}

/// The words of a message, who types, the state that changed; else the data as it is.
std::string summary(const std::string& event, const json& data) {
  if (event == "message:user" || event == "message:agent" || event == "message:ai") {
    return person(data) + ": " + string_at(data, "content");
  }
  if (event.starts_with("typing:")) return person(data);
  json shown = data;
  if (shown.is_object()) shown.erase("timestamp");
  return dump_json(shown);
}

}  // namespace

std::string event_line(const json& push) {
  const std::string event = string_at(push, "event");
  const std::string time = iso_time(integer_at(push, "timestamp").value_or(0));
  std::string line = time + "  " + string_at(push, "channel") + "  " + event;
  line.append(event.size() < kEventWidth ? kEventWidth - event.size() : 1, ' ');
  std::string text = summary(event, object_at(push, "data"));
  if (text.size() > kMostBytes) text = text.substr(0, kMostBytes) + "...";
  return printable(line + text);
}

}  // namespace deskwire::cli
