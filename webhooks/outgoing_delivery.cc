#include "webhooks/outgoing_delivery.h"

#include <utility>
#include <vector>

#include "core/hash.h"
#include "core/timestamp.h"
#include "webhooks/signature.h"
#include "webhooks/source_scheme.h"

namespace deskwire::webhooks {
namespace {

std::string time_text(TimeUnit unit, std::int64_t now_s) {
  if (unit == TimeUnit::kIso8601) return iso8601(now_s * 1000);
  return std::to_string(now_s) + (unit == TimeUnit::kMilliseconds ? "000" : "");
}

Status add_signature(const config::Source& source, const SignatureScheme& scheme,
                     const config::Secret& secret, std::string_view body,
                     OutgoingDelivery& delivery) {
  const std::string& address = source.public_url;
  const SignedMessage message{"POST", address, body, [&](std::string_view name) {
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
  const SignatureScheme& scheme = *schemes_of(source).front();
  OutgoingDelivery delivery{"/webhooks/" + source.name, {{"Content-Type", "application/json"}}};
  if (!scheme.delivery_header.empty()) {
    delivery.headers.emplace_back(scheme.delivery_header, delivery_id);
  }
  switch (source.proof()) {
    case config::SourceAuth::kBasic:
      delivery.headers.emplace_back("Authorization", "Basic " + base64_encode(secret.reveal()));
      return delivery;
    case config::SourceAuth::kUrlToken:
      delivery.target.append(1, '/').append(secret.reveal());
      return delivery;
    case config::SourceAuth::kHeader:
      delivery.headers.emplace_back(source.auth_header, secret.reveal());
      return delivery;
    case config::SourceAuth::kSignature:
      break;
  }
  if (scheme.time != TimeUnit::kNone) {
    delivery.headers.emplace_back(scheme.timestamp_header, time_text(scheme.time, now_s));
  }
  if (signs_address(scheme) && source.public_url.empty()) {
    return fail(ErrorCode::kInvalid, "send source=" + source.name +
                                         ": its scheme signs the address, which only the sender "
                                         "knows; set config sources[].public_url");
  }
  if (Status added = add_signature(source, scheme, secret, body, delivery); !added) {
    return fail(std::move(added.error()).prefixed("send source=" + source.name));
  }
  return delivery;
}

}  // namespace deskwire::webhooks
