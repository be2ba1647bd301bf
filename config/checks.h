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
Mistake redis_url(std::string_view value);  ///< Never repeats the value: it has a password.
Mistake base_url(std::string_view value);   ///< Empty is fine.
Mistake origin(std::string_view value);     ///< `https://host[:port]` or `*`.
Mistake host_name(std::string_view value);  ///< A Host header's value without the port.
Mistake source_name(std::string_view value);
Mistake name_space(std::string_view value);  ///< Empty is fine.
Mistake key_id(std::string_view value);
Mistake operation(std::string_view value);  ///< subscribe, publish, presence, history, sla
Mistake channel_prefix(std::string_view value);
Mistake responder(std::string_view value);

}  // namespace deskwire::config::checks
