#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace deskwire::cli {

/// Rows for people: a header, columns as wide as their widest cell, two spaces between them.
///
/// Control characters in cells are shown as '?', so that foreign text cannot drive a terminal.
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  /// Missing cells are empty, surplus ones are dropped.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }
  /// @param max_width  Lines are cut there with '…'; 0: never.
  void print(std::ostream& out, std::size_t max_width = 0) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Columns of the terminal on standard output; 0 when it is none.
std::size_t terminal_width();

/// Text from outside made safe for a terminal.
std::string printable(std::string_view text);

}  // namespace deskwire::cli
