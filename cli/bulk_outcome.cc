#include "cli/bulk_outcome.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"

namespace deskwire::cli {
namespace {

constexpr std::size_t kFailuresShown = 20;

}  // namespace

void BulkOutcome::add(const JobId& id, const Result<JobId>& made) {
  if (made) {
    done.emplace_back(id, *made);
    return;
  }
  const ErrorCode code = made.error().code;
  failed.emplace_back(id, made.error());
  unreachable = code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout;
}

int BulkOutcome::exit_code() const {
  if (unreachable) return kUnreachable;
  return failed.empty() ? kDone : kNotDone;
}

nlohmann::json to_json(const BulkOutcome& outcome) {
  nlohmann::json done = nlohmann::json::array();
  for (const auto& [id, made] : outcome.done) {
    done.push_back({{"id", id.str()}, {"job", made.str()}});
  }
  nlohmann::json failed = nlohmann::json::array();
  for (const auto& [id, error] : outcome.failed) {
    failed.push_back(
        {{"id", id.str()}, {"code", std::string(name_of(error.code))}, {"message", error.message}});
  }
  return {{"done", std::move(done)}, {"failed", std::move(failed)}};
}

void print_failures(const BulkOutcome& outcome) {
  std::size_t shown = 0;
  for (const auto& [id, error] : outcome.failed) {
    if (++shown > kFailuresShown) break;
    std::cerr << "deskwire: " << error.message << '\n';
  }
  if (outcome.failed.size() > kFailuresShown) {
    std::cerr << "deskwire: and " << outcome.failed.size() - kFailuresShown
              << " more; --json names them\n";
  }
}

}  // namespace deskwire::cli
