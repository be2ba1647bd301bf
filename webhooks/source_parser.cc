#include "webhooks/source_parser.h"

#include "webhooks/sources/chatwoot.h"
#include "webhooks/sources/generic.h"
#include "webhooks/sources/sandbox.h"

namespace deskwire::webhooks {

const SourceParser& parser_for(config::SourceType type) {
  static const ChatwootParser chatwoot;
  static const GenericParser generic;
  static const SandboxParser sandbox;
  switch (type) {
    case config::SourceType::kChatwoot:
      return chatwoot;
    case config::SourceType::kGeneric:
      return generic;
    case config::SourceType::kSandbox:
      break;
  }
  return sandbox;
}

}  // namespace deskwire::webhooks
