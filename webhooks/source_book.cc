#include "webhooks/source_book.h"

#include <algorithm>

namespace deskwire::webhooks {
namespace {

constexpr std::string_view kPathPrefix = "/webhooks/";

}  // namespace

SourceBook::SourceBook(const config::Config& config)
    : sources(config.sources),
      signature_tolerance_s(config.receiver.signature_tolerance_s),
      rules(job_rules(config)) {}

const config::Source* SourceBook::find(std::string_view name) const {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [name](const config::Source& s) { return s.name == name; });
  return found == sources.end() ? nullptr : &*found;
}

SourceBook::Route SourceBook::route(std::string_view path) const {
  if (!path.starts_with(kPathPrefix)) return {};
  const std::string_view rest = path.substr(kPathPrefix.size());
  const std::size_t slash = rest.find('/');
  const config::Source* const source = find(rest.substr(0, slash));
  if (source == nullptr || slash == std::string_view::npos) return {source, {}};
  if (source->proof() != config::SourceAuth::kUrlToken) return {};
  return {source, rest.substr(slash + 1)};
}

}  // namespace deskwire::webhooks
