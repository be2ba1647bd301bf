#include "cli/on_call_screen.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/sla_text.h"
#include "cli/table.h"
#include "cli/time_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kFrameLines = 4;  ///< Title, header, message, keys.
constexpr const char* kHome = "\x1b[H";
constexpr const char* kEndOfLine = "\x1b[K\r\n";
constexpr const char* kEndOfScreen = "\x1b[J";
constexpr const char* kPlain = "\x1b[0m";
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kInverse = "\x1b[7m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kDim = "\x1b[2m";

struct Column {
  const char* title;
  std::size_t width;
};
constexpr std::array<Column, 5> kColumns{
    {{"CONVERSATION", 20}, {"METRIC", 18}, {"TIME", 16}, {"POLICY", 14}, {"", 0}}};

/// Cut or filled to so many characters of ASCII; foreign text has been made printable before.
std::string cell(std::string text, std::size_t width) {
  if (width == 0) return text;
  if (text.size() >= width) text.resize(width - 1);
  text.resize(width, ' ');
  return text;
}

/// At most so many bytes, and no half of a character.
std::string cut(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  while (width > 0 && (static_cast<unsigned char>(text[width]) & 0xC0U) == 0x80U) --width;
  return text.substr(0, width);
}

const char* colour_of(const json& clock, std::int64_t now_ms) {
  if (string_at(object_at(clock, "ack"), "state", "none") != "none") return kDim;
  const std::int64_t due = integer_at(clock, "due_ms").value_or(0);
  if (bool_at(clock, "breached") || (due != 0 && due <= now_ms)) return kRed;
  return bool_at(clock, "warned") ? kYellow : "";
}

std::string row_of(const json& clock, std::int64_t now_ms) {
  const std::string cycle = std::to_string(integer_at(clock, "cycle").value_or(0));
  return cell(printable(string_at(clock, "conversation_key")), kColumns[0].width) +
         cell(string_at(clock, "metric") + "/" + cycle, kColumns[1].width) +
         cell(countdown_text(clock, now_ms), kColumns[2].width) +
         cell(printable(string_at(object_at(clock, "policy"), "id")), kColumns[3].width) +
         printable(ack_text(object_at(clock, "ack"), now_ms));
}

}  // namespace

std::string draw_on_call(const json& clocks, const OnCallView& view, std::int64_t now_ms) {
  const std::size_t room = view.height > kFrameLines ? view.height - kFrameLines : 1;
  const std::size_t first = view.selected >= room ? view.selected - room + 1 : 0;
  std::string screen = kHome;
  const auto line = [&](const std::string& text, const std::string& style) {
    std::string shown = cut(text, view.width);
    screen += style + shown + kPlain + kEndOfLine;
  };
  line("On call, " + clock_time(now_ms, now_ms) + ": " + std::to_string(clocks.size()) + " clocks" +
           (view.connected ? "" : ", connection lost, trying again"),
       kBold);
  std::string header;
  for (const Column& column : kColumns) header += cell(column.title, column.width);
  line(header, kDim);
  for (std::size_t i = first; i < clocks.size() && i < first + room; ++i) {
    std::string style = colour_of(clocks[i], now_ms);
    if (i == view.selected) style += kInverse;
    line(row_of(clocks[i], now_ms), style);
  }
  if (clocks.empty()) line("No clock runs.", kDim);
  line(printable(view.message), "");
  screen += std::string(kDim) +
            std::string("up/down select  a acknowledge  u give back  s snooze 30 min  q quit")
                .substr(0, view.width) +
            kPlain + "\x1b[K" + kEndOfScreen;
  return screen;
}

}  // namespace deskwire::cli
