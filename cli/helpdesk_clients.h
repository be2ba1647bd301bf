#pragma once

#include <memory>

#include "config/config.h"
#include "worker/helpdesk_client.h"

namespace deskwire::cli {

/// The API client of a source's helpdesk.
std::unique_ptr<worker::HelpdeskClient> make_helpdesk_client(const config::Source& source);

}  // namespace deskwire::cli
