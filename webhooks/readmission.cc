#include "webhooks/readmission.h"

#include <algorithm>
#include <string>
#include <utility>

#include "webhooks/signature_report.h"
#include "webhooks/source_parser.h"
#include "webhooks/source_scheme.h"

namespace deskwire::webhooks {

Result<UnderstoodDelivery> readmit(const RefusedDelivery& delivery,
                                   const std::vector<config::Source>& sources,
                                   const JobRules& rules) {
  const std::string what = "take in delivery " + delivery.id + ": ";
  const auto source = std::find_if(sources.begin(), sources.end(), [&](const config::Source& s) {
    return s.name == delivery.source;
  });
  if (source == sources.end()) {
    return fail(ErrorCode::kNotFound,
                what + "its source " + delivery.source + " is not in config sources[]");
  }
  // No tolerance is needed: the report waives the window.
  const SignatureReport report = explain_signature(delivery, *source, sources, 0);
  if (!report.fits()) {
    return fail(ErrorCode::kUnauthorized,
                what + "the signature is refused today as well (" + report.reason +
                    "); see `deskwire deliveries verify " + delivery.id + "`");
  }
  const net::HttpRequest request{{}, {}, delivery.headers, delivery.body, {}};
  const SignatureScheme& scheme = scheme_of(*source, request);
  const auto body = with_event(*source, request);
  auto understood = understand(*source, body ? *body : delivery.body,
                               request.header(scheme.delivery_header), delivery.at_ms, rules);
  if (!understood) return fail(std::move(understood).error().prefixed(what + "its body"));
  if (of_another_account(*source, understood->event)) {
    return fail(ErrorCode::kConflict, what + "it is of another account than the source's");
  }
  return understood;
}

}  // namespace deskwire::webhooks
