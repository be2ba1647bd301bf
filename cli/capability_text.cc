#include "cli/capability_text.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace deskwire::cli {
namespace {

constexpr std::array<std::string_view, 5> kOperations = {"subscribe", "publish", "presence",
                                                         "history", "sla"};

tl::unexpected<Error> refused(std::string text, std::string_view cause) {
  text.insert(0, "capability '");
  return fail(ErrorCode::kInvalid, text.append("': ").append(cause));
}

}  // namespace

Result<publishers::Capability> parse_capability(const std::vector<std::string>& texts) {
  publishers::Capability capability;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string pattern = text.substr(0, equals);
    if (pattern.empty()) return refused(text, "no channel");
    auto& operations = capability[pattern];
    if (equals == std::string::npos) {
      operations = {"subscribe", "publish", "presence", "history"};
      continue;
    }
    std::istringstream list(text.substr(equals + 1));
    for (std::string operation; std::getline(list, operation, ',');) {
      if (std::find(kOperations.begin(), kOperations.end(), operation) == kOperations.end()) {
        return refused(text,
                       "an operation is not one of subscribe, publish, presence, history, sla");
      }
      operations.push_back(operation);
    }
    if (operations.empty()) {
      return refused(text, "no operation after '='");
    }
  }
  // What every gateway would refuse is refused here.
  if (Status valid = publishers::validate_capability(capability); !valid) {
    return fail(std::move(valid).error());
  }
  return capability;
}

}  // namespace deskwire::cli
