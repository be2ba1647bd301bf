// deskwire jobs why: one sentence.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/job_reason.h"
#include "cli/job_selection.h"
#include "cli/jobs_commands.h"
#include "cli/table.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

struct WhyOptions {
  ConfigChoice config;
  std::string of;
  bool json = false;
};

int say(const WhyOptions& options, const json& of, const std::string& subject,
        const JobReason& reason) {
  if (options.json) {
    json out = of;
    out["state"] = reason.state;
    out["why"] = reason.why;
    std::cout << dump_json(out) << '\n';
  } else {
    std::cout << subject << ": " << reason.why << '\n';
  }
  return kDone;
}

int why_job(JobAccess& access, const WhyOptions& options, const jobs::Job& job) {
  const auto lane = access.operators().look(job.lane, job.id);
  if (!lane) return report(lane.error());
  return say(options, {{"job", job.id.str()}, {"conversation", job.lane}}, "job " + job.id.str(),
             reason_of_job(job, *lane));
}

int why_conversation(JobAccess& access, const WhyOptions& options) {
  const std::string key = conversation_of_argument(options.of);
  const auto lane = access.operators().look(key, {});
  if (!lane) return report(lane.error());
  std::optional<jobs::Job> last;
  if (lane->length == 0) {
    auto found = access.operators().last_finished(key);
    if (!found) return report(found.error());
    last = std::move(*found);
    const auto state = access.store().conversation(key);
    if (!state) return report(state.error());
    if (!last && state->source.empty()) {
      return report({ErrorCode::kNotFound,
                     "why " + printable(options.of) +
                         ": no job and no conversation of this name is known; conversations of a "
                         "source with a namespace are written namespace~id"});
    }
  }
  return say(options, {{"job", nullptr}, {"conversation", key}}, "conversation " + printable(key),
             reason_of_conversation(*lane, last));
}

int why(const WhyOptions& options) {
  return with_jobs(options.config, [&](JobAccess& access) -> int {
    const auto job = access.store().get(JobId(options.of));
    if (job) return why_job(access, options, *job);
    if (job.error().code != ErrorCode::kNotFound) return report(job.error());
    if (shard_of_job(JobId(options.of))) {
      return report(
          {ErrorCode::kNotFound, "why " + options.of +
                                     ": no such job; finished ones are kept for as long as config "
                                     "jobs.retention says"});
    }
    return why_conversation(access, options);
  });
}

}  // namespace

void add_jobs_why(CLI::App& jobs, Action& action) {
  auto options = std::make_shared<WhyOptions>();
  auto* command =
      jobs.add_subcommand("why", "What a conversation or a job waits for, in a sentence");
  add_config_options(*command, options->config);
  command->add_option("of", options->of, "A conversation's key or a job's id")->required();
  command->add_flag("--json", options->json, "{\"state\":\"waiting\",\"why\":\"…\",…}");
  command->callback([options, &action] { action = [options] { return why(*options); }; });
}

}  // namespace deskwire::cli
