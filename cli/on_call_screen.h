#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace deskwire::cli {

/// What is to be seen on the terminal's on-call table.
struct OnCallView {
  std::size_t selected = 0;
  std::string message;  ///< Below the table: what the last key did, or what is wrong.
  bool connected = true;
  std::size_t width = 80;   ///< Columns.
  std::size_t height = 24;  ///< Lines.
};

/// The table as one text that replaces what the terminal shows: most urgent first, the selected row
/// inverted, red what is missed, yellow what was warned of, dim what somebody has taken. Pure.
///
/// @param clocks  Open ones, as AlertDesk::list has them.
std::string draw_on_call(const nlohmann::json& clocks, const OnCallView& view, std::int64_t now_ms);

}  // namespace deskwire::cli
