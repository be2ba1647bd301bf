#include "cli/job_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/time_text.h"
#include "core/json.h"
#include "jobs/helpdesk_event.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

json time_or_null(std::int64_t unix_ms) { return unix_ms == 0 ? json(nullptr) : json(unix_ms); }
json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

std::string attempts(const jobs::Job& job) {
  return std::to_string(job.attempt) + "/" + std::to_string(job.max_attempts);
}

std::string moment(std::int64_t unix_ms, std::int64_t now_ms) {
  if (unix_ms == 0) return "-";
  const std::string relative = age(unix_ms, now_ms);
  return iso_time(unix_ms) + " (" + relative + (unix_ms <= now_ms ? " ago)" : ")");
}

}  // namespace

Table stats_table(const jobs::JobCounts& counts, const jobs::KindCounts& kinds) {
  std::vector<std::string> header{"STATE", "JOBS"};
  std::vector<const jobs::JobCounts*> columns{&counts};
  for (const auto& [kind, of_kind] : kinds) {
    const bool any = std::any_of(of_kind.begin(), of_kind.end(),
                                 [](const auto& state) { return state.second != 0; });
    if (!any) continue;
    header.push_back(kind);
    columns.push_back(&of_kind);
  }
  Table table(std::move(header));
  for (const char* state :
       {"scheduled", "available", "running", "retryable", "completed", "cancelled", "dead"}) {
    std::vector<std::string> row{state};
    for (const jobs::JobCounts* column : columns) {
      const auto found = column->find(state);
      row.push_back(std::to_string(found == column->end() ? 0 : found->second));
    }
    table.add(std::move(row));
  }
  return table;
}

std::string what_happened(const jobs::Job& job) {
  if (!job.outcome.empty()) return job.outcome;
  if (job.error_code.empty()) return job.worker.empty() ? "" : "on " + job.worker;
  return job.error_message.empty() ? job.error_code : job.error_code + ": " + job.error_message;
}

json to_json(const jobs::Job& job, bool with_payload) {
  json error = nullptr;
  if (!job.error_code.empty()) error = {{"code", job.error_code}, {"message", job.error_message}};
  json out = {
      {"id", job.id.str()},
      {"kind", job.kind},
      {"conversation", job.lane},
      {"state", std::string(name_of(job.state))},
      {"created_at_ms", time_or_null(job.created_at_ms)},
      {"due_at_ms", time_or_null(job.due_at_ms)},
      {"finished_at_ms", time_or_null(job.finished_at_ms)},
      {"attempt", job.attempt},
      {"max_attempts", job.max_attempts},
      {"crashes", job.crashes},
      {"worker", text_or_null(job.worker)},
      {"error", std::move(error)},
      {"outcome", text_or_null(job.outcome)},
      {"parent", text_or_null(job.parent.str())},
      {"root", text_or_null(job.root.str())},
      {"replay", text_or_null(job.replay.str())},
      {"leased_at_ms", time_or_null(job.leased_at_ms)},
  };
  if (with_payload) {
    auto payload = parse_json(job.payload);
    out["payload"] = payload ? std::move(*payload) : text_or_null(job.payload);
  }
  return out;
}

Table job_table(const std::vector<jobs::Job>& jobs, std::int64_t now_ms) {
  Table table({"JOB", "STATE", "KIND", "CONVERSATION", "TRIES", "AGE", "WHAT HAPPENED"});
  for (const jobs::Job& job : jobs) {
    table.add({job.id.str(), std::string(name_of(job.state)), job.kind, job.lane, attempts(job),
               age(job.created_at_ms, now_ms), what_happened(job)});
  }
  return table;
}

std::string job_line(const jobs::Job& job, std::int64_t now_ms) {
  std::string line = job.id.str() + "  " + printable(job.kind) + "  " + printable(job.lane) + "  " +
                     std::string(name_of(job.state)) + "  " + attempts(job);
  const bool waits =
      job.state == jobs::JobState::kScheduled || job.state == jobs::JobState::kRetryable;
  if (waits) line += "  due " + age(job.due_at_ms, now_ms);
  if (job.state == jobs::JobState::kRunning) return line + "  on " + printable(job.worker);
  const std::string happened = printable(what_happened(job));
  return happened.empty() ? line : line + "  " + happened;
}

Table history_table(const std::vector<jobs::PastAttempt>& history, std::int64_t now_ms) {
  Table table({"ATTEMPT", "ENDED", "TOOK", "WORKER", "WHAT HAPPENED"});
  for (const jobs::PastAttempt& one : history) {
    const bool timed = one.started_ms > 0 && one.ended_ms >= one.started_ms;
    const std::string code = one.error_code.empty() ? "done" : one.error_code;
    table.add({std::to_string(one.number), age(one.ended_ms, now_ms) + " ago",
               timed ? std::to_string(one.ended_ms - one.started_ms) + " ms" : "-", one.worker,
               one.error_message.empty() ? code : code + ": " + one.error_message});
  }
  return table;
}

json to_json(const std::vector<jobs::PastAttempt>& history) {
  json items = json::array();
  for (const jobs::PastAttempt& one : history) {
    items.push_back({{"attempt", one.number},
                     {"started_at_ms", time_or_null(one.started_ms)},
                     {"ended_at_ms", time_or_null(one.ended_ms)},
                     {"worker", text_or_null(one.worker)}});
    if (one.error_code.empty()) {
      items.back()["steps"] = one.error_message;
    } else {
      items.back()["error"] = {{"code", one.error_code}, {"message", one.error_message}};
    }
  }
  return items;
}

json to_json(const LookedUpReason& found) {
  return {{"job", text_or_null(found.job.str())},
          {"conversation", found.conversation},
          {"state", found.reason.state},
          {"why", found.reason.why}};
}

Table job_details(const jobs::Job& job, std::int64_t now_ms) {
  Table table({"job", job.id.str()});
  const auto row = [&table](const char* name, const std::string& value) {
    if (!value.empty() && value != "-") table.add({name, value});
  };
  row("state", std::string(name_of(job.state)));
  row("kind", job.kind);
  row("conversation", job.lane);
  row("created", moment(job.created_at_ms, now_ms));
  if (job.finished_at_ms == 0) row("due", moment(job.due_at_ms, now_ms));
  row("finished", moment(job.finished_at_ms, now_ms));
  row("attempts", attempts(job));
  if (job.crashes > 0) row("crashes", std::to_string(job.crashes));
  row("worker", job.worker);
  row("outcome", job.outcome);
  if (job.outcome == "replied") row("message", jobs::our_message_id(job.root.str(), 1));
  row("error", job.error_code);
  row("message", job.error_message);
  if (!job.parent.empty()) {
    row("replays", job.parent.str());
    // Same root, same effect keys: what an earlier one of the line has posted is not posted again.
    row("root", job.root.str());
  }
  return table;
}

}  // namespace deskwire::cli
