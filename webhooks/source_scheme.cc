#include "webhooks/source_scheme.h"

#include <algorithm>
#include <string_view>

#include "webhooks/source_parser.h"

namespace deskwire::webhooks {
namespace {

bool has_its_headers(const SignatureScheme& scheme, const net::HttpRequest& request) {
  return request.header_count(scheme.signature_header) > 0 &&
         std::all_of(scheme.parts.begin(), scheme.parts.end(), [&](const SignedPart& part) {
           return part.kind != SignedPart::Kind::kHeader || request.header_count(part.text) > 0;
         });
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::vector<const SignatureScheme*> schemes_of(const config::Source& source) {
  std::vector<const SignatureScheme*> schemes;
  if (!source.scheme.empty()) {
    // The config was checked against the same names; a test holds them together.
    if (const auto* scheme = find_scheme(source.scheme)) schemes.push_back(scheme);
  }
  if (schemes.empty()) {
    for (const std::string_view name : parser_for(source.type).schemes()) {
      schemes.push_back(find_scheme(name));
    }
  }
  return schemes;
}

const SignatureScheme& scheme_of(const config::Source& source, const net::HttpRequest& request) {
  const auto schemes = schemes_of(source);
  for (const SignatureScheme* scheme : schemes) {
    if (has_its_headers(*scheme, request)) return *scheme;
  }
  return *schemes.front();
}

SignedMessage signed_message(const net::HttpRequest& request) {
  return {request.method, request.target, request.body, [&request](std::string_view name) {
            std::vector<std::string_view> values;
            for (const auto& [key, value] : request.headers) {
              if (equal_ignoring_case(key, name)) values.emplace_back(value);
            }
            return values;
          }};
}

std::string address_of(const config::Source& source, const net::HttpRequest& request) {
  if (source.public_url.empty()) {
    return "https://" + std::string(request.header("Host")) + request.target;
  }
  const std::string_view target = request.target;
  const std::size_t query = target.find('?');
  return source.public_url +
         (query == std::string_view::npos ? std::string() : std::string(target.substr(query)));
}

bool signs_address(const SignatureScheme& scheme) {
  return std::any_of(scheme.parts.begin(), scheme.parts.end(),
                     [](const SignedPart& part) { return part.kind == SignedPart::Kind::kUri; });
}

}  // namespace deskwire::webhooks
