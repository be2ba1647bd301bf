#include "core/log.h"

#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>

#include "core/json.h"

namespace deskwire::log {
namespace {

constexpr std::size_t kMaxValueLength = 512;
constexpr std::size_t kMaxThreadName = 15;

std::atomic<Level> current_level{Level::kInfo};
std::atomic<bool> as_json{false};

thread_local std::string thread_name = "main";

// spdlog writes the finished line under its own lock; the line's form is ours.
spdlog::logger& sink() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("deskwire",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string out(text.data(), length);
  std::string fraction = std::to_string(ms % 1000);
  out += '.';
  out.append(3 - fraction.size(), '0');
  out += fraction;
  out += 'Z';
  return out;
}

bool is_plain(std::string_view value) {
  if (value.empty()) return false;
  for (const char c : value) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == '\x7f') return false;
  }
  return true;
}

std::string_view cut(std::string_view value) { return value.substr(0, kMaxValueLength); }

void write(Level level, std::string_view name, std::string_view event,
           std::initializer_list<Field> fields) {
  if (level < current_level.load(std::memory_order_relaxed)) return;
  std::string line;
  if (as_json.load(std::memory_order_relaxed)) {
    line = R"({"time":")" + timestamp() + R"(","level":")" + std::string(name) + R"(","thread":)" +
           json_quote(thread_name) + R"(,"event":)" + json_quote(event);
    for (const Field& field : fields) {
      line += ',' + json_quote(field.key) + ':' + json_quote(cut(field.value));
    }
    line += '}';
  } else {
    line = timestamp() + ' ' + std::string(name) + " [" + thread_name + "] event=";
    line += event;
    for (const Field& field : fields) {
      line += ' ';
      line += field.key;
      line += '=';
      const std::string_view value = cut(field.value);
      line += is_plain(value) ? std::string(value) : json_quote(value);
    }
  }
  sink().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void init(Level level, bool json) {
  current_level = level;
  as_json = json;
}

void debug(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kDebug, "debug", event, fields);
}
void info(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kInfo, "info", event, fields);
}
void warn(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kWarn, "warn", event, fields);
}
void error(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kError, "error", event, fields);
}

void name_thread(std::string_view name) {
  thread_name = std::string(name.substr(0, kMaxThreadName));
  pthread_setname_np(pthread_self(), thread_name.c_str());
}

}  // namespace deskwire::log
