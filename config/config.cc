#include "config/config.h"

#include <algorithm>

namespace deskwire::config {

const Source* Config::find_source(std::string_view name) const {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&](const Source& source) { return source.name == name; });
  return found == sources.end() ? nullptr : &*found;
}

bool Config::has_sandbox() const {
  return std::any_of(sources.begin(), sources.end(),
                     [](const Source& source) { return source.type == SourceType::kSandbox; });
}

std::vector<std::string> Replies::order() const {
  std::vector<std::string> names{responder};
  for (const std::string& name : chain) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace deskwire::config
