#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/config_choice.h"
#include "cli/exit_code.h"
#include "cli/open_doors.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/json.h"
#include "webhooks/outgoing_delivery.h"
#include "webhooks/source_parser.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::cli {
namespace {

constexpr std::size_t kMaxBytes = 64U << 20U;
constexpr Milliseconds kTimeout{15000};

struct SendOptions {
  ConfigChoice config;
  std::string source;
  std::string file;
  std::string text;
  std::string conversation = "demo";
  std::string url;
  std::string event;
  bool json = false;
};

Result<std::string> read_body(const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    std::error_code error;
    if (std::filesystem::is_directory(file, error)) {
      return fail(ErrorCode::kNotFound, "read " + file + ": is a directory; name a file");
    }
    opened.open(file, std::ios::binary);
    if (!opened) return fail(ErrorCode::kNotFound, "read " + file + ": cannot be opened");
  }
  std::istream& input = file == "-" ? std::cin : opened;
  std::string body(std::istreambuf_iterator<char>(input), {});
  if (input.bad()) return fail(ErrorCode::kNotFound, "read " + file + ": reading failed");
  if (body.size() > kMaxBytes) return fail(ErrorCode::kTooLarge, "read " + file + ": over 64 MiB");
  return body;
}

/// A customer's message in our own JSON (docs/generic-source.md).
Result<std::string> message_body(const config::Source& source, const SendOptions& options,
                                 std::int64_t now_ms) {
  if (source.type != config::SourceType::kSandbox && source.type != config::SourceType::kGeneric) {
    return fail(ErrorCode::kUnsupported,
                "send --text: source " + source.name +
                    " speaks its helpdesk's JSON; give a FILE with a webhook's body instead");
  }
  const nlohmann::json body = {
      {"event", "message_created"},
      {"conversation",
       {{"id", options.conversation},
        {"status", "pending"},
        {"contact", {{"id", "you"}, {"name", "You"}}}}},
      {"message",
       {{"id", new_ulid(now_ms)},
        {"type", "incoming"},
        {"content", options.text},
        {"created_at", now_ms},
        {"sender", {{"id", "you"}, {"name", "You"}}}}},
  };
  return dump_json(body);
}

/// Some helpdesks say what happened in a header and not in the body.
Status name_event(const config::Source& source, const std::string& event,
                  webhooks::OutgoingDelivery& delivery) {
  const std::string header(webhooks::parser_for(source.type).event_header());
  if (header.empty() == event.empty()) {
    if (!header.empty()) delivery.headers.emplace_back(header, event);
    return {};
  }
  return fail(ErrorCode::kInvalid,
              "send source=" + source.name +
                  (event.empty() ? ": its helpdesk names the event in " + header +
                                       "; give it with --event, such as convo.created"
                                 : ": the body names the event; leave out --event"));
}

int print_answer(const SendOptions& options, const worker::HttpResponse& answer) {
  const bool taken = answer.status >= 200 && answer.status < 300;
  auto body = parse_json(answer.body);
  if (options.json) {
    nlohmann::json line = {{"status", answer.status}, {"body", nullptr}};
    line["body"] = body ? std::move(*body) : nlohmann::json(answer.body);
    std::cout << dump_json(line) << '\n';
  } else {
    std::string text = answer.body;
    while (text.ends_with('\n')) text.pop_back();
    std::cout << answer.status << ' ' << printable(text) << '\n';
  }
  return taken ? kDone : kNotDone;
}

int send(const SendOptions& options) {
  const auto config = load_config_with_secrets(options.config);
  if (!config) return report(config.error());
  const config::Source* source = config->find_source(options.source);
  if (source == nullptr) {
    std::string known;
    for (const auto& one : config->sources) known += (known.empty() ? "" : ", ") + one.name;
    return report({ErrorCode::kNotFound,
                   "send: no source is named " + options.source + "; there is: " + known});
  }
  if (source->secrets.empty()) {
    return report(no_key("sign for source " + source->name, *config, options.config));
  }
  const std::int64_t now_ms = SystemClock().wall_ms();
  const auto body =
      options.text.empty() ? read_body(options.file) : message_body(*source, options, now_ms);
  if (!body) return report(body.error());
  auto delivery = webhooks::prepare_delivery(*source, *body, new_ulid(now_ms), now_ms / 1000);
  if (!delivery) return report(delivery.error());
  if (const Status named = name_event(*source, options.event, *delivery); !named) {
    return report(named.error());
  }
  std::string url = options.url;
  if (url.empty()) {
    const auto address = door_address(*config, "receiver", config->receiver.listen);
    if (!address) return report(address.error());
    url = "http://" + *address;
  }

  worker::HttpClient client({url, kTimeout, 1U << 20U});
  const auto answer = client.send({"POST", delivery->target, delivery->headers, *body});
  if (!answer) {
    const bool nobody = answer.error().code == ErrorCode::kUnavailable;
    std::cerr << "deskwire: send to " << url << ": "
              << (nobody ? "nobody listens there; is `deskwire serve` running?"
                         : "no complete answer; it may have been taken")
              << '\n';
    return kUnreachable;
  }
  return print_answer(options, *answer);
}

}  // namespace

void add_send(CLI::App& app, Action& action) {
  auto options = std::make_shared<SendOptions>();
  auto* command = app.add_subcommand("send", "Sign a webhook and post it to the receiver");
  add_config_options(*command, options->config);
  command->add_option("--source", options->source, "Name of the source (config sources[].name)")
      ->required()
      ->type_name("NAME");
  auto* file = command->add_option("file", options->file,
                                   "File with the body, sent byte for byte; - for standard input");
  auto* text = command->add_option("--text", options->text,
                                   "Instead of a file: a customer's message (generic, sandbox)");
  text->excludes(file);
  command->add_option("--conversation", options->conversation, "Conversation of --text")
      ->needs(text)
      ->capture_default_str();
  command->add_option("--event", options->event,
                      "The event's name, where the helpdesk sends it in a header (helpscout)");
  command
      ->add_option("--url", options->url,
                   "Another receiver's address, such as http://10.0.0.5:8080")
      ->check([](const std::string& url) {
        const bool http = url.starts_with("http://") || url.starts_with("https://");
        return http ? std::string() : "is no address of a receiver; write http://host:port";
      });
  command->add_flag("--json", options->json, "{\"status\":…,\"body\":…}");
  command->callback([options, &action] {
    if (options->file.empty() && options->text.empty()) {
      throw CLI::RequiredError("FILE or --text");
    }
    action = [options] { return send(*options); };
  });
}

}  // namespace deskwire::cli
