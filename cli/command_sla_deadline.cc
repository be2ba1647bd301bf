// deskwire sla deadline|elapsed: what the clocks compute, for a schedule in a file.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/sla_commands.h"
#include "config/problems.h"
#include "config/schedule_file.h"
#include "core/json.h"
#include "core/timestamp.h"
#include "worker/sla/calendar.h"

namespace deskwire::cli {
namespace {

constexpr std::int64_t kMaxTargetS = 1000000000;

struct Calculation {
  std::string schedule;
  std::string start;
  std::string end;
  std::int64_t target_s = 0;
  std::vector<std::string> pauses;
  bool json = false;
};

Result<std::int64_t> moment(const std::string& option, const std::string& text) {
  const auto unix_ms = parse_iso8601_ms(text);
  if (unix_ms) return *unix_ms;
  return fail(ErrorCode::kInvalid, option + ": " + config::in_quotes(text) +
                                       " is no moment; write it as 2026-03-27T16:30:00Z");
}

Result<worker::Pause> pause(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    return fail(ErrorCode::kInvalid,
                "--pause: " + config::in_quotes(text) +
                    " is no span; write FROM/TO, or FROM/ for one that still lasts");
  }
  const auto from = moment("--pause", text.substr(0, slash));
  if (!from) return fail(from.error());
  worker::Pause pause{*from, std::nullopt};
  if (slash + 1 == text.size()) return pause;
  const auto to = moment("--pause", text.substr(slash + 1));
  if (!to) return fail(to.error());
  if (*to < *from) {
    return fail(ErrorCode::kInvalid,
                "--pause: " + config::in_quotes(text) + " ends before it begins; swap the two");
  }
  pause.to_ms = *to;
  return pause;
}

/// The options as what a calendar takes.
struct Question {
  worker::Calendar calendar;
  std::int64_t start_ms;
  std::vector<worker::Pause> pauses;
};

Result<Question> understand(const Calculation& options) {
  const auto schedule = config::load_schedule(options.schedule);
  if (!schedule) return fail(schedule.error());
  auto calendar = worker::Calendar::make(*schedule);
  if (!calendar) return fail(std::move(calendar.error()));
  const auto start = moment("--start", options.start);
  if (!start) return fail(start.error());
  Question question{std::move(*calendar), *start, {}};
  for (const std::string& text : options.pauses) {
    const auto one = pause(text);
    if (!one) return fail(one.error());
    question.pauses.push_back(*one);
  }
  return question;
}

int misused(const Error& error) {
  report(error);
  return kUsage;
}

int deadline(const Calculation& options) {
  const auto question = understand(options);
  if (!question) return misused(question.error());
  const auto due =
      question->calendar.deadline(question->start_ms, options.target_s * 1000, question->pauses);
  if (options.json) {
    std::cout << (due ? dump_json({{"deadline", iso8601(*due)}}) : "null") << '\n';
  } else {
    std::cout << (due ? iso8601(*due) : "none: not within 400 days, or still paused") << '\n';
  }
  return kDone;
}

int elapsed(const Calculation& options) {
  const auto question = understand(options);
  if (!question) return misused(question.error());
  const auto end = moment("--end", options.end);
  if (!end) return misused(end.error());
  const std::int64_t open_ms =
      question->calendar.elapsed(question->start_ms, *end, question->pauses);
  nlohmann::json seconds = open_ms / 1000;
  if (open_ms % 1000 != 0) seconds = static_cast<double>(open_ms) / 1000;
  std::cout << (options.json ? dump_json({{"elapsed", seconds}}) : dump_json(seconds) + " s")
            << '\n';
  return kDone;
}

void add_common(CLI::App& command, Calculation& options) {
  command
      .add_option("--schedule", options.schedule,
                  "When it is open: a file with the keys of one of sla.calendars")
      ->required()
      ->type_name("FILE");
  command.add_option("--start", options.start, "When the clock started")
      ->required()
      ->type_name("MOMENT");
  command
      .add_option("--pause", options.pauses,
                  "Time that does not count; FROM/ for a pause that still lasts; may be repeated")
      ->type_name("FROM/TO");
  command.add_flag("--json", options.json, "As JSON");
}

}  // namespace

void add_sla_calculations(CLI::App& sla, Action& action) {
  auto due = std::make_shared<Calculation>();
  auto* deadline_command =
      sla.add_subcommand("deadline", "When a target is used up, counting open time only");
  add_common(*deadline_command, *due);
  deadline_command->add_option("--target", due->target_s, "Seconds of open time")
      ->required()
      ->check(CLI::Range(std::int64_t{1}, kMaxTargetS))
      ->type_name("SECONDS");
  deadline_command->callback([due, &action] { action = [due] { return deadline(*due); }; });

  auto spent = std::make_shared<Calculation>();
  auto* elapsed_command = sla.add_subcommand("elapsed", "Open time between two moments");
  add_common(*elapsed_command, *spent);
  elapsed_command->add_option("--end", spent->end, "Until when")->required()->type_name("MOMENT");
  elapsed_command->callback([spent, &action] { action = [spent] { return elapsed(*spent); }; });
}

}  // namespace deskwire::cli
