#include "cli/helpdesk_clients.h"

#include "worker/helpdesks/chatwoot_client.h"
#include "worker/helpdesks/generic_client.h"
#include "worker/helpdesks/sandbox_client.h"

namespace deskwire::cli {

std::unique_ptr<worker::HelpdeskClient> make_helpdesk_client(const config::Source& source) {
  switch (source.type) {
    case config::SourceType::kChatwoot:
      return std::make_unique<worker::ChatwootClient>(source);
    case config::SourceType::kGeneric:
      return std::make_unique<worker::GenericClient>(source);
    case config::SourceType::kSandbox:
      break;
  }
  return std::make_unique<worker::SandboxClient>();
}

}  // namespace deskwire::cli
