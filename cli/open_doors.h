#pragma once

#include <string>

#include "config/config.h"
#include "core/result.h"

namespace deskwire::cli {

/// Where the doors of a running `serve` are: "host:port", empty for one that is closed.
struct OpenDoors {
  std::string receiver;
  std::string gateway;
  std::string admin;
};

/// Leaves them in data_dir/doors.json for the commands of the same config, which cannot know what a
/// port 0 became.
/// @errors kUnavailable: the file cannot be written.
Status leave_open_doors(const std::string& data_dir, const OpenDoors& doors);
void forget_open_doors(const std::string& data_dir);

/// "host:port" of a door of this machine's `serve`: as the config says, and for port 0 as the
/// running process has left it.
/// @param door    The name of the member of OpenDoors.
/// @param listen  What the config says of that door.
/// @errors kInvalid: not an address. kUnavailable: port 0, and nobody has left an address.
Result<std::string> door_address(const config::Config& config, const std::string& door,
                                 const std::string& listen);

}  // namespace deskwire::cli
