#include "cli/job_selection.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/time_text.h"
#include "core/channel.h"
#include "jobs/event_table.h"
#include "jobs/send_payload.h"

namespace deskwire::cli {

std::string check_job_kind(const std::string& kind) {
  for (const std::string_view known : {std::string_view("reply"), std::string_view("handoff"),
                                       jobs::kSendKind, jobs::kDeliveryKind}) {
    if (kind == known) return {};
  }
  return "is none of reply, handoff, send, delivery";
}

Status check_kind_field(const std::string& kind) {
  const std::string wrong = kind.empty() ? std::string() : check_job_kind(kind);
  if (wrong.empty()) return {};
  return fail(ErrorCode::kInvalid, "kind: " + wrong);
}

std::string conversation_of_argument(const std::string& text) {
  const std::string_view key = deskwire::conversation_of(text);
  return key.empty() ? text : std::string(key);
}

void add_filter_options(CLI::App& command, FilterOptions& options, std::size_t limit) {
  options.limit = limit;
  command.add_option("--state", options.state,
                     "scheduled, available, running, retryable, completed, cancelled, dead");
  command.add_option("--kind", options.kind, "reply, handoff, send, delivery")
      ->check(check_job_kind);
  command.add_option("--conversation", options.conversation, "Key of one conversation");
  command.add_option("--error", options.error, "Code of the last failure, such as rate_limited");
  command.add_option("--since", options.since,
                     "Made since then: 90s, 15m, 2h, 7d ago or 2026-11-21T10:00:00Z");
  command.add_option("--until", options.until, "Made before then; as --since");
  command.add_option("--limit", options.limit, "At most so many")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100000}))
      ->capture_default_str();
}

Result<jobs::JobFilter> read_filter(const FilterOptions& options, std::int64_t now_ms) {
  jobs::JobFilter filter;
  if (!options.state.empty()) {
    filter.state = jobs::job_state_of(options.state);
    if (!filter.state) {
      return fail(ErrorCode::kInvalid, "--state " + options.state +
                                           ": is not one of scheduled, available, running, "
                                           "retryable, completed, cancelled, dead");
    }
  }
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, now_ms);
    if (!since) return fail(Error(since.error()).prefixed("--since"));
    filter.since_ms = *since;
  }
  if (!options.until.empty()) {
    const auto until = parse_since(options.until, now_ms);
    if (!until) return fail(Error(until.error()).prefixed("--until"));
    filter.until_ms = *until;
  }
  filter.kind = options.kind;
  filter.lane = conversation_of_argument(options.conversation);
  filter.error_code = options.error;
  filter.limit = options.limit;
  return filter;
}

bool fits(const jobs::Job& job, const jobs::JobFilter& filter) {
  return (!filter.state || job.state == *filter.state) &&
         (filter.kind.empty() || job.kind == filter.kind) &&
         (filter.lane.empty() || job.lane == filter.lane) &&
         (filter.error_code.empty() || job.error_code == filter.error_code);
}

Result<std::vector<jobs::Job>> select_jobs(jobs::JobStore& store,
                                           const std::vector<std::string>& ids,
                                           const FilterOptions& options,
                                           jobs::JobState default_state, std::int64_t now_ms) {
  std::vector<jobs::Job> selected;
  if (options.any()) {
    auto filter = read_filter(options, now_ms);
    if (!filter) return fail(std::move(filter.error()));
    if (!filter->state) filter->state = default_state;
    auto found = store.list(*filter);
    if (!found) return found;
    selected = std::move(*found);
  }
  for (const std::string& id : ids) {
    auto job = store.get(JobId(id));
    if (!job) return fail(std::move(job.error()));
    selected.push_back(std::move(*job));
  }
  std::sort(selected.begin(), selected.end(), [](const jobs::Job& a, const jobs::Job& b) {
    return a.created_at_ms != b.created_at_ms ? a.created_at_ms < b.created_at_ms : a.id < b.id;
  });
  const auto same = [](const jobs::Job& a, const jobs::Job& b) { return a.id == b.id; };
  selected.erase(std::unique(selected.begin(), selected.end(), same), selected.end());
  return selected;
}

}  // namespace deskwire::cli
