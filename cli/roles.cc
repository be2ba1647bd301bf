#include "cli/roles.h"

#include <sstream>

namespace deskwire::cli {

std::vector<std::string> Roles::names() const {
  std::vector<std::string> all;
  if (receiver) all.emplace_back("receiver");
  if (worker) all.emplace_back("worker");
  if (gateway) all.emplace_back("gateway");
  if (sla) all.emplace_back("sla");
  return all;
}

Result<Roles> parse_roles(std::string_view text) {
  if (text.empty()) return Roles{};
  Roles roles{false, false, false, false};
  std::istringstream list{std::string(text)};
  for (std::string name; std::getline(list, name, ',');) {
    if (name == "receiver") {
      roles.receiver = true;
    } else if (name == "worker") {
      roles.worker = true;
    } else if (name == "gateway") {
      roles.gateway = true;
    } else if (name == "sla") {
      roles.sla = true;
    } else {
      return fail(ErrorCode::kInvalid,
                  "roles: '" + name + "' is not one of receiver, worker, gateway, sla");
    }
  }
  if (roles.names().empty()) {
    return fail(ErrorCode::kInvalid, "roles: name at least one of receiver, worker, gateway, sla");
  }
  return roles;
}

}  // namespace deskwire::cli
