#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace deskwire::redis {

/// A Lua script: its text and SHA-1, made once; copies share them. A connection's first use sends
/// the text, later ones the SHA-1; NOSCRIPT sends the text again.
class Script {
 public:
  /// @param name  For errors and logs ("enqueue.lua").
  Script(std::string name, std::string text);
  /// @param prefixes  Functions shared by several scripts; they go right after the first line,
  ///                  which is the shebang (`#!lua …`) and must stay the first.
  Script(std::string name, std::initializer_list<std::string_view> prefixes, std::string_view text);
  const std::string& name() const { return body_->name; }
  const std::string& text() const { return body_->text; }
  const std::string& sha() const { return body_->sha; }

 private:
  struct Body {
    std::string name;
    std::string text;
    std::string sha;
  };
  std::shared_ptr<const Body> body_;
};

}  // namespace deskwire::redis
