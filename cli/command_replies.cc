#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "cli/reply_trial.h"
#include "cli/table.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

struct TryOptions {
  ConfigChoice config;
  std::vector<std::string> files;
  std::string source;
  bool json = false;
};

Result<std::string> read(const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened) return fail(ErrorCode::kNotFound, "read " + file + ": cannot be opened");
  }
  std::istream& input = file == "-" ? std::cin : opened;
  std::string body(std::istreambuf_iterator<char>(input), {});
  if (input.bad()) return fail(ErrorCode::kNotFound, "read " + file + ": reading failed");
  return body;
}

/// The named source, else the first that is no sandbox; with none, a Chatwoot account made up, so
/// that the embedded default can be tried on a recorded webhook.
Result<config::Source> source_for(const config::Config& config, const std::string& name) {
  if (!name.empty()) {
    if (const config::Source* found = config.find_source(name)) return *found;
    return fail(ErrorCode::kNotFound, "replies try --source " + name + ": not in the config");
  }
  const auto found = std::find_if(
      config.sources.begin(), config.sources.end(),
      [](const config::Source& source) { return source.type != config::SourceType::kSandbox; });
  if (found != config.sources.end()) return *found;
  config::Source made_up;
  made_up.name = "chatwoot";
  made_up.type = config::SourceType::kChatwoot;
  return made_up;
}

std::string in_ms(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f ms", value);
  return text.data();
}

json to_json(const std::string& file, const ReplyTrial& trial) {
  return {{"file", file},
          {"event", trial.event},
          {"conversation", trial.conversation},
          {"decision", trial.decision},
          {"reason", trial.reason},
          {"persona", trial.persona},
          {"text", trial.text},
          {"suggestions", trial.suggestions},
          {"tokens", trial.tokens},
          {"timing",
           {{"parse_ms", trial.parse_ms},
            {"answer_ms", trial.answer_ms},
            {"first_token_ms", trial.first_token_ms}}}};
}

int try_files(const TryOptions& options) {
  const auto config = load_config(options.config);
  if (!config) return report(config.error());
  const auto source = source_for(*config, options.source);
  if (!source) return report(source.error());
  const SystemClock clock;
  Table table({"FILE", "EVENT", "DECISION", "REASON", "PARSE", "ANSWER", "TEXT"});
  int code = kDone;
  for (const std::string& file : options.files) {
    const auto body = read(file);
    if (!body) return report(body.error());
    auto trial = try_reply(*config, *source, *body, clock);
    if (!trial) {
      // A sender is never refused for a shape, so this is an answer too.
      ReplyTrial failed;
      failed.decision = "failed";
      failed.reason = "unparsable";
      failed.text = trial.error().message;
      trial = std::move(failed);
    }
    if (trial->decision == "failed") code = kNotDone;
    if (options.json) {
      std::cout << dump_json(to_json(file, *trial)) << '\n';
      continue;
    }
    table.add({file.substr(file.rfind('/') + 1), trial->event, trial->decision, trial->reason,
               in_ms(trial->parse_ms), in_ms(trial->answer_ms), trial->text});
  }
  if (!options.json) table.print(std::cout, terminal_width());
  return code;
}

}  // namespace

void add_replies(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("replies", "Try out what would be answered");
  command->require_subcommand(1);
  auto options = std::make_shared<TryOptions>();
  auto* try_command = command->add_subcommand(
      "try",
      "What would be answered to a webhook's body, and why. A model is really asked; nothing is "
      "stored or posted");
  add_config_options(*try_command, options->config);
  try_command->add_option("file", options->files, "Files with one webhook's body each; - for input")
      ->required();
  try_command->add_option("--source", options->source,
                          "Source that it would come from; default: the first of a helpdesk");
  try_command->add_flag("--json", options->json, "One JSON object a line");
  try_command->callback([options, &action] { action = [options] { return try_files(*options); }; });
}

}  // namespace deskwire::cli
