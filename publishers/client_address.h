#pragma once

#include <string>

#include "config/config.h"
#include "core/net/http_message.h"

namespace deskwire::publishers {

/// The client's address: the peer's, or, behind a trusted proxy, the last one in X-Forwarded-For
/// that is not itself a trusted proxy. What stands before it was written by the client and means
/// nothing; several such headers are one list (RFC 9110 §5.3). An entry that is no address ends the
/// search: the proxy that wrote it then stands for its client.
std::string client_address(const net::HttpRequest& request, const config::Gateway& settings);

}  // namespace deskwire::publishers
