#include "config/json_writer.h"
#include "config/load.h"
#include "config/settings.h"

namespace deskwire::config {

std::string show(const Config& config) {
  // `visit` serves readers as well, so it takes what it walks by reference: walk a copy.
  Config copy = config;
  JsonWriter writer;
  visit(writer, copy);
  return writer.str();
}

}  // namespace deskwire::config
