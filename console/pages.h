#pragma once

#include <map>
#include <string>

/// The web pages that the binary carries. Depends on no other folder.
namespace deskwire::console {

struct Page {
  std::string content_type;
  std::string body;
};

/// Path -> page: "/" is the sandbox chat, the rest are its parts. It needs the client below.
std::map<std::string, Page> chat_pages();
/// "/oncall" is the on-call board, the rest are its parts; below "/client/" the JavaScript client.
std::map<std::string, Page> on_call_pages();

}  // namespace deskwire::console
