// The table: what each vendor signs, with which key, and how it writes it down. A new vendor is a
// row here and a name in config/signature_schemes.h.

#include <algorithm>
#include <array>

#include "webhooks/signature.h"

namespace deskwire::webhooks {
namespace {

using Algorithm = SignatureAlgorithm;
using Encoding = SignatureEncoding;
using Part = SignedPart::Kind;

std::vector<SignedPart> standard_parts() {
  return {{Part::kHeader, "webhook-id"},
          {Part::kLiteral, "."},
          {Part::kHeader, "webhook-timestamp"},
          {Part::kLiteral, "."},
          {Part::kBody}};
}

/// Sources: chatwoot lib/webhooks/trigger.rb; standard-webhooks spec/standard-webhooks.md;
/// developer.zendesk.com "Verifying webhooks"; developers.intercom.com "Webhook notifications";
/// dev.frontapp.com "Application webhooks", "Rule webhooks"; developer.helpscout.com "Webhooks";
/// crmsupport.freshworks.com on Freshchat's webhooks; developers.hubspot.com "Validating requests";
/// docs.slack.dev "Verifying requests from Slack"; docs.github.com "Validating webhook deliveries";
/// ably/docs "Webhooks"; zammad lib/user_agent.rb.
std::vector<SignatureScheme> make_table() {
  return {
      {.name = "chatwoot",
       .signature_header = "X-Chatwoot-Signature",
       .prefix = "sha256=",
       .parts = {{Part::kHeader, "X-Chatwoot-Timestamp"}, {Part::kLiteral, "."}, {Part::kBody}},
       .timestamp_header = "X-Chatwoot-Timestamp",
       .time = TimeUnit::kSeconds,
       .delivery_header = "X-Chatwoot-Delivery"},
      {.name = "standard-webhooks",
       .encoding = Encoding::kBase64,
       .signature_header = "webhook-signature",
       .prefix = "v1,",
       .several = true,
       .parts = standard_parts(),
       .key = KeyDecoding::kBase64AfterWhsec,
       .timestamp_header = "webhook-timestamp",
       .time = TimeUnit::kSeconds,
       .delivery_header = "webhook-id",
       .also = "standard-webhooks-ed25519"},
      {.name = "standard-webhooks-ed25519",
       .algorithm = Algorithm::kEd25519,
       .encoding = Encoding::kBase64,
       .signature_header = "webhook-signature",
       .prefix = "v1a,",
       .several = true,
       .parts = standard_parts(),
       .key = KeyDecoding::kEd25519AfterPrefix,
       .timestamp_header = "webhook-timestamp",
       .time = TimeUnit::kSeconds,
       .delivery_header = "webhook-id"},
      {.name = "zendesk",
       .encoding = Encoding::kBase64,
       .signature_header = "X-Zendesk-Webhook-Signature",
       .parts = {{Part::kHeader, "X-Zendesk-Webhook-Signature-Timestamp"}, {Part::kBody}},
       .timestamp_header = "X-Zendesk-Webhook-Signature-Timestamp",
       .time = TimeUnit::kIso8601,
       .delivery_header = "X-Zendesk-Webhook-Invocation-Id"},
      {.name = "intercom",
       .algorithm = Algorithm::kHmacSha1,
       .signature_header = "X-Hub-Signature",
       .prefix = "sha1=",
       .parts = {{Part::kBody}}},
      {.name = "front-application",
       .encoding = Encoding::kBase64,
       .signature_header = "X-Front-Signature",
       .parts = {{Part::kHeader, "X-Front-Request-Timestamp"},
                 {Part::kLiteral, ":"},
                 {Part::kBody}},
       .timestamp_header = "X-Front-Request-Timestamp",
       .time = TimeUnit::kMilliseconds},
      {.name = "front-rule",
       .algorithm = Algorithm::kHmacSha1,
       .encoding = Encoding::kBase64,
       .signature_header = "X-Front-Signature",
       .parts = {{Part::kBody}}},
      {.name = "helpscout",
       .algorithm = Algorithm::kHmacSha1,
       .encoding = Encoding::kBase64,
       .signature_header = "X-HelpScout-Signature",
       .parts = {{Part::kBody}}},
      {.name = "freshchat",
       .algorithm = Algorithm::kRsaSha256,
       .encoding = Encoding::kBase64,
       .signature_header = "X-Freshchat-Signature",
       .parts = {{Part::kBody}},
       .key = KeyDecoding::kPem},
      {.name = "hubspot-v3",
       .encoding = Encoding::kBase64,
       .signature_header = "X-HubSpot-Signature-v3",
       .parts = {{Part::kMethod},
                 {Part::kUri},
                 {Part::kBody},
                 {Part::kHeader, "X-HubSpot-Request-Timestamp"}},
       .timestamp_header = "X-HubSpot-Request-Timestamp",
       .time = TimeUnit::kMilliseconds},
      {.name = "slack",
       .signature_header = "X-Slack-Signature",
       .prefix = "v0=",
       .parts = {{Part::kLiteral, "v0:"},
                 {Part::kHeader, "X-Slack-Request-Timestamp"},
                 {Part::kLiteral, ":"},
                 {Part::kBody}},
       .timestamp_header = "X-Slack-Request-Timestamp",
       .time = TimeUnit::kSeconds},
      {.name = "github",
       .signature_header = "X-Hub-Signature-256",
       .prefix = "sha256=",
       .parts = {{Part::kBody}},
       .delivery_header = "X-GitHub-Delivery"},
      {.name = "github-sha1",
       .algorithm = Algorithm::kHmacSha1,
       .signature_header = "X-Hub-Signature",
       .prefix = "sha1=",
       .parts = {{Part::kBody}},
       .delivery_header = "X-GitHub-Delivery"},
      {.name = "ably",
       .encoding = Encoding::kBase64,
       .signature_header = "X-Ably-Signature",
       .parts = {{Part::kBody}},
       .key = KeyDecoding::kAfterColon},
      {.name = "zammad",
       .algorithm = Algorithm::kHmacSha1,
       .signature_header = "X-Hub-Signature",
       .prefix = "sha1=",
       .parts = {{Part::kBody}},
       .delivery_header = "X-Zammad-Delivery"},
  };
}

}  // namespace

const SignatureScheme* find_scheme(std::string_view name) {
  static const std::vector<SignatureScheme> rows = make_table();
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [name](const SignatureScheme& r) { return r.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace deskwire::webhooks
