#pragma once

#include <string>

#include "config/config.h"

namespace deskwire::config {

/// All settings as JSON like show(), but with a digest where that has "[redacted]": equal texts
/// mean equal settings, secrets included. For comparing only, never to be shown or logged: a short
/// secret could be guessed from its digest.
std::string fingerprint(const Config& config);
std::string fingerprint(const Source& source);
std::string fingerprint(const Replies& replies);

}  // namespace deskwire::config
