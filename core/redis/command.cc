#include "core/redis/command.h"

#include <array>
#include <charconv>

namespace deskwire::redis {
namespace {

void append_head(std::string& out, char type, std::size_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.push_back(type);
  out.append(digits.data(), end);
  out.append("\r\n");
}

void append_part(std::string& out, std::string_view part) {
  append_head(out, '$', part.size());
  out.append(part);
  out.append("\r\n");
}

}  // namespace

void append_command(std::string& out, const std::vector<std::string>& parts) {
  append_head(out, '*', parts.size());
  for (const std::string& part : parts) append_part(out, part);
}

void append_script(std::string& out, std::string_view verb, std::string_view script,
                   const std::vector<std::string>& keys, const std::vector<std::string>& args) {
  append_head(out, '*', 3 + keys.size() + args.size());
  append_part(out, verb);
  append_part(out, script);
  append_part(out, std::to_string(keys.size()));
  for (const std::string& key : keys) append_part(out, key);
  for (const std::string& arg : args) append_part(out, arg);
}

}  // namespace deskwire::redis
