#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>

#include "core/net/http_message.h"
#include "core/result.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

// What operators' requests at the admin door have in common.
bool is_read(const net::HttpRequest& request);  ///< GET or HEAD
/// The body of a change: an object, {} when there is none. @errors kInvalid
Result<nlohmann::json> body_of(const net::HttpRequest& request);
/// For the audit: "actor" of the body with the address it came from, or the address alone.
jobs::Operator operator_of(const net::HttpRequest& request, const nlohmann::json& body);

}  // namespace deskwire::cli
