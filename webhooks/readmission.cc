#include "webhooks/readmission.h"

#include <algorithm>
#include <string>
#include <utility>

#include "webhooks/source_parser.h"
#include "webhooks/source_scheme.h"

namespace deskwire::webhooks {
namespace {

/// @errors kConflict: of another account. Those of understand().
Result<UnderstoodDelivery> understand_today(const RefusedDelivery& delivery,
                                            const config::Source& source, const JobRules& rules) {
  const net::HttpRequest request{{}, {}, delivery.headers, delivery.body, {}};
  const SignatureScheme& scheme = scheme_of(source, request);
  const auto body = with_event(source, request);
  auto understood = understand(source, body ? *body : delivery.body,
                               request.header(scheme.delivery_header), delivery.at_ms, rules);
  if (!understood) {
    Error error = std::move(understood).error().prefixed("its body");
    if (request.header_count("Content-Encoding") > 0) {
      error.message += "; it came with a Content-Encoding, which the sender must leave out";
    }
    return fail(std::move(error));
  }
  if (of_another_account(source, understood->event)) {
    return fail(ErrorCode::kConflict, "it is of another account than the source's");
  }
  return understood;
}

}  // namespace

Result<UnderstoodDelivery> readmit(const RefusedDelivery& delivery,
                                   const std::vector<config::Source>& sources,
                                   const JobRules& rules) {
  const std::string what = "take in delivery " + delivery.id;
  const auto source = std::find_if(sources.begin(), sources.end(), [&](const config::Source& s) {
    return s.name == delivery.source;
  });
  if (source == sources.end()) {
    return fail(ErrorCode::kNotFound,
                what + ": its source " + delivery.source + " is not in config sources[]");
  }
  // No tolerance is needed: the report waives the window.
  const SignatureReport report = explain_signature(delivery, *source, sources, 0);
  if (!report.fits()) {
    return fail(ErrorCode::kUnauthorized,
                what + ": the signature is refused today as well (" + report.reason +
                    "); see `deskwire deliveries verify " + delivery.id + "`");
  }
  auto understood = understand_today(delivery, *source, rules);
  if (!understood) return fail(std::move(understood).error().prefixed(what));
  return understood;
}

SignatureReport explain_readmission(const RefusedDelivery& delivery, const config::Source& source,
                                    const std::vector<config::Source>& sources,
                                    const JobRules& rules, std::int64_t tolerance_s) {
  SignatureReport report = explain_signature(delivery, source, sources, tolerance_s);
  if (!report.fits()) return report;
  const auto understood = understand_today(delivery, source, rules);
  if (understood) {
    report.parts.push_back({"content", true, "can be read"});
    return report;
  }
  const Error& error = understood.error();
  report.reason = error.code == ErrorCode::kConflict ? "other_account" : "not_json";
  report.parts.push_back({"content", false, error.message});
  return report;
}

}  // namespace deskwire::webhooks
