#include "publishers/typing.h"

#include <nlohmann/json.hpp>

#include "core/json.h"

namespace deskwire::publishers {

namespace {

/// Bounds what forged senders can make us remember.
constexpr std::size_t kMaxTypists = 100'000;

std::string typist_of(const nlohmann::json& envelope) {
  const nlohmann::json& data = object_at(envelope, "data");
  return string_at(data, "actor") + ' ' + id_at(object_at(data, "sender"), "id").value_or("");
}

/// Empty where no client published it.
std::string_view session_of(const HubEvent& event) {
  const std::size_t dot = event.id().rfind('.');
  return dot == std::string_view::npos ? std::string_view() : event.id().substr(0, dot);
}

HubEventPtr stop_of(const HubEvent& start, bool to_everybody, std::int64_t wall_ms) {
  auto envelope = parse_json(start.envelope());
  if (!envelope) return nullptr;
  nlohmann::json data = object_at(*envelope, "data");
  data["timestamp"] = wall_ms;
  Event stop;
  stop.channel = start.channel();
  stop.id = (to_everybody ? "typing-" : "") + std::string(start.id()) + "-end";
  stop.name = "typing:stop";
  stop.client_id = string_at(*envelope, "clientId");
  stop.timestamp = wall_ms;
  stop.data = dump_json(data);
  return HubEvent::make(stop);
}

}  // namespace

HubEventPtr TypingTracker::note(const HubEventPtr& event, MonotonicTime now, std::int64_t wall_ms) {
  if (!event->is_typing()) return nullptr;
  const auto envelope = parse_json(event->envelope());
  if (!envelope) return nullptr;
  const std::pair key(std::string(event->channel()), typist_of(*envelope));
  const auto known = typists_.find(key);
  const bool several =
      known != typists_.end() &&
      (known->second.several || session_of(*known->second.start) != session_of(*event));
  if (event->name() == "typing:start") {
    if (typists_.size() < kMaxTypists) {
      typists_.insert_or_assign(key, Typist{event, now + ttl_, several});
    }
    return nullptr;
  }
  if (known == typists_.end()) return nullptr;
  const HubEventPtr start = known->second.start;
  typists_.erase(known);
  return several ? stop_of(*start, true, wall_ms) : nullptr;
}

std::vector<HubEventPtr> TypingTracker::expire(MonotonicTime now, std::int64_t wall_ms) {
  std::vector<HubEventPtr> stops;
  for (auto typist = typists_.begin(); typist != typists_.end();) {
    if (typist->second.until > now) {
      ++typist;
      continue;
    }
    if (auto stop = stop_of(*typist->second.start, typist->second.several, wall_ms))
      stops.push_back(std::move(stop));
    typist = typists_.erase(typist);
  }
  return stops;
}

void TypingTracker::forget(const std::string& channel) {
  const auto first = typists_.lower_bound({channel, ""});
  auto last = first;
  while (last != typists_.end() && last->first.first == channel) ++last;
  typists_.erase(first, last);
}

}  // namespace deskwire::publishers
