#include "core/redis/script.h"

#include <utility>

#include "core/hash.h"

namespace deskwire::redis {
namespace {

std::string insert_after_first_line(std::initializer_list<std::string_view> prefixes,
                                    std::string_view text) {
  const std::size_t line_end = text.find('\n');
  const std::size_t rest = line_end == std::string_view::npos ? text.size() : line_end + 1;
  std::string out(text.substr(0, rest));
  for (const std::string_view prefix : prefixes) out += prefix;
  return out.append(text.substr(rest));
}

}  // namespace

Script::Script(std::string name, std::string text) {
  std::string sha = hex_encode(digest(HashAlgorithm::kSha1, text));
  body_ = std::make_shared<const Body>(Body{std::move(name), std::move(text), std::move(sha)});
}

Script::Script(std::string name, std::initializer_list<std::string_view> prefixes,
               std::string_view text)
    : Script(std::move(name), insert_after_first_line(prefixes, text)) {}

}  // namespace deskwire::redis
