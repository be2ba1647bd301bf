#include "cli/exit_code.h"

#include <iostream>

namespace deskwire::cli {

ExitCode report(const Error& error) {
  std::cerr << "deskwire: " << error.message << '\n';
  const bool unreachable =
      error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout;
  return unreachable ? kUnreachable : kNotDone;
}

}  // namespace deskwire::cli
