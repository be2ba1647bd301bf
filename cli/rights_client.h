#pragma once

#include <memory>

#include "config/config.h"
#include "publishers/rights_service.h"

namespace deskwire::cli {

/// Asks an issuer's service over HTTP.
std::unique_ptr<publishers::RightsService> make_rights_client(
    const config::RightsCallback& settings);

}  // namespace deskwire::cli
