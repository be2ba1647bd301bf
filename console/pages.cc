#include "console/pages.h"

#include "console_files.h"

namespace deskwire::console {

std::map<std::string, Page> pages() {
  constexpr auto kHtml = "text/html; charset=utf-8";
  constexpr auto kCss = "text/css; charset=utf-8";
  constexpr auto kScript = "text/javascript; charset=utf-8";
  return {
      {"/", {kHtml, std::string(kChatHtml)}},
      {"/chat.css", {kCss, std::string(kChatCss)}},
      {"/chat.js", {kScript, std::string(kChatJs)}},
      {"/connection.js", {kScript, std::string(kConnectionJs)}},
      {"/icon.svg", {"image/svg+xml", std::string(kIconSvg)}},
  };
}

}  // namespace deskwire::console
