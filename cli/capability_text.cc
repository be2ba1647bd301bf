#include "cli/capability_text.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace deskwire::cli {
namespace {

constexpr std::array<std::string_view, 5> kOperations = {"subscribe", "publish", "presence",
                                                         "history", "sla"};

}  // namespace

Result<publishers::Capability> parse_capability(const std::vector<std::string>& texts) {
  publishers::Capability capability;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string pattern = text.substr(0, equals);
    if (pattern.empty()) return fail(ErrorCode::kInvalid, "capability '" + text + "': no channel");
    auto& operations = capability[pattern];
    if (equals == std::string::npos) {
      operations = {"subscribe", "publish", "presence", "history"};
      continue;
    }
    std::istringstream list(text.substr(equals + 1));
    for (std::string operation; std::getline(list, operation, ',');) {
      if (std::find(kOperations.begin(), kOperations.end(), operation) == kOperations.end()) {
        return fail(ErrorCode::kInvalid, "capability '" + text + "': '" + operation +
                                             "' is not one of subscribe, publish, presence, "
                                             "history, sla");
      }
      operations.push_back(operation);
    }
    if (operations.empty()) {
      return fail(ErrorCode::kInvalid, "capability '" + text + "': no operation after '='");
    }
  }
  return capability;
}

}  // namespace deskwire::cli
