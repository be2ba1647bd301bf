#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/net/http_message.h"
#include "core/result.h"

namespace deskwire::cli {

// The answers of the admin door.
net::HttpResponse json_response(int status, const nlohmann::json& body);
/// 400, 404, 409, 503 or 500, by the code.
net::HttpResponse error_of(const Error& error);
net::HttpResponse method_not_allowed(const char* allowed);

}  // namespace deskwire::cli
