#include "cli/jobs_bulk.h"

#include <pwd.h>
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/job_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kProgressFrom = 50;

std::string actor() {
  const passwd* user = ::getpwuid(::geteuid());
  return std::string("cli:") + (user != nullptr ? user->pw_name : std::to_string(::geteuid()));
}

/// "12 of 400" on one line of a terminal's standard error, every hundredth of the way.
class Progress {
 public:
  explicit Progress(std::size_t total)
      : total_(total), shown_(total >= kProgressFrom && ::isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (shown_) std::cerr << "\r\033[K";
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void done(std::size_t count) const {
    if (shown_ && count % (total_ / 100 + 1) == 0) {
      std::cerr << '\r' << count << " of " << total_ << std::flush;
    }
  }

 private:
  const std::size_t total_;
  const bool shown_;
};

struct Outcome {
  json done = json::array();
  json failed = json::array();
  bool unreachable = false;
};

Result<JobId> act(jobs::JobStore& store, const JobId& id, const BulkOptions& options,
                  const std::string& who) {
  if (options.verb == BulkVerb::kReplay) {
    return store.replay(id, options.again, who, options.reason);
  }
  const auto retried = store.retry_now(id, who, options.reason);
  if (!retried) return fail(retried.error());
  return id;
}

Outcome act_on_all(jobs::JobStore& store, const std::vector<jobs::Job>& selected,
                   const BulkOptions& options) {
  Outcome outcome;
  const std::string who = actor();
  const Progress progress(selected.size());
  std::size_t count = 0;
  for (const jobs::Job& job : selected) {
    const auto made = act(store, job.id, options, who);
    if (made) {
      outcome.done.push_back({{"id", job.id.str()}, {"job", made->str()}});
    } else {
      outcome.failed.push_back({{"id", job.id.str()},
                                {"code", std::string(name_of(made.error().code))},
                                {"message", made.error().message}});
      // Going on would only repeat this for every job.
      outcome.unreachable = made.error().code == ErrorCode::kUnavailable;
      if (outcome.unreachable) break;
    }
    progress.done(++count);
  }
  return outcome;
}

int dry_run(const std::vector<jobs::Job>& selected, const BulkOptions& options,
            std::int64_t now_ms) {
  if (options.json) {
    json items = json::array();
    for (const jobs::Job& job : selected) items.push_back(to_json(job, false));
    std::cout << dump_json({{"dry_run", true}, {"jobs", std::move(items)}}) << '\n';
    return kDone;
  }
  job_table(selected, now_ms).print(std::cout, terminal_width());
  std::cout << selected.size() << (selected.size() == 1 ? " job" : " jobs") << " would be "
            << (options.verb == BulkVerb::kReplay ? "replayed" : "retried")
            << "; nothing was changed.\n";
  return kDone;
}

void print_outcome(const Outcome& outcome, const BulkOptions& options) {
  if (options.json) {
    std::cout << dump_json({{"done", outcome.done}, {"failed", outcome.failed}}) << '\n';
    return;
  }
  const bool replay = options.verb == BulkVerb::kReplay;
  if (outcome.done.size() == 1) {
    const auto& one = outcome.done.front();
    std::cout << string_at(one, "id")
              << (replay ? " is replayed as " + string_at(one, "job") : " runs now") << '\n';
  } else if (!outcome.done.empty()) {
    std::cout << outcome.done.size() << " jobs were " << (replay ? "replayed" : "retried") << ".\n";
  }
  for (const auto& one : outcome.failed) {
    std::cerr << "deskwire: " << string_at(one, "message") << '\n';
  }
}

}  // namespace

int run_bulk(JobAccess& access, const BulkOptions& options) {
  const std::int64_t now_ms = access.clock().wall_ms();
  const auto state =
      options.verb == BulkVerb::kReplay ? jobs::JobState::kDead : jobs::JobState::kRetryable;
  const auto selected = select_jobs(access.store(), options.ids, options.filter, state, now_ms);
  if (!selected) return report(selected.error());
  if (selected->empty()) {
    std::cerr << "deskwire: no job fits\n";
    return kNotDone;
  }
  if (options.dry_run) return dry_run(*selected, options, now_ms);
  const Outcome outcome = act_on_all(access.store(), *selected, options);
  print_outcome(outcome, options);
  if (outcome.unreachable) return kUnreachable;
  return outcome.failed.empty() ? kDone : kNotDone;
}

}  // namespace deskwire::cli
