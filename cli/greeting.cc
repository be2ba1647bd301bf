#include "cli/greeting.h"

#include "cli/version.h"
#include "core/channel.h"

namespace deskwire::cli {
namespace {

constexpr const char* kConversation = "demo";

std::string line(const std::string& name, const std::string& text, std::size_t width) {
  std::string out = "  " + name;
  out.append(width > name.size() ? width - name.size() : 1, ' ');
  return out + text + "\n";
}

std::string addresses(const config::Config& config, const Server& server) {
  constexpr std::size_t kWidth = 11;
  std::string text;
  if (!server.gateway_address().empty() && config.has_sandbox()) {
    text += line("chat page", "http://" + server.gateway_address() + "/", kWidth);
  }
  if (!server.receiver_address().empty()) {
    const std::string base = "http://" + server.receiver_address() + "/webhooks/";
    std::string name = "receiver";
    for (const config::Source& source : config.sources) {
      text += line(name, base + source.name, kWidth);
      name.clear();
    }
    if (config.sources.empty()) text += line(name, base + "  (no sources yet)", kWidth);
  }
  if (!server.gateway_address().empty()) {
    text += line("gateway", "ws://" + server.gateway_address() + "/v1/ws", kWidth);
  }
  return text + line("admin", "http://" + server.admin_address() + "/metrics", kWidth);
}

const config::Source* source_that_takes_text(const config::Config& config) {
  for (const config::Source& source : config.sources) {
    const bool own_json =
        source.type == config::SourceType::kSandbox || source.type == config::SourceType::kGeneric;
    if (own_json) return &source;
  }
  return nullptr;
}

}  // namespace

std::string greeting(const config::Config& config, const Server& server, const ConfigChoice& choice,
                     const std::string& program) {
  const std::string arguments = as_arguments(choice);
  const auto command = [&](const std::string& words) {
    return "  " + program + " " + words + arguments + "\n";
  };
  std::string text = std::string("deskwire ") + kVersion + " is ready\n\n";
  text += addresses(config, server);
  text += "\nNext, in another terminal:\n\n";
  if (const config::Source* source = source_that_takes_text(config)) {
    const std::string channel =
        conversation_channel(conversation_key(source->name_space, kConversation));
    text += command("watch " + channel);
    text += command("send --source " + source->name + " --text \"Hello\"");
    text += command("jobs ls");
  } else {
    text += command("doctor");
    text += command("watch ops oncall");
    text += command("jobs ls");
  }
  return text + "\nCtrl-C stops it.\n";
}

}  // namespace deskwire::cli
