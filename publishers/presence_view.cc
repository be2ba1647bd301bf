#include "publishers/presence_view.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"

namespace deskwire::publishers {
namespace {

/// Texts of the same data are the same.
std::string same_form(std::string_view data) {
  return dump_json(parse_json(data).value_or(nlohmann::json::object()));
}

}  // namespace

void PresenceView::told(const HubEvent& event) {
  if (!event.name().starts_with("presence:")) return;
  const auto envelope = parse_json(event.envelope());
  if (!envelope) return;
  const nlohmann::json& data = object_at(*envelope, "data");
  const std::string client = string_at(data, "clientId");
  if (event.name() == "presence:leave") {
    believed_.erase(client);
  } else {
    believed_[client] = dump_json(object_at(data, "data"));
  }
  if (comparing_) touched_.insert(client);
}

void PresenceView::listed(const Presence::Members& members) {
  for (const auto& [client, data] : members) believed_.try_emplace(client, same_form(data));
}

void PresenceView::begin() {
  comparing_ = true;
  touched_.clear();
}

std::vector<PresenceView::Change> PresenceView::settle(const Presence::Members& members) {
  std::vector<Change> changes;
  std::map<std::string, std::string> gone = believed_;
  for (const Presence::Member& member : members) {
    gone.erase(member.client_id);
    if (touched_.contains(member.client_id)) continue;
    const std::string data = same_form(member.data);
    const auto [known, is_new] = believed_.try_emplace(member.client_id, data);
    if (is_new) {
      changes.push_back({"presence:enter", member});
    } else if (std::exchange(known->second, data) != data) {
      changes.push_back({"presence:update", member});
    }
  }
  const bool whole = members.size() < Presence::kMaxListed;
  for (const auto& [client, data] : gone) {
    if (!whole || touched_.contains(client)) continue;
    believed_.erase(client);
    changes.push_back({"presence:leave", {client, data}});
  }
  comparing_ = false;
  touched_.clear();
  return changes;
}

}  // namespace deskwire::publishers
