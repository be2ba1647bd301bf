#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire::worker {

/// What the adapters of ticket systems share in reading requests and answers. Pure.

/// Ticket systems number their objects; anything else must not get into a path.
std::optional<std::int64_t> integer_id(std::string_view id);

/// kUnknownOutcome: an answer of status 2xx that is not the documented one.
tl::unexpected<Error> not_understood(std::string_view what);

/// kUnsupported: a message in a customer's or an agent's name, where only replies are possible.
tl::unexpected<Error> not_in_that_name();

/// Reading changes nothing, so a read that went wrong has no unknown outcome: it is tried again.
Error of_a_read(Error error);

/// A 2xx body as a JSON object.
/// @errors kUnknownOutcome: anything else.
Result<nlohmann::json> object_of(const std::string& body, std::string_view what);

}  // namespace deskwire::worker
