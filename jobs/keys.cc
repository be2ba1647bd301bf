#include "jobs/keys.h"

#include <charconv>

#include "core/channel.h"

namespace deskwire::jobs::keys {
namespace {

constexpr std::string_view kOpening = "dw:{";
constexpr std::string_view kClosing = "}:";

std::string of_lane(std::string_view kind, std::string_view lane) {
  return prefix(shard_of_lane(lane)).append(kind).append(lane);
}

}  // namespace

std::string prefix(int shard) {
  return std::string(kOpening).append(std::to_string(shard)).append(kClosing);
}

std::string job(int shard, const JobId& id) { return prefix(shard) + "j:" + id.str(); }
std::string payload(int shard, const JobId& id) { return prefix(shard) + "p:" + id.str(); }
std::string history(int shard, const JobId& id) { return prefix(shard) + "h:" + id.str(); }
std::string conversation(std::string_view lane) { return of_lane("c:", lane); }
std::string messages(std::string_view lane) { return of_lane("m:", lane); }
std::string bell(int shard) { return prefix(shard) + "bell"; }
std::string clocks(std::string_view lane) { return of_lane("clk:", lane); }
std::string alert(int shard, std::string_view event_id) {
  return prefix(shard).append("alert:").append(event_id);
}
std::string outgoing(int shard) { return prefix(shard) + "out"; }
std::string clock_bell(int shard) { return prefix(shard) + "clockbell"; }
std::string layout() { return prefix(0) + "layout"; }

int shard_of(std::string_view key) {
  if (!key.starts_with(kOpening)) return -1;
  key.remove_prefix(kOpening.size());
  int shard = -1;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), shard);
  key.remove_prefix(static_cast<std::size_t>(end - key.data()));
  const bool known =
      error == std::errc() && key.starts_with(kClosing) && shard >= 0 && shard < kShardCount;
  return known ? shard : -1;
}

}  // namespace deskwire::jobs::keys
