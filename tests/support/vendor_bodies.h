#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "config/config.h"
#include "places.h"
#include "webhooks/source_parser.h"

namespace deskwire::testing {

inline const char* folder_of(config::SourceType type) {
  switch (type) {
    case config::SourceType::kZendesk:
      return "zendesk";
    case config::SourceType::kIntercom:
      return "intercom";
    case config::SourceType::kFront:
      return "front";
    case config::SourceType::kHelpScout:
      return "helpscout";
    case config::SourceType::kZammad:
      return "zammad";
    case config::SourceType::kFreshdesk:
      return "freshdesk";
    default:
      return "chatwoot";
  }
}

/// A payload of tests/fixtures/<vendor>, as the vendor sends it.
inline std::string vendor_body(config::SourceType type, const std::string& name) {
  std::ifstream file(std::string(DESKWIRE_FIXTURES "/") + folder_of(type) + "/" + name + ".json",
                     std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What the receiver hands to the parser: Help Scout's event name comes in a header, and its
/// fixtures are named after it.
inline std::string body_for_parser(config::SourceType type, const std::string& name) {
  config::Source source;
  source.type = type;
  const std::string header(webhooks::parser_for(type).event_header());
  net::HttpRequest request;
  request.body = vendor_body(type, name);
  if (!header.empty()) request.headers.emplace_back(header, name);
  return webhooks::with_event(source, request).value_or(request.body);
}

}  // namespace deskwire::testing
