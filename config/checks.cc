#include "config/checks.h"

#include <algorithm>
#include <array>
#include <vector>

#include "config/load.h"
#include "config/nearest.h"
#include "config/problems.h"
#include "config/signature_schemes.h"
#include "core/net/address_range.h"
#include "core/redis/redis_url.h"
#include "core/time_zone.h"

namespace deskwire::config::checks {
namespace {

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kDigits = "0123456789";

bool consists_of(std::string_view value, std::initializer_list<std::string_view> sets) {
  for (const char c : value) {
    bool found = false;
    for (const std::string_view set : sets) found = found || set.find(c) != std::string_view::npos;
    if (!found) return false;
  }
  return true;
}

/// `scheme://authority…` of http or https; nullopt otherwise.
std::optional<std::string_view> after_http_scheme(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme)) return url.substr(scheme.size());
  }
  return std::nullopt;
}

bool is_authority(std::string_view text) {
  const bool characters_ok = consists_of(text, {kLower, kUpper, kDigits, "-._:[]"});
  return !text.empty() && characters_ok && text.front() != ':';
}

Mistake one_of(std::string_view value, const std::vector<std::string>& known) {
  std::string all;
  for (const std::string& word : known) {
    if (word == value) return std::nullopt;
    all += (all.empty() ? "" : ", ") + word;
  }
  const auto meant = nearest(value, known);
  return in_quotes(value) + " is not one of " + all +
         (meant ? "; did you mean \"" + *meant + "\"?" : "");
}

}  // namespace

Mistake not_empty(std::string_view value) {
  if (!value.empty()) return std::nullopt;
  return "is empty";
}

Mistake listen_address(std::string_view value) {
  const auto parsed = parse_listen(value);
  if (parsed) return std::nullopt;
  return parsed.error().message;
}

Mistake redis_url(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const auto parsed = redis::parse_redis_url(value);
  if (parsed) return std::nullopt;
  if (parsed.error().code == ErrorCode::kUnsupported) {
    return "rediss:// needs a hiredis with TLS, which this build does not have; "
           "use redis://, unix:// or a local TLS tunnel";
  }
  return "is not a Redis URL; write redis://[[user]:password@]host[:port][/database], "
         "unix://[[user]:password@]/path/to.sock[?db=N] or "
         "redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master-name[/database]";
}

Mistake link_pattern(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const auto rest = after_http_scheme(value);
  // Placeholders, queries and fragments are welcome: people open it, we do not.
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '<' && c != '>';
  });
  if (rest && is_authority(rest->substr(0, rest->find_first_of("/?#"))) && plain) {
    return std::nullopt;
  }
  return in_quotes(value) + " is no address; write http:// or https:// and a host, without spaces";
}

Mistake base_url(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const auto rest = after_http_scheme(value);
  if (!rest) return in_quotes(value) + " does not begin with http:// or https://";
  const std::size_t slash = rest->find('/');
  const std::string_view path =
      slash == std::string_view::npos ? std::string_view() : rest->substr(slash);
  if (!is_authority(rest->substr(0, slash))) {
    return "is not a URL; write http(s)://host[:port][/path] without user and password";
  }
  if (!consists_of(path, {kLower, kUpper, kDigits, "-._~/%"})) {
    return in_quotes(value) + " has more than a path; leave out '?', '#' and spaces";
  }
  return std::nullopt;
}

Mistake address_range(std::string_view value) {
  if (net::AddressRange::parse(value)) return std::nullopt;
  return in_quotes(value) + " is no address; write 192.0.2.7, 10.0.0.0/8 or fd00::/8";
}

Mistake origin(std::string_view value) {
  if (value == "*") return std::nullopt;
  const auto rest = after_http_scheme(value);
  if (rest && is_authority(*rest)) return std::nullopt;
  return in_quotes(value) + " is not an origin; write https://host[:port] without a path, or \"*\"";
}

Mistake host_name(std::string_view value) {
  const bool ipv6 = value.starts_with('[') && value.ends_with(']');
  const bool characters_ok = consists_of(value, {kLower, kUpper, kDigits, ipv6 ? "-._:[]" : "-._"});
  if (!value.empty() && value.size() <= 253 && characters_ok) return std::nullopt;
  return in_quotes(value) + " is not a host name; write it without scheme and port";
}

Mistake source_name(std::string_view value) {
  if (!value.empty() && value.size() <= 64 && consists_of(value, {kLower, kDigits, "_-"})) {
    return std::nullopt;
  }
  return in_quotes(value) + " is not 1..64 characters of a-z, 0-9, '_', '-'";
}

Mistake name_space(std::string_view value) {
  if (value.size() <= 64 && consists_of(value, {kLower, kUpper, kDigits, "_.-"})) {
    return std::nullopt;
  }
  return in_quotes(value) + " is not at most 64 characters of A-Z, a-z, 0-9, '_', '.', '-'";
}

Mistake key_id(std::string_view value) {
  if (!value.empty()) return name_space(value);
  return "is empty; any short name will do, such as \"2026-11\"";
}

Mistake operation(std::string_view value) {
  static const std::vector<std::string> operations = {"subscribe", "publish", "presence", "history",
                                                      "sla"};
  for (const std::string& known : operations) {
    if (value == known) return std::nullopt;
  }
  const auto meant = nearest(value, operations);
  return in_quotes(value) + " is not one of subscribe, publish, presence, history, sla" +
         (meant ? "; did you mean \"" + *meant + "\"?" : "");
}

Mistake channel_prefix(std::string_view value) {
  const bool form_ok = !value.empty() && value.size() <= 128 && value.front() != ':' &&
                       value.find("::") == std::string_view::npos &&
                       consists_of(value, {kLower, kUpper, kDigits, "_.~:-"});
  if (form_ok) return std::nullopt;
  return in_quotes(value) + " is not the beginning of a channel name; write for example \"room:\"";
}

Mistake header_name(std::string_view value) {
  const bool form_ok =
      !value.empty() && value.size() <= 64 && consists_of(value, {kLower, kUpper, kDigits, "-_"});
  if (form_ok) return std::nullopt;
  return in_quotes(value) + " is not a header's name; use 1..64 letters, digits, '-' and '_'";
}

Mistake signature_scheme(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const std::vector<std::string> known(kSignatureSchemes.begin(), kSignatureSchemes.end());
  std::string list;
  for (const std::string& one : known) {
    if (value == one) return std::nullopt;
    list += (list.empty() ? "" : ", ") + one;
  }
  const auto meant = nearest(value, known);
  return in_quotes(value) + " is not one of " + list +
         (meant ? "; did you mean \"" + *meant + "\"?" : "");
}

Mistake sla_field(std::string_view value) {
  constexpr std::string_view kContact = "contact.";
  if (value.starts_with(kContact) && value.size() > kContact.size()) return std::nullopt;
  return one_of(value,
                {"source", "inbox", "labels", "priority", "team", "sla", "contact.<attribute>"});
}

Mistake sla_operator(std::string_view value) {
  return one_of(value, {"is", "is_not", "contains", "contains_not", "exists", "missing"});
}

Mistake pause_reason(std::string_view value) {
  return one_of(value, {"pending", "snoozed", "on_hold"});
}

Mistake step_unless(std::string_view value) { return one_of(value, {"acked", "snoozed"}); }

Mistake step_hours(std::string_view value) {
  constexpr std::string_view kCalendar = "calendar:";
  if (value == "always" || (value.starts_with(kCalendar) && value.size() > kCalendar.size())) {
    return std::nullopt;
  }
  return in_quotes(value) + " is neither always nor calendar:<name of one of sla.calendars>";
}

Mistake entry_name(std::string_view value) {
  constexpr std::size_t kMaxBytes = 64;
  if (!value.empty() && value.size() <= kMaxBytes &&
      consists_of(value, {kLower, kUpper, kDigits, "_-.:"})) {
    return std::nullopt;
  }
  return in_quotes(value) + " is no name; use 1..64 of A-Z a-z 0-9 _ - . :";
}

Mistake time_zone(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const auto zone = TimeZone::load(std::string(value));
  if (zone) return std::nullopt;
  return in_quotes(value) + " " + zone.error().message;
}

}  // namespace deskwire::config::checks
