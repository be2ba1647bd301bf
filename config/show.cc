#include "config/fingerprint.h"
#include "config/json_writer.h"
#include "config/load.h"
#include "config/settings.h"

namespace deskwire::config {
namespace {

template <typename Section>
std::string written(const Section& section, JsonWriter::Secrets secrets) {
  // `visit` serves readers as well, so it takes what it walks by reference: walk a copy.
  Section copy = section;
  JsonWriter writer(secrets);
  visit(writer, copy);
  return writer.str();
}

}  // namespace

std::string show(const Config& config) { return written(config, JsonWriter::Secrets::kRedacted); }

std::string fingerprint(const Config& config) {
  return written(config, JsonWriter::Secrets::kDigested);
}
std::string fingerprint(const Source& source) {
  return written(source, JsonWriter::Secrets::kDigested);
}
std::string fingerprint(const Replies& replies) {
  return written(replies, JsonWriter::Secrets::kDigested);
}

}  // namespace deskwire::config
