#include "webhooks/source_parser.h"

#include "core/json.h"
#include "webhooks/sources/chatwoot.h"
#include "webhooks/sources/freshdesk.h"
#include "webhooks/sources/front.h"
#include "webhooks/sources/generic.h"
#include "webhooks/sources/helpscout.h"
#include "webhooks/sources/intercom.h"
#include "webhooks/sources/sandbox.h"
#include "webhooks/sources/zammad.h"
#include "webhooks/sources/zendesk.h"

namespace deskwire::webhooks {

std::optional<std::string> with_event(const config::Source& source,
                                      const net::HttpRequest& request) {
  const std::string_view header = parser_for(source.type).event_header();
  const std::string_view event = header.empty() ? std::string_view() : request.header(header);
  const std::size_t brace = request.body.find_first_not_of(" \t\r\n");
  const bool is_object = brace != std::string::npos && request.body[brace] == '{';
  if (event.empty() || !is_object) return std::nullopt;
  const std::size_t next = request.body.find_first_not_of(" \t\r\n", brace + 1);
  const bool is_empty = next != std::string::npos && request.body[next] == '}';
  const std::string member = json_quote(kEventKey) + ":" + json_quote(event);
  return request.body.substr(0, brace + 1) + member + (is_empty ? "" : ",") +
         request.body.substr(brace + 1);
}

const SourceParser& parser_for(config::SourceType type) {
  static const ChatwootParser chatwoot;
  static const FreshdeskParser freshdesk;
  static const FrontParser front;
  static const GenericParser generic;
  static const HelpScoutParser helpscout;
  static const IntercomParser intercom;
  static const SandboxParser sandbox;
  static const ZammadParser zammad;
  static const ZendeskParser zendesk;
  switch (type) {
    case config::SourceType::kChatwoot:
      return chatwoot;
    case config::SourceType::kGeneric:
      return generic;
    case config::SourceType::kZendesk:
      return zendesk;
    case config::SourceType::kIntercom:
      return intercom;
    case config::SourceType::kFront:
      return front;
    case config::SourceType::kHelpScout:
      return helpscout;
    case config::SourceType::kZammad:
      return zammad;
    case config::SourceType::kFreshdesk:
      return freshdesk;
    case config::SourceType::kSandbox:
      break;
  }
  return sandbox;
}

}  // namespace deskwire::webhooks
