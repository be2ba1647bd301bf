#include "cli/helpdesk_clients.h"

#include "worker/helpdesks/chatwoot_client.h"
#include "worker/helpdesks/generic_client.h"
#include "worker/helpdesks/listening_client.h"
#include "worker/helpdesks/sandbox_client.h"
#include "worker/helpdesks/zammad_client.h"
#include "worker/helpdesks/zendesk_client.h"

namespace deskwire::cli {

std::unique_ptr<worker::HelpdeskClient> make_helpdesk_client(const config::Source& source) {
  if (!source.takes_replies()) return std::make_unique<worker::ListeningClient>();
  switch (source.type) {
    case config::SourceType::kChatwoot:
      return std::make_unique<worker::ChatwootClient>(source);
    case config::SourceType::kGeneric:
      return std::make_unique<worker::GenericClient>(source);
    case config::SourceType::kZendesk:
      return std::make_unique<worker::ZendeskClient>(source);
    case config::SourceType::kZammad:
      return std::make_unique<worker::ZammadClient>(source);
    case config::SourceType::kIntercom:
    case config::SourceType::kFront:
    case config::SourceType::kHelpScout:
    case config::SourceType::kFreshdesk:
    case config::SourceType::kSandbox:
      break;
  }
  return std::make_unique<worker::SandboxClient>();
}

}  // namespace deskwire::cli
