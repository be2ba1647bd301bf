#include "core/json.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace deskwire {
namespace {

using nlohmann::json;

// Builds the document while it counts depth and watches for repeated keys. The SAX interface keeps
// nlohmann's own parser iterative, so that nesting costs no stack; the depth limit keeps the later
// recursive dump() safe.
class LimitedReader final : public json::json_sax_t {
 public:
  LimitedReader(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  json take() { return std::move(root_); }
  const std::string& refusal() const { return refusal_; }
  bool too_deep() const { return too_deep_; }

  bool null() override { return add(json(nullptr)); }
  bool boolean(bool value) override { return add(json(value)); }
  bool number_integer(number_integer_t value) override { return add(json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(json(value)); }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return add(json(value));
  }
  bool string(string_t& value) override {
    if (ignored_depth_ > 0) return true;
    return add(json(std::move(value)));
  }
  bool binary(binary_t& /*value*/) override { return refuse("binary values are no JSON"); }
  bool start_object(std::size_t /*size*/) override { return open(json::value_t::object); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(json::value_t::array); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    if (ignored_depth_ > 0) return true;
    ignore_next_ = is_ignored(value);
    if (ignore_next_) return true;
    if (limits_.unique_keys && stack_.back()->contains(value)) {
      return refuse("the key '" + value + "' is there twice");
    }
    keys_.back() = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return refuse("not JSON at " + place_of(position));
  }

 private:
  bool refuse(std::string reason) {
    if (refusal_.empty()) refusal_ = std::move(reason);
    return false;
  }
  /// "line 3, column 14" of the last byte that was read.
  std::string place_of(std::size_t position) const {
    const std::string_view read = text_.substr(0, std::min(position, text_.size()));
    const auto lines = std::count(read.begin(), read.end(), '\n');
    const std::size_t line_start = read.rfind('\n') + 1;  // npos + 1 is 0: the first line.
    return "line " + std::to_string(lines + 1) + ", column " +
           std::to_string(read.size() - line_start);
  }
  bool is_ignored(std::string_view key) const {
    return std::find(limits_.ignored_keys.begin(), limits_.ignored_keys.end(), key) !=
           limits_.ignored_keys.end();
  }
  json* place(json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    json& slot = parent[keys_.back()];
    slot = std::move(value);
    return &slot;
  }
  bool add(json value) {
    if (ignored_depth_ == 0 && !std::exchange(ignore_next_, false)) place(std::move(value));
    return true;
  }
  bool open(json::value_t type) {
    const bool deeper = stack_.size() + ignored_depth_ >= limits_.max_depth;
    if (deeper && !limits_.drop_deeper) {
      too_deep_ = true;
      return refuse("nested deeper than " + std::to_string(limits_.max_depth) + " levels");
    }
    if (ignored_depth_ > 0 || std::exchange(ignore_next_, false) || deeper) {
      ++ignored_depth_;
      return true;
    }
    stack_.push_back(place(json(type)));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    if (ignored_depth_ > 0) {
      --ignored_depth_;
      return true;
    }
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  const std::string_view text_;
  const JsonLimits& limits_;
  json root_;
  std::vector<json*> stack_;
  std::vector<std::string> keys_;
  bool ignore_next_ = false;       ///< The value of the key that was just read.
  std::size_t ignored_depth_ = 0;  ///< Objects and arrays open within an ignored value.
  std::string refusal_;
  bool too_deep_ = false;
};

const json* find(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

/// The code unit of the escape "\uXXXX" at `at`, if one is there.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  const char* const end = text.data() + at + 6;
  const auto [stopped, error] = std::from_chars(text.data() + at + 2, end, unit, 16);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return unit;
}

bool is_high(unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low(unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; }

/// The text with each escape of half a surrogate pair replaced; nullopt: there is none.
std::optional<std::string> with_whole_surrogates(std::string_view text) {
  std::string out;
  std::size_t kept = 0;  // Everything before is in `out`.
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at)) {
    const auto unit = escaped_unit(text, at);
    if (unit && is_high(*unit) && is_low(escaped_unit(text, at + 6).value_or(0))) {
      at += 12;
    } else if (unit && (is_high(*unit) || is_low(*unit))) {
      out.append(text.substr(kept, at - kept)).append("\\ufffd");
      kept = at += 6;
    } else {
      at += 2;
    }
  }
  if (kept == 0) return std::nullopt;
  return out.append(text.substr(kept));
}

Result<json> parse_strictly(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return fail(ErrorCode::kTooLarge, "json: " + std::to_string(text.size()) +
                                          " bytes are over the limit of " +
                                          std::to_string(limits.max_bytes));
  }
  LimitedReader reader(text, limits);
  try {
    if (json::sax_parse(text, &reader, json::input_format_t::json, true, limits.allow_comments)) {
      return reader.take();
    }
  } catch (const json::exception&) {
    return fail(ErrorCode::kInvalid, "json: not JSON");  // Number out of range and the like.
  }
  return fail(reader.too_deep() ? ErrorCode::kTooLarge : ErrorCode::kInvalid,
              "json: " + (reader.refusal().empty() ? "not JSON" : reader.refusal()));
}

}  // namespace

Result<json> parse_json(std::string_view text, const JsonLimits& limits) {
  Result<json> parsed = parse_strictly(text, limits);
  if (parsed || parsed.error().code != ErrorCode::kInvalid) return parsed;
  const auto repaired = with_whole_surrogates(text);
  return repaired ? parse_strictly(*repaired, limits) : parsed;
}

std::string dump_json(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_quote(std::string_view text) { return dump_json(json(text)); }

std::string string_at(const json& object, std::string_view key, std::string_view fallback) {
  const json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string(fallback);
}

std::optional<std::int64_t> integer_at(const json& object, std::string_view key) {
  const json* value = find(object, key);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  if (value->is_number_unsigned() &&
      value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

bool bool_at(const json& object, std::string_view key, bool fallback) {
  const json* value = find(object, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : fallback;
}

std::optional<std::string> id_at(const json& object, std::string_view key) {
  const json* value = find(object, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  if (value->is_number_unsigned()) return std::to_string(value->get<std::uint64_t>());
  if (value->is_number_integer()) return std::to_string(value->get<std::int64_t>());
  return std::nullopt;
}

const json& object_at(const json& object, std::string_view key) {
  static const json empty = json::object();
  const json* value = find(object, key);
  return value != nullptr && value->is_object() ? *value : empty;
}

}  // namespace deskwire
