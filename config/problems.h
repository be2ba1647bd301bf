#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deskwire::config {

/// Collects every mistake of a config text, so that a person mends them in one go.
///
/// Keeps the first `kMax`; of the others only the number.
class Problems {
 public:
  static constexpr std::size_t kMax = 50;

  /// @param path  Where: "receiver.threads.min", "sources[0].secrets[1]".
  /// @param text  `<cause>; <what to do>`, without secrets.
  void add(std::string_view path, std::string_view text);
  /// Takes over what `others` found in objects where nothing is wrong yet: a misspelt key makes
  /// its right spelling look missing, which is worth one line, not two.
  void add_unrelated(const Problems& others);
  bool empty() const { return items_.empty(); }
  /// One `<document> <path>: <text>` a line.
  std::string text(std::string_view document = "config") const;

 private:
  struct Item {
    std::string path;
    std::string text;
  };
  std::vector<Item> items_;
  std::size_t dropped_ = 0;
};

/// A value from outside inside a message: quoted, cut, without control characters.
std::string in_quotes(std::string_view value);

}  // namespace deskwire::config
