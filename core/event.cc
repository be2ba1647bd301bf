#include "core/event.h"

#include "core/json.h"

namespace deskwire {

bool is_kept_event(std::string_view name) {
  return !(name.starts_with("typing:") || name.starts_with("presence:") || name == "message:delta");
}

bool Event::kept() const { return is_kept_event(name); }

std::string encode_envelope_tail(const Event& event) {
  std::string out;
  out.reserve(event.data.size() + event.id.size() + event.name.size() + 96);
  out += R"("id":)";
  out += json_quote(event.id);
  out += R"(,"event":)";
  out += json_quote(event.name);
  if (!event.client_id.empty()) {
    out += R"(,"clientId":)";
    out += json_quote(event.client_id);
  }
  out += R"(,"timestamp":)";
  // -1 asks the script that appends it later for its own time (jobs/job_store.h, kNowPlaceholder).
  out += event.timestamp < 0 ? "@now@" : std::to_string(event.timestamp);
  out += R"(,"data":)";
  out += event.data.empty() ? "{}" : event.data;
  out += '}';
  return out;
}

}  // namespace deskwire
