#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Forms of single values. Each answers nullopt for a good one, else `<cause>; <what to do>`.
namespace deskwire::config::checks {

using Mistake = std::optional<std::string>;
using Check = Mistake (*)(std::string_view value);

Mistake not_empty(std::string_view value);
Mistake listen_address(std::string_view value);
Mistake redis_url(std::string_view value);      ///< Never repeats the value: it has a password.
Mistake address_range(std::string_view value);  ///< "10.0.0.1" or "10.0.0.0/8", also IPv6.
Mistake link_pattern(std::string_view value);   ///< An address with {placeholders}, or empty.
Mistake base_url(std::string_view value);       ///< Empty is fine.
Mistake origin(std::string_view value);         ///< `https://host[:port]` or `*`.
Mistake host_name(std::string_view value);      ///< A Host header's value without the port.
Mistake header_name(std::string_view value);
Mistake signature_scheme(std::string_view value);  ///< Empty is fine.
Mistake source_name(std::string_view value);
Mistake name_space(std::string_view value);  ///< Empty is fine.
Mistake key_id(std::string_view value);
Mistake operation(std::string_view value);  ///< subscribe, publish, presence, history, sla
Mistake channel_prefix(std::string_view value);
Mistake sla_field(std::string_view value);     ///< source, inbox, …, contact.<attribute>
Mistake sla_operator(std::string_view value);  ///< is, is_not, contains, contains_not, exists, …
Mistake pause_reason(std::string_view value);  ///< pending, snoozed, on_hold
Mistake step_unless(std::string_view value);   ///< acked, snoozed
Mistake step_hours(std::string_view value);    ///< always, calendar:<name>
Mistake entry_name(std::string_view value);    ///< Of a policy, calendar or sink.
Mistake time_zone(std::string_view value);     ///< One that this system knows, or empty.
Mistake responder(std::string_view value);     ///< template, openai, http
Mistake pattern(std::string_view value);       ///< An RE2 expression; empty is fine.
Mistake language(std::string_view value);      ///< "en"
Mistake hand_off_language(std::string_view value);
Mistake day_name(std::string_view value);     ///< mon … sun
Mistake time_of_day(std::string_view value);  ///< "09:00"; empty is fine.
Mistake url_path(std::string_view value);     ///< "/v1/…"

}  // namespace deskwire::config::checks
