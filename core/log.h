#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace deskwire::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError, kOff };

/// One `key=value` of a log line. Values with spaces, quotes or control characters are quoted and
/// escaped, and cut at 512 bytes. Never pass secrets, message bodies or personal data.
struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  Field(std::string_view k, std::int64_t v) : key(k), value(std::to_string(v)) {}
  Field(std::string_view k, std::uint64_t v) : key(k), value(std::to_string(v)) {}
  Field(std::string_view k, int v) : key(k), value(std::to_string(v)) {}
  Field(std::string_view k, unsigned v) : key(k), value(std::to_string(v)) {}
};

/// Lines go to standard error: `2026-11-21T10:00:00.123Z info [work-1] event=job_dead job=01J…`,
/// or one JSON object a line. Thread-safe. Before init: level info, text.
void init(Level level, bool json);

void debug(std::string_view event, std::initializer_list<Field> fields = {});
void info(std::string_view event, std::initializer_list<Field> fields = {});
void warn(std::string_view event, std::initializer_list<Field> fields = {});
void error(std::string_view event, std::initializer_list<Field> fields = {});

/// Names the calling thread (at most 15 bytes) for the system and for log lines.
void name_thread(std::string_view name);

}  // namespace deskwire::log
