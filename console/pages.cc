#include "console/pages.h"

#include <string_view>
#include <utility>

#include "console_files.h"

namespace deskwire::console {

namespace {

constexpr auto kHtml = "text/html; charset=utf-8";
constexpr auto kCss = "text/css; charset=utf-8";
constexpr auto kScript = "text/javascript; charset=utf-8";

}  // namespace

std::map<std::string, Page> chat_pages() {
  std::map<std::string, Page> pages = {
      {"/", {kHtml, std::string(kChatHtml)}},
      {"/chat.css", {kCss, std::string(kChatCss)}},
  };
  const std::pair<const char*, std::string_view> scripts[] = {
      {"/chat.js", kChatJs},     {"/debug.js", kDebugJs},     {"/messages.js", kMessagesJs},
      {"/people.js", kPeopleJs}, {"/session.js", kSessionJs},
  };
  for (const auto& [path, text] : scripts) pages[path] = {kScript, std::string(text)};
  return pages;
}

std::map<std::string, Page> on_call_pages() {
  std::map<std::string, Page> pages = {
      {"/oncall", {kHtml, std::string(kOncallHtml)}},
      {"/oncall.css", {kCss, std::string(kOncallCss)}},
      {"/icon.svg", {"image/svg+xml", std::string(kIconSvg)}},
  };
  const std::pair<const char*, std::string_view> scripts[] = {
      {"/oncall.js", kOncallJs},
      {"/client/channel.js", kChannelJs},
      {"/client/client.js", kClientJs},
      {"/client/emitter.js", kEmitterJs},
      {"/client/errors.js", kErrorsJs},
      {"/client/index.js", kIndexJs},
      {"/client/limits.js", kLimitsJs},
      {"/client/outbox.js", kOutboxJs},
      {"/client/poll_transport.js", kPollTransportJs},
      {"/client/positions.js", kPositionsJs},
      {"/client/presence.js", kPresenceJs},
      {"/client/socket_transport.js", kSocketTransportJs},
      {"/client/token_source.js", kTokenSourceJs},
      {"/client/typing.js", kTypingJs},
      {"/client/wake.js", kWakeJs},
  };
  for (const auto& [path, text] : scripts) pages[path] = {kScript, std::string(text)};
  return pages;
}

}  // namespace deskwire::console
