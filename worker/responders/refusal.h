#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// What a status that is not 2xx means for whoever asked for an answer. The body is never repeated:
/// it may quote the customer.
Error refusal(const HttpResponse& response, std::string_view what);

/// An error of a call whose repetition does no harm: what is not known to have arrived did not.
Error of_a_question(Error error);

/// A URL as its origin and the rest, which begins with a slash.
std::pair<std::string, std::string> origin_and_path(const std::string& url);

}  // namespace deskwire::worker
