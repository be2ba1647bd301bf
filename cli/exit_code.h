#pragma once

#include "core/result.h"

namespace deskwire::cli {

/// What the process tells its caller (contract §6).
enum ExitCode : int {
  kDone = 0,
  kNotDone = 1,
  kUsage = 2,
  kUnreachable = 3,  ///< Redis or the server.
};

/// Prints `deskwire: <message>` on standard error.
/// @return kUnreachable for kUnavailable and kTimeout, else kNotDone.
ExitCode report(const Error& error);

}  // namespace deskwire::cli
