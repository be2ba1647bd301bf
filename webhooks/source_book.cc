#include "webhooks/source_book.h"

#include <algorithm>

namespace deskwire::webhooks {

SourceBook::SourceBook(const config::Config& config)
    : sources(config.sources),
      signature_tolerance_s(config.receiver.signature_tolerance_s),
      rules(job_rules(config)) {}

const config::Source* SourceBook::find(std::string_view name) const {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [name](const config::Source& s) { return s.name == name; });
  return found == sources.end() ? nullptr : &*found;
}

}  // namespace deskwire::webhooks
