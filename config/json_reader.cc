#include "config/json_reader.h"

#include <nlohmann/json.hpp>

#include "config/nearest.h"
#include "config/secret_source.h"
#include "core/json.h"
#include "core/timestamp.h"

namespace deskwire::config {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxListItems = 1000;

std::string type_of(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "a list";
    case json::value_t::string:
      return "a string";
    case json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    default:
      return "the number " + value.dump();
  }
}

/// Empty, zero, false, or an object of nothing but such values.
bool is_off(const json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == 0;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_array()) return value.empty();
  for (const auto& item : value) {
    if (!is_off(item)) return false;
  }
  return true;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) {
    if (!all.empty()) all += ", ";
    all += word;
  }
  return all;
}

}  // namespace

JsonReader::JsonReader(const json& object, std::string path, const std::string& base_dir,
                       Problems& problems)
    : object_(object), path_(std::move(path)), base_dir_(base_dir), problems_(problems) {}

const json* JsonReader::find(const char* key) {
  known_.emplace_back(key);
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

std::string JsonReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void JsonReader::wrong_type(const std::string& path, const json& value, const char* expected) {
  problems_.add(path, "is " + type_of(value) + ", expected " + expected);
}

void JsonReader::text(const char* key, std::string& target, checks::Check check) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return wrong_type(path_of(key), *value, "a string");
  const auto& given = value->get_ref<const std::string&>();
  if (given.find('\0') != std::string::npos) {
    return problems_.add(path_of(key), "contains a zero byte");
  }
  const auto mistake = check != nullptr ? check(given) : std::nullopt;
  if (mistake) return problems_.add(path_of(key), *mistake);
  target = given;
}

void JsonReader::texts(const char* key, std::vector<std::string>& target, checks::Check check) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return wrong_type(path_of(key), *value, "a list of strings");
  if (value->size() > kMaxListItems) {
    return problems_.add(path_of(key), "has more than " + std::to_string(kMaxListItems) + " items");
  }
  std::vector<std::string> items;
  for (const json& item : *value) {
    const std::string path = path_of(key) + "[" + std::to_string(items.size()) + "]";
    items.emplace_back();
    if (!item.is_string()) {
      wrong_type(path, item, "a string");
      continue;
    }
    items.back() = item.get<std::string>();
    if (const auto mistake = check(items.back())) problems_.add(path, *mistake);
  }
  target = std::move(items);
}

void JsonReader::path(const char* key, std::string& target) {
  std::string given = target;
  text(key, given);
  const bool is_relative = !given.empty() && !given.starts_with('/') && !base_dir_.empty();
  target = given == target || !is_relative ? given : base_dir_ + "/" + given;
}

void JsonReader::id(const char* key, std::string& target) {
  const json* value = find(key);
  if (value == nullptr) return;
  const auto given = id_at(object_, key);
  if (!given) return wrong_type(path_of(key), *value, "a string or a whole number");
  target = *given;
}

void JsonReader::flag(const char* key, bool& target) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return wrong_type(path_of(key), *value, "true or false");
  target = value->get<bool>();
}

void JsonReader::integer(const char* key, std::int64_t& target, std::int64_t min,
                         std::int64_t max) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_number_integer()) return wrong_type(path_of(key), *value, "a whole number");
  const bool fits = !value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX;
  const std::int64_t given = fits ? value->get<std::int64_t>() : INT64_MAX;
  if (given < min || given > max || !fits) {
    return problems_.add(path_of(key), value->dump() + " is out of range " + std::to_string(min) +
                                           ".." + std::to_string(max));
  }
  target = given;
}

void JsonReader::duration(const char* key, Milliseconds& target, std::int64_t min_ms,
                          std::int64_t max_ms) {
  std::int64_t value = target.count();
  integer(key, value, min_ms, max_ms);
  target = Milliseconds(value);
}

std::size_t JsonReader::chosen(const char* key, const std::vector<std::string>& names) {
  const json* value = find(key);
  if (value == nullptr) return names.size();
  if (!value->is_string()) {
    wrong_type(path_of(key), *value, "a string");
    return names.size();
  }
  const auto& given = value->get_ref<const std::string&>();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == given) return i;
  }
  const auto meant = nearest(given, names);
  problems_.add(path_of(key), in_quotes(given) + " is not one of " + joined(names) +
                                  (meant ? "; did you mean \"" + *meant + "\"?" : ""));
  return names.size();
}

bool JsonReader::secret_value(const json& value, const std::string& path, std::size_t min_bytes,
                              Secret& target) {
  constexpr const char* kForms = R"(write a string, {"env": "NAME"} or {"file": "PATH"})";
  Result<Secret> given = fail(ErrorCode::kInvalid, kForms);
  if (value.is_string()) {
    given = Secret(value.get<std::string>());
  } else if (value.is_object() && value.size() == 1 && value.begin()->is_string()) {
    const auto argument = value.begin()->get<std::string>();
    if (value.begin().key() == "env") given = secret_from_environment(argument);
    if (value.begin().key() == "file") given = secret_from_file(argument, base_dir_);
  } else if (!value.is_object()) {
    // Not type_of(): a number here is a secret that was left without its quotes.
    given = fail(ErrorCode::kInvalid, std::string("is not a secret; ") + kForms);
  }
  if (!given) {
    problems_.add(path, given.error().message);
    return false;
  }
  const std::size_t size = given->reveal().size();
  if (size < min_bytes) {
    problems_.add(path, size == 0 ? std::string("is empty")
                                  : "has " + std::to_string(size) + " bytes, at least " +
                                        std::to_string(min_bytes) +
                                        " are needed; try `openssl rand -base64 32`");
    return false;
  }
  target = std::move(*given);
  return true;
}

void JsonReader::secret(const char* key, Secret& target, std::size_t min_bytes) {
  const json* value = find(key);
  if (value == nullptr) return;
  // "" stands for "none", as it does in the default file.
  if (value->is_string() && value->get_ref<const std::string&>().empty()) {
    target = Secret();
    return;
  }
  secret_value(*value, path_of(key), min_bytes, target);
}

void JsonReader::secrets(const char* key, std::vector<Secret>& target) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return wrong_type(path_of(key), *value, "a list of secrets");
  if (value->size() > kMaxListItems) {
    return problems_.add(path_of(key), "has more than " + std::to_string(kMaxListItems) + " items");
  }
  std::vector<Secret> items;
  for (std::size_t i = 0; i < value->size(); ++i) {
    Secret item;
    secret_value((*value)[i], path_of(key) + "[" + std::to_string(i) + "]", 1, item);
    items.push_back(std::move(item));
  }
  target = std::move(items);
}

void JsonReader::secret_text(const char* key, std::string& target, checks::Check check) {
  Secret given{target};
  secret(key, given);
  const std::string text(given.reveal());
  if (const auto mistake = check(text)) return problems_.add(path_of(key), *mistake);
  target = text;
}

void JsonReader::capability(const char* key,
                            std::map<std::string, std::vector<std::string>>& target) {
  child(key, [&](JsonReader& reader) {
    std::map<std::string, std::vector<std::string>> granted;
    for (const auto& [pattern, operations] : reader.object_.items()) {
      reader.texts(pattern.c_str(), granted[pattern], checks::operation);
    }
    target = std::move(granted);
  });
}

void JsonReader::moment(const char* key, std::optional<std::int64_t>& target_ms) {
  const json* value = find(key);
  if (value == nullptr || value->is_null()) return;
  const auto given =
      value->is_string() ? parse_iso8601_ms(value->get_ref<const std::string&>()) : std::nullopt;
  if (given) {
    target_ms = given;
    return;
  }
  problems_.add(path_of(key),
                (value->is_string() ? in_quotes(value->get<std::string>()) : value->dump()) +
                    R"( is no moment; write it as "2026-11-20T09:00:00Z")");
}

void JsonReader::ignore(std::initializer_list<const char*> keys) {
  known_.insert(known_.end(), keys.begin(), keys.end());
}

void JsonReader::unavailable(const char* key, std::string_view /*empty*/) {
  const json* value = find(key);
  if (value == nullptr || is_off(*value)) return;
  problems_.add(path_of(key), "is not available in this version; leave it out");
}

void JsonReader::child(const char* key, const std::function<void(JsonReader&)>& visit_child) {
  const json* value = find(key);
  if (value != nullptr) read_object(*value, path_of(key), visit_child);
}

bool JsonReader::each(const char* key, const std::function<void(JsonReader&)>& visit_item) {
  const json* value = find(key);
  if (value == nullptr) return false;
  if (!value->is_array()) {
    wrong_type(path_of(key), *value, "a list");
    return false;
  }
  if (value->size() > kMaxListItems) {
    problems_.add(path_of(key), "has more than " + std::to_string(kMaxListItems) + " items");
    return false;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    read_object((*value)[i], path_of(key) + "[" + std::to_string(i) + "]", visit_item);
  }
  return true;
}

bool JsonReader::each_named(
    const char* key, checks::Check name_check,
    const std::function<void(const std::string&, JsonReader&)>& visit_item) {
  const json* value = find(key);
  if (value == nullptr) return false;
  if (!value->is_object()) {
    wrong_type(path_of(key), *value, "an object");
    return false;
  }
  if (value->size() > kMaxListItems) {
    problems_.add(path_of(key), "has more than " + std::to_string(kMaxListItems) + " items");
    return false;
  }
  for (const auto& [name, item] : value->items()) {
    if (const auto mistake = name_check(name)) {
      problems_.add(path_of(key), *mistake);
      continue;
    }
    read_object(item, path_of(key) + "." + name,
                [&, &item_name = name](JsonReader& reader) { visit_item(item_name, reader); });
  }
  return true;
}

void JsonReader::read_object(const json& value, const std::string& path,
                             const std::function<void(JsonReader&)>& visit_object) {
  if (!value.is_object()) return wrong_type(path, value, "an object");
  JsonReader reader(value, path, base_dir_, problems_);
  visit_object(reader);
  reader.reject_unknown();
}

void JsonReader::reject_unknown() {
  for (const auto& [key, value] : object_.items()) {
    bool is_known = false;
    for (const std::string& known : known_) is_known = is_known || known == key;
    if (is_known) continue;
    const bool plain = !key.empty() && key.size() <= 64 &&
                       key.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string::npos;
    const auto meant = nearest(key, known_);
    problems_.add(path_of(plain ? key : in_quotes(key)),
                  meant ? "unknown key; did you mean \"" + *meant + "\"?"
                        : "unknown key; known here: " + joined(known_));
  }
}

void read_root(const json& root, const std::string& base_dir, Problems& problems,
               const std::function<void(JsonReader&)>& visit_root) {
  if (!root.is_object()) {
    problems.add("", "is " + type_of(root) + ", expected an object");
    return;
  }
  JsonReader reader(root, "", base_dir, problems);
  visit_root(reader);
  reader.reject_unknown();
}

}  // namespace deskwire::config
