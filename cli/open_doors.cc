#include "cli/open_doors.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/config_choice.h"
#include "config/load.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

std::string file_of(const std::string& data_dir) { return data_dir + "/doors.json"; }

}  // namespace

Status leave_open_doors(const std::string& data_dir, const OpenDoors& doors) {
  const std::string path = file_of(data_dir);
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << dump_json(
              {{"receiver", doors.receiver}, {"gateway", doors.gateway}, {"admin", doors.admin}})
       << '\n';
  file.close();
  // In one step, so that nobody reads half of it.
  if (!file || std::rename(draft.c_str(), path.c_str()) != 0) {
    return fail(ErrorCode::kUnavailable, "write " + path + ": the addresses cannot be left there");
  }
  return {};
}

void forget_open_doors(const std::string& data_dir) { std::remove(file_of(data_dir).c_str()); }

Result<std::string> door_address(const config::Config& config, const std::string& door,
                                 const std::string& listen) {
  const auto address = config::parse_listen(listen);
  if (!address) return fail(address.error());
  if (address->port != 0) return reachable_address(listen);
  std::ifstream file(file_of(config.data_dir));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto doors = parse_json(text);
  const std::string open = doors ? string_at(*doors, door) : std::string();
  if (open.empty()) {
    return fail(ErrorCode::kUnavailable,
                door +
                    ": the config says port 0, and no running `deskwire serve` has left its "
                    "address in " +
                    file_of(config.data_dir) + "; start it, or name the address with --url");
  }
  return reachable_address(open);
}

}  // namespace deskwire::cli
