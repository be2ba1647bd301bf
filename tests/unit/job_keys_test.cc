#include "core/channel.h"
#include "core/hash.h"
#include "jobs/keys.h"
#include "tests/support/catch.h"

namespace deskwire::jobs {
namespace {

/// The slot of a key as Redis Cluster computes it: of its hash tag where it has one.
std::uint16_t slot_of(const std::string& key) {
  const std::size_t open = key.find('{');
  const std::size_t close = key.find('}', open + 1);
  const bool tagged = open != std::string::npos && close != std::string::npos && close > open + 1;
  return crc16(tagged ? key.substr(open + 1, close - open - 1) : key) % 16384;
}

TEST_CASE("all keys of a shard are in one cluster slot", "[jobs][keys]") {
  for (int shard = 0; shard < kShardCount; ++shard) {
    const std::uint16_t slot = slot_of(keys::prefix(shard));
    const JobId id = new_job_id(1, shard);
    for (const std::string& key :
         {keys::job(shard, id), keys::payload(shard, id), keys::bell(shard)}) {
      CHECK(slot_of(key) == slot);
      CHECK(keys::shard_of(key) == shard);
    }
  }
  for (const std::string lane : {"42", "acme~42", "contact-7", "a}b{c", ""}) {
    const std::uint16_t slot = slot_of(keys::prefix(shard_of_lane(lane)));
    CHECK(slot_of(keys::conversation(lane)) == slot);
    CHECK(slot_of(keys::messages(lane)) == slot);
  }
}

TEST_CASE("foreign keys have no shard", "[jobs][keys]") {
  for (const char* key : {"", "dw:", "dw:{", "dw:{}:", "dw:{16}:bell", "dw:{-1}:bell", "dw:{3}bell",
                          "dw:{3x}:bell", "bull:x", "dw:{99999999999}:bell"}) {
    CAPTURE(key);
    CHECK(keys::shard_of(key) == -1);
  }
}

}  // namespace
}  // namespace deskwire::jobs
