#include "core/timestamp.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace deskwire {
namespace {

/// Takes what it reads off the front; `ok` stays false after the first mismatch.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    const auto value = parse_digits(rest_.substr(0, count));
    if (!value || rest_.size() < count) ok_ = false;
    if (!ok_) return 0;
    rest_.remove_prefix(count);
    return static_cast<int>(*value);
  }
  bool take(char wanted) {
    if (rest_.empty() || rest_[0] != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) { ok_ = take(wanted) && ok_; }

  /// The fraction behind the point, in milliseconds; digits beyond the third are cut off.
  int fraction_ms() {
    int value = 0;
    int seen = 0;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      if (seen++ < 3) value = value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    ok_ = ok_ && seen > 0 && seen <= 9;
    for (int i = seen; i < 3; ++i) value *= 10;
    return value;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::optional<std::int64_t> parse_digits(std::string_view text) {
  constexpr std::size_t kMaxDigits = 18;
  if (text.empty() || text.size() > kMaxDigits) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<std::int64_t> parse_iso8601_ms(std::string_view text) {
  using namespace std::chrono;
  Reader in(text);
  const int year_number = in.digits(4);
  in.expect('-');
  const int month_number = in.digits(2);
  in.expect('-');
  const int day_number = in.digits(2);
  if (!in.take(' ')) in.expect('T');
  const int hour = in.digits(2);
  in.expect(':');
  const int minute = in.digits(2);
  in.expect(':');
  const int second = in.digits(2);
  const int fraction = in.take('.') ? in.fraction_ms() : 0;
  int offset_minutes = 0;
  if (!in.take('Z')) {
    const int sign = in.take('-') ? -1 : 1;
    if (sign == 1) in.expect('+');
    offset_minutes = in.digits(2) * 60;
    in.expect(':');
    offset_minutes = sign * (offset_minutes + in.digits(2));
  }
  const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                            day{static_cast<unsigned>(day_number)}};
  if (!in.ok() || !in.at_end() || !date.ok() || year_number < 1970 || hour > 23 || minute > 59 ||
      second > 60) {
    return std::nullopt;
  }
  const auto time = sys_days{date} + hours{hour} + minutes{minute - offset_minutes} +
                    seconds{second} + milliseconds{fraction};
  return duration_cast<milliseconds>(time.time_since_epoch()).count();
}

std::string iso8601(std::int64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds{unix_ms}};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  std::array<char, 40> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()));
  std::string answer(text.data(), static_cast<std::size_t>(size));
  if (const auto fraction = time.subseconds().count(); fraction != 0) {
    const std::string digits = std::to_string(1000 + fraction);
    answer += "." + digits.substr(1);
  }
  return answer + "Z";
}

}  // namespace deskwire
