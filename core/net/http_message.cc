#include "core/net/http_message.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "core/json.h"
#include "core/net/http_text.h"

namespace deskwire::net {

namespace {

// Malformed escapes stay as they are: a query is never a reason to refuse a request.
std::string percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
      continue;
    }
    if (text[i] == '%' && i + 2 < text.size()) {
      unsigned value = 0;
      const char* first = text.data() + i + 1;
      const auto [end, error] = std::from_chars(first, first + 2, value, 16);
      if (error == std::errc() && end == first + 2) {
        decoded += static_cast<char>(value);
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

}  // namespace

std::string_view HttpRequest::path() const {
  const std::string_view whole = target;
  return whole.substr(0, whole.find('?'));
}

std::string HttpRequest::query(std::string_view name) const {
  const std::size_t mark = target.find('?');
  if (mark == std::string::npos) return {};
  std::string_view rest = std::string_view(target).substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals)) != name) continue;
    return equals == std::string_view::npos ? std::string()
                                            : percent_decode(pair.substr(equals + 1));
  }
  return {};
}

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return {};
}

std::size_t HttpRequest::header_count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(),
                    [name](const auto& field) { return equal_ignoring_case(field.first, name); }));
}

HttpResponse error_response(int code, std::string_view message, std::string_view field,
                            std::optional<Milliseconds> retry_after) {
  HttpResponse response;
  response.status = code / 100;
  response.body =
      R"({"error":{"code":)" + std::to_string(code) + R"(,"message":)" + json_quote(message);
  if (!field.empty()) response.body += R"(,"field":)" + json_quote(field);
  if (retry_after) {
    response.body += R"(,"retry_after_ms":)" + std::to_string(retry_after->count());
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*retry_after);
    response.headers.emplace_back("Retry-After", std::to_string(seconds.count()));
  }
  response.body += "}}";
  return response;
}

}  // namespace deskwire::net
