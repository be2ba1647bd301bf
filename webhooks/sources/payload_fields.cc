#include "webhooks/sources/payload_fields.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/timestamp.h"
#include "jobs/plain_content.h"

namespace deskwire::webhooks {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxEventName = 64;
constexpr std::size_t kMaxWord = 32;
constexpr std::size_t kMaxId = 200;
constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxShortText = 128;
constexpr std::size_t kMaxShortTexts = 50;
constexpr std::size_t kMaxListed = 64;  // Attributes, and bytes of an attribute's name.
constexpr std::int64_t kMaxTimeMs = 253'402'300'799'999;  // The end of the year 9999.

bool is_word(std::string_view text, std::size_t longest, std::string_view also) {
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || also.find(c) != std::string_view::npos;
         });
}

template <std::size_t N>
std::string one_of(const std::array<std::string_view, N>& words, std::string word) {
  return std::find(words.begin(), words.end(), word) == words.end() ? std::string{}
                                                                    : std::move(word);
}

const json* member(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

Result<json> parse_body(std::string_view body, std::span<const std::string_view> ignored_keys) {
  // The receiver has limited the body already; this limit is for other callers. Nothing that we
  // read lies deep, and an honest sender is not refused for what we do not read.
  Result<json> parsed = parse_json(body, {.max_bytes = 64U << 20U,
                                          .max_depth = 64,
                                          .ignored_keys = ignored_keys,
                                          .drop_deeper = true});
  if (parsed && !parsed->is_object()) {
    return fail(ErrorCode::kInvalid, "read delivery: a JSON object is expected");
  }
  return parsed;
}

tl::unexpected<Error> bad_shape(std::string_view event, std::string_view cause) {
  return fail(ErrorCode::kCorrupt, std::string(event) + ": " + std::string(cause));
}

bool is_event_name(std::string_view name) { return is_word(name, kMaxEventName, "_."); }

std::string event_name_of(std::string_view name) {
  if (const std::size_t colon = name.rfind(':'); colon != std::string_view::npos) {
    name.remove_prefix(colon + 1);
  }
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return is_event_name(out) ? out : std::string{};
}

std::string word_at(const json& object, std::string_view key) {
  std::string word = string_at(object, key);
  return is_word(word, kMaxWord, "_") ? word : std::string{};
}

std::string text_id_at(const json& object, std::string_view key) {
  std::string id = id_at(object, key).value_or("");
  return id.size() <= kMaxId ? id : std::string{};
}

bool private_at(const json& object, std::string_view key) {
  const json* value = member(object, key);
  if (value == nullptr || value->is_null()) return false;
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_number()) return *value != 0;
  const std::string text = value->is_string() ? value->get<std::string>() : std::string("other");
  return !text.empty() && text != "0" && text != "false";
}

bool has_odd_content(const json& object) {
  const json* content = member(object, "content");
  return content != nullptr && !content->is_string() && !content->is_null();
}

std::string content_at(const json& object, std::string_view key) {
  const json* value = member(object, key);
  if (value == nullptr || !value->is_string()) return {};
  return jobs::plain_content(value->get_ref<const std::string&>());
}

std::string person_name_at(const json& object, std::string_view key) {
  const json* value = member(object, key);
  if (value == nullptr || !value->is_string()) return {};
  return jobs::plain_content(value->get_ref<const std::string&>(), jobs::kMaxNameCharacters);
}

std::string joined_name_at(const json& object, std::string_view first_key,
                           std::string_view last_key) {
  std::string name = person_name_at(object, first_key);
  const std::string last = person_name_at(object, last_key);
  if (!name.empty() && !last.empty()) name += ' ';
  return name + last;
}

std::string label_at(const json& object, std::string_view key) {
  const std::string text = string_at(object, key);
  return text.empty() ? string_at(object_at(object, key), "name") : text;
}

std::string safe_url_at(const json& object, std::string_view key) {
  std::string url = string_at(object, key);
  const bool web = url.starts_with("https://") || url.starts_with("http://");
  const bool clean = std::none_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20U || c == '"' || c == '<' || c == '>';
  });
  return web && clean && url.size() <= kMaxUrl ? url : std::string{};
}

std::int64_t time_ms_at(const json& object, std::string_view key, EpochUnit unit) {
  const json* value = member(object, key);
  if (value == nullptr) return 0;
  if (value->is_string()) {
    return parse_iso8601_ms(value->get_ref<const std::string&>()).value_or(0);
  }
  const std::int64_t factor = unit == EpochUnit::kSeconds ? 1000 : 1;
  if (value->is_number_integer()) {
    const std::int64_t number = value->get<std::int64_t>();
    return number >= 0 && number <= kMaxTimeMs / factor ? number * factor : 0;
  }
  if (value->is_number_float()) {
    const double ms = value->get<double>() * static_cast<double>(factor);
    return ms >= 0 && ms <= static_cast<double>(kMaxTimeMs) ? static_cast<std::int64_t>(ms) : 0;
  }
  return 0;
}

std::string message_status_at(const json& object, std::string_view key) {
  static constexpr std::array<std::string_view, 4> kStatuses{"sent", "delivered", "read", "failed"};
  return one_of(kStatuses, string_at(object, key));
}

std::string conversation_status_at(const json& object, std::string_view key) {
  static constexpr std::array<std::string_view, 4> kStatuses{"open", "resolved", "pending",
                                                             "snoozed"};
  return one_of(kStatuses, string_at(object, key));
}

std::string status_of(std::span<const StatusWord> table, std::string_view vendor) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const StatusWord& word : table) {
    if (std::equal(word.vendor.begin(), word.vendor.end(), vendor.begin(), vendor.end(),
                   [&](char a, char b) { return a == lower(b); })) {
      return std::string(word.ours);
    }
  }
  return {};
}

void add_change(jobs::HelpdeskEvent& event, const char* name, const json& from, const json& to) {
  event.changes[name] = {dump_json(from), dump_json(to)};
}

std::vector<std::string> short_texts_at(const json& object, std::string_view key) {
  std::vector<std::string> texts;
  for (const json& item : array_at(object, key)) {
    if (texts.size() == kMaxShortTexts) break;
    if (!item.is_string()) continue;
    std::string text = item.get<std::string>();
    if (text.size() <= kMaxShortText) texts.push_back(std::move(text));
  }
  return texts;
}

void read_attributes(const json& record, std::string_view owner,
                     std::map<std::string, std::string>& into) {
  std::size_t taken = 0;
  for (const auto& [name, value] : object_at(record, "custom_attributes").items()) {
    if (taken == kMaxShortTexts) return;
    const bool single = value.is_string() || value.is_number() || value.is_boolean();
    if (!single || name.size() > kMaxShortText) continue;
    std::string text = value.is_string() ? value.get<std::string>() : dump_json(value);
    if (text.size() > kMaxShortText) continue;
    into[std::string(owner).append(1, '.').append(name)] = std::move(text);
    ++taken;
  }
}

const json& array_at(const json& object, std::string_view key) {
  static const json empty = json::array();
  const json* value = member(object, key);
  return value != nullptr && value->is_array() ? *value : empty;
}

std::map<std::string, std::string> attributes_at(const json& object, std::string_view key) {
  std::map<std::string, std::string> attributes;
  for (const auto& [name, value] : object_at(object, key).items()) {
    if (attributes.size() == kMaxListed) break;
    if (name.empty() || name.size() > kMaxListed) continue;
    if (value.is_string()) {
      attributes[name] =
          jobs::plain_content(value.get_ref<const std::string&>(), jobs::kMaxNameCharacters);
    } else if (value.is_number() || value.is_boolean()) {
      attributes[name] = dump_json(value);
    }
  }
  return attributes;
}

}  // namespace deskwire::webhooks
