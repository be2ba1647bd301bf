#include "webhooks/signature_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>

#include "config/signature_schemes.h"
#include "core/json.h"
#include "webhooks/authenticate.h"
#include "webhooks/signature.h"
#include "webhooks/source_parser.h"
#include "webhooks/source_scheme.h"

namespace deskwire::webhooks {
namespace {

/// Wider than any clock is wrong: the window does not count.
constexpr std::int64_t kAnyTime = 4'000'000'000;

net::HttpRequest request_of(const RefusedDelivery& delivery) {
  return {delivery.method, delivery.target, delivery.headers, delivery.body, {}};
}

/// The path's segment behind the source; see authenticate().
std::string path_token(const net::HttpRequest& request) {
  const std::string_view path = request.path();
  std::size_t slash = 0;
  for (int i = 0; i < 2 && slash != std::string_view::npos; ++i) slash = path.find('/', slash + 1);
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(slash + 1));
}

std::string_view check(const config::Source& source, const net::HttpRequest& request,
                       std::int64_t at_s) {
  return authenticate(source, request, path_token(request), at_s, kAnyTime);
}

std::vector<std::size_t> secrets_that_fit(const config::Source& source,
                                          const net::HttpRequest& request, std::int64_t at_s) {
  std::vector<std::size_t> fitting;
  config::Source one = source;
  for (std::size_t i = 0; i < source.secrets.size(); ++i) {
    one.secrets = {source.secrets[i]};
    if (check(one, request, at_s) == "none") fitting.push_back(i);
  }
  return fitting;
}

/// What must have happened to the body on its way; empty: nothing that we know.
std::string body_change(const config::Source& source, net::HttpRequest request, std::int64_t at_s) {
  const std::string given = request.body;
  const auto fits = [&](std::string body) {
    request.body = std::move(body);
    return check(source, request, at_s) == "none";
  };
  if (given.ends_with('\n')) {
    const std::size_t end = given.find_last_not_of("\r\n");
    if (fits(given.substr(0, end == std::string::npos ? 0 : end + 1)))
      return "a line end was added";
  }
  if (fits(given + "\n")) return "a line end was cut off";
  if (fits(given + "\r\n")) return "a line end was cut off";
  if (const auto parsed = parse_json(given)) {
    if (fits(dump_json(*parsed))) return "its JSON was written anew, with other spaces";
  }
  return {};
}

std::string age_text(std::int64_t signed_s, std::int64_t at_s, std::int64_t tolerance_s) {
  const std::int64_t age = at_s - signed_s;
  const std::string window = " (receiver.signature_tolerance_s is " + std::to_string(tolerance_s) +
                             "); look at the clocks, or at what held it up";
  if (age > tolerance_s) {
    return "signed " + std::to_string(age) + " s before it arrived" + window;
  }
  if (age < -tolerance_s) {
    return "signed " + std::to_string(-age) + " s after it arrived" + window;
  }
  return "signed " + std::to_string(std::abs(age)) + " s " + (age < 0 ? "after" : "before") +
         " it arrived";
}

std::string list_text(const std::vector<std::size_t>& indexes) {
  std::string text;
  for (const std::size_t index : indexes) {
    text += (text.empty() ? "" : ", ") + std::to_string(index);
  }
  return text;
}

void explain_timestamp(SignatureReport& report, const SignatureScheme& scheme,
                       const net::HttpRequest& request, std::int64_t at_s,
                       std::int64_t tolerance_s) {
  if (scheme.time == TimeUnit::kNone) return;
  const std::string header(scheme.timestamp_header);
  const std::size_t count = request.header_count(header);
  if (count == 0) {
    report.parts.push_back({"timestamp", false, header + " is missing"});
  } else if (count > 1) {
    report.parts.push_back({"timestamp", false, header + " is there several times"});
  } else if (const auto time_s = signed_at_s(scheme, signed_message(request))) {
    const bool ok = std::abs(at_s - *time_s) <= tolerance_s;
    report.parts.push_back({"timestamp", ok, age_text(*time_s, at_s, tolerance_s)});
  } else {
    report.parts.push_back({"timestamp", false, header + " is no time of the scheme"});
  }
}

/// For a delivery that is signed in a way that the source does not expect.
std::string other_scheme_hint(const SignatureScheme& scheme, const net::HttpRequest& request) {
  for (const std::string_view name : config::kSignatureSchemes) {
    const std::string header(find_scheme(name)->signature_header);
    if (header == scheme.signature_header || request.header_count(header) == 0) continue;
    return " It has " + header + ", as of scheme " + std::string(name) +
           "; see config sources[].scheme";
  }
  return {};
}

void explain_header(SignatureReport& report, const SignatureScheme& scheme,
                    const net::HttpRequest& request) {
  const std::string header(scheme.signature_header);
  const std::size_t count = request.header_count(header);
  std::string problem;
  if (count == 0 || request.header(header).empty()) {
    problem = header + " is missing; is the webhook's secret set in the helpdesk?" +
              other_scheme_hint(scheme, request);
  } else if (count > 1) {
    problem = header + " is there several times; a proxy may have added one";
  } else if (report.reason == name_of(SignatureRefusal::kMalformedSignature)) {
    problem = header + " has not the form of the scheme " + std::string(scheme.name);
  }
  report.parts.push_back({"signature", problem.empty(), problem.empty() ? "well formed" : problem});
}

/// Which of the usual spellings of the address makes the signature fit, where the address is
/// signed.
bool explain_address(SignatureReport& report, const config::Source& source,
                     const net::HttpRequest& request, std::int64_t at_s) {
  if (!signs_address(scheme_of(source, request))) return false;
  const std::string assumed = address_of(source, request);
  const std::string host(request.header("Host"));
  const std::string path(request.path());
  for (const std::string& candidate : {"https://" + host + path, "http://" + host + path,
                                       source.public_url + path, source.public_url + "/"}) {
    config::Source other = source;
    other.public_url = candidate;
    if (check(other, request, at_s) != "none") continue;
    report.parts.back() = {"secret", true, "fits"};
    report.parts.push_back({"address", false,
                            "signed was " + candidate + ", not " + assumed +
                                "; set config sources[].public_url to it"});
    return true;
  }
  report.parts.push_back(
      {"address", true, "taken to be " + assumed + "; is that the URL that the sender was given?"});
  return false;
}

void explain_secret(SignatureReport& report, const config::Source& source,
                    const std::vector<config::Source>& sources, const net::HttpRequest& request,
                    std::int64_t at_s) {
  const std::string of = " of " + std::to_string(source.secrets.size());
  if (report.fits()) {
    report.parts.push_back(
        {"secret", true, "fits number " + list_text(report.fitting_secrets) + of});
    return;
  }
  if (report.reason == name_of(SignatureRefusal::kNoSecret)) {
    report.parts.push_back({"secret", false, "the source has none that can be used"});
    return;
  }
  const std::size_t secret_part = report.parts.size();
  report.parts.push_back({"secret", false,
                          "fits none" + of +
                              "; was it rotated in the helpdesk? Then add the new "
                              "one to sources[].secrets and replay"});
  for (const config::Source& other : sources) {
    if (other.name == source.name || other.proof() != source.proof()) continue;
    const auto fitting = secrets_that_fit(other, request, at_s);
    if (fitting.empty()) continue;
    report.parts.back().detail = "fits number " + list_text(fitting) + " of source " + other.name +
                                 "; the helpdesk posts to the wrong URL";
    return;
  }
  if (source.proof() != config::SourceAuth::kSignature) return;
  if (explain_address(report, source, request, at_s)) return;
  const std::string change = body_change(source, request, at_s);
  report.parts.push_back({"body", change.empty(),
                          change.empty()
                              ? "no change that we know would make it fit"
                              : change + " on its way: the signature fits without that"});
  if (!change.empty()) report.parts[secret_part] = {"secret", true, "fits"};
}

}  // namespace

SignatureReport explain_signature(const RefusedDelivery& delivery, const config::Source& source,
                                  const std::vector<config::Source>& sources,
                                  std::int64_t tolerance_s) {
  const net::HttpRequest request = request_of(delivery);
  const std::int64_t at_s = delivery.at_ms / 1000;
  SignatureReport report;
  report.reason = check(source, request, at_s);
  report.fitting_secrets = secrets_that_fit(source, request, at_s);
  if (source.proof() != config::SourceAuth::kSignature) {
    const bool given = report.reason != "missing_credentials";
    report.parts.push_back({"credentials", given, given ? "given" : "missing"});
    if (given) explain_secret(report, source, sources, request, at_s);
    return report;
  }
  const SignatureScheme& scheme = scheme_of(source, request);
  explain_header(report, scheme, request);
  explain_timestamp(report, scheme, request, at_s, tolerance_s);
  if (report.reason == name_of(SignatureRefusal::kMissingHeader)) {
    report.parts.push_back({"signed headers", false, "one that is signed is missing"});
  }
  const bool compared = report.fits() || report.reason == name_of(SignatureRefusal::kMismatch) ||
                        report.reason == name_of(SignatureRefusal::kNoSecret);
  if (compared) explain_secret(report, source, sources, request, at_s);
  return report;
}

net::Headers deciding_headers(const net::HttpRequest& request, const config::Source& source) {
  std::vector<std::string_view> names{"Content-Type", "Content-Encoding",
                                      parser_for(source.type).event_header()};
  const config::SourceAuth proof = source.proof();
  if (proof == config::SourceAuth::kSignature) {
    // Of all schemes, so that one can say which of them the sender uses instead.
    for (const std::string_view name : config::kSignatureSchemes) {
      names.push_back(find_scheme(name)->signature_header);
    }
  }
  if (proof == config::SourceAuth::kBasic) names.emplace_back("Authorization");
  if (proof == config::SourceAuth::kHeader) names.emplace_back(source.auth_header);
  for (const SignatureScheme* scheme : schemes_of(source)) {
    names.push_back(scheme->delivery_header);
    if (proof != config::SourceAuth::kSignature) continue;
    names.insert(names.end(), {scheme->signature_header, scheme->timestamp_header});
    if (signs_address(*scheme)) names.emplace_back("Host");
    for (const SignedPart& part : scheme->parts) {
      if (part.kind == SignedPart::Kind::kHeader) names.push_back(part.text);
    }
  }
  net::Headers kept;
  for (const auto& header : request.headers) {
    const net::HttpRequest only{{}, {}, {header}, {}, {}};
    const bool deciding = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return !name.empty() && only.header_count(name) > 0;
    });
    if (deciding) kept.push_back(header);
  }
  return kept;
}

}  // namespace deskwire::webhooks
