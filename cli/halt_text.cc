#include "cli/halt_text.h"

#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/time_text.h"

namespace deskwire::cli {

using jobs::HaltScope;

std::string name_of(const jobs::HaltTarget& target) {
  if (target.scope == HaltScope::kAll) return "everything";
  if (target.scope == HaltScope::kKind) return "jobs of kind " + printable(target.name);
  return "conversation " + printable(target.name);
}

std::string halt_text(const jobs::Halt& halt, std::int64_t now_ms) {
  std::string text = halt.target.scope == HaltScope::kParked ? "parked" : "paused";
  text += " since " + clock_time(halt.since_ms, now_ms) + " (" +
          spoken_moment(halt.since_ms, now_ms) + ")";
  // The policy's reason is a clause: "its job 01J… died of timeout".
  if (halt.by.actor == jobs::kDeadHeadActor) return text + ", because " + printable(halt.by.reason);
  if (!halt.by.actor.empty()) text += " by " + printable(halt.by.actor);
  if (!halt.by.reason.empty()) text += ": " + printable(halt.by.reason);
  return text;
}

std::string resume_command(const jobs::HaltTarget& target) {
  switch (target.scope) {
    case HaltScope::kKind:
      return "deskwire jobs resume --kind " + printable(target.name);
    case HaltScope::kConversation:
      return "deskwire jobs resume --conversation " + printable(target.name);
    case HaltScope::kParked:
      return "deskwire jobs unpark " + printable(target.name);
    case HaltScope::kAll:
      break;
  }
  return "deskwire jobs resume --all";
}

nlohmann::json to_json(const std::vector<jobs::Halt>& halts) {
  nlohmann::json items = nlohmann::json::array();
  for (const jobs::Halt& halt : halts) {
    const bool named = !halt.target.name.empty();
    items.push_back({{"halt", halt.target.scope == HaltScope::kParked ? "parked" : "paused"},
                     {"of", std::string(about_of(halt.target.scope))},
                     {"name", named ? nlohmann::json(halt.target.name) : nlohmann::json(nullptr)},
                     {"since_ms", halt.since_ms},
                     {"actor", halt.by.actor},
                     {"reason", halt.by.reason}});
  }
  return items;
}

}  // namespace deskwire::cli
