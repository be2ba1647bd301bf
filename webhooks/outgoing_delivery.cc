#include "webhooks/outgoing_delivery.h"

#include <utility>
#include <vector>

#include "core/hash.h"
#include "webhooks/signature.h"
#include "webhooks/source_parser.h"

namespace deskwire::webhooks {
namespace {

Status add_signature(const SignatureScheme& scheme, const config::Secret& secret,
                     std::string_view body, OutgoingDelivery& delivery) {
  const SignedMessage message{"POST", delivery.target, body, [&](std::string_view name) {
                                std::vector<std::string_view> values;
                                for (const auto& [key, value] : delivery.headers) {
                                  if (key == name) values.emplace_back(value);
                                }
                                return values;
                              }};
  Result<std::string> signature = sign(scheme, message, secret);
  if (!signature) return fail(std::move(signature.error()));
  delivery.headers.emplace_back(scheme.signature_header, std::move(*signature));
  return {};
}

}  // namespace

Result<OutgoingDelivery> prepare_delivery(const config::Source& source, std::string_view body,
                                          std::string_view delivery_id, std::int64_t now_s) {
  if (source.secrets.empty() || source.secrets.front().empty()) {
    return fail(ErrorCode::kInvalid,
                "send source=" + source.name + ": it has no secret; see config sources[].secrets");
  }
  const config::Secret& secret = source.secrets.front();
  const SignatureScheme& scheme = parser_for(source.type).scheme();
  OutgoingDelivery delivery{"/webhooks/" + source.name, {{"Content-Type", "application/json"}}};
  if (!scheme.delivery_header.empty()) {
    delivery.headers.emplace_back(scheme.delivery_header, delivery_id);
  }
  switch (source.auth) {
    case config::SourceAuth::kBasic:
      delivery.headers.emplace_back("Authorization", "Basic " + base64_encode(secret.reveal()));
      return delivery;
    case config::SourceAuth::kUrlToken:
      delivery.target.append(1, '/').append(secret.reveal());
      return delivery;
    case config::SourceAuth::kSignature:
      break;
  }
  if (scheme.time == TimeUnit::kSeconds) {
    delivery.headers.emplace_back(scheme.timestamp_header, std::to_string(now_s));
  }
  if (Status added = add_signature(scheme, secret, body, delivery); !added) {
    return fail(std::move(added.error()).prefixed("send source=" + source.name));
  }
  return delivery;
}

}  // namespace deskwire::webhooks
