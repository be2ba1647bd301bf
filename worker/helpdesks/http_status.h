#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// The body of a 2xx answer; otherwise what the status says about the effect, in the words of
/// HelpdeskClient. Pure.
///
/// @param what  "POST messages": for the error's message; the body is never part of it.
Result<std::string> body_or_error(HttpResponse response, std::string_view what);

/// Seconds of a Retry-After header, clamped to 1..300 s; 5 s when it is missing or a date.
Milliseconds retry_after_of(std::string_view header);

}  // namespace deskwire::worker
