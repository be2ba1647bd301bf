#include "jobs/data_layout.h"

#include <string>

#include "jobs/keys.h"

namespace deskwire::jobs {
namespace {

constexpr const char* kWhat = "redis data layout";

Status judge(const Result<redis::Reply>& answer) {
  if (!answer) return fail(Error(answer.error()).prefixed(kWhat));
  if (answer->is_nil()) return {};
  const std::int64_t version = answer->as_integer(-1);
  if (version == kDataLayout) return {};
  if (version < 0) {
    return fail(ErrorCode::kCorrupt, std::string(kWhat) + ": " + keys::layout() +
                                         " holds no version; is this database another "
                                         "application's? name one of our own in redis.url");
  }
  return fail(ErrorCode::kUnsupported,
              std::string(kWhat) + ": the data is of version " + std::to_string(version) +
                  ", this deskwire works on version " + std::to_string(kDataLayout) + "; run the " +
                  (version > kDataLayout ? "newer" : "older") +
                  " deskwire that wrote it, or name an empty database in redis.url");
}

}  // namespace

Status check_data_layout(redis::Client& client) {
  return judge(client.call({"GET", keys::layout()}));
}

Status claim_data_layout(redis::Client& client) {
  // Read first: what is there already needs no write, which a full Redis would refuse.
  const auto there = client.call({"GET", keys::layout()});
  if (!there || !there->is_nil()) return judge(there);
  const auto made = client.call({"SET", keys::layout(), std::to_string(kDataLayout), "NX"});
  if (!made) return fail(Error(made.error()).prefixed(kWhat));
  return check_data_layout(client);
}

}  // namespace deskwire::jobs
