#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/checks.h"
#include "config/problems.h"
#include "config/secret.h"
#include "config/value_forms.h"
#include "core/clock.h"

namespace deskwire::config {

/// Fills settings from one JSON object: the visitor that `visit` (config/settings.h) is called
/// with when a config is read. A key that is absent leaves its target alone; every mistake goes to
/// Problems, with its path; what is wrong leaves its target alone as well.
class JsonReader {
 public:
  /// @param path  Of the object, empty for the root.
  JsonReader(const nlohmann::json& object, std::string path, const std::string& base_dir,
             Problems& problems);

  void text(const char* key, std::string& target, checks::Check check = nullptr);
  void texts(const char* key, std::vector<std::string>& target, checks::Check check);
  /// Of a file; relative to the config file.
  void path(const char* key, std::string& target);
  /// An id of the helpdesk: text or a whole number.
  void id(const char* key, std::string& target);
  void flag(const char* key, bool& target);
  template <typename Integer>
  void number(const char* key, Integer& target, std::int64_t min, std::int64_t max) {
    auto value = static_cast<std::int64_t>(target);
    integer(key, value, min, max);
    target = static_cast<Integer>(value);
  }
  void duration(const char* key, Milliseconds& target, std::int64_t min_ms, std::int64_t max_ms);
  template <typename Enum>
  void choice(const char* key, Enum& target,
              std::initializer_list<std::pair<const char*, Enum>> known) {
    std::vector<std::string> names;
    for (const auto& [name, value] : known) names.emplace_back(name);
    const std::size_t index = chosen(key, names);
    if (index < names.size()) target = (known.begin() + index)->second;
  }
  void secret(const char* key, Secret& target, std::size_t min_bytes = 1);
  void secrets(const char* key, std::vector<Secret>& target);
  /// Text that may hold a password: given like a secret.
  void secret_text(const char* key, std::string& target, checks::Check check);
  void capability(const char* key, std::map<std::string, std::vector<std::string>>& target);
  /// A moment in ISO 8601; null is the same as absent.
  void moment(const char* key, std::optional<std::int64_t>& target_ms);
  /// A value with a form of its own: config/value_forms.h.
  template <typename Value>
  void value(const char* key, Value& target) {
    if (const nlohmann::json* given = find(key)) {
      read_value(*given, path_of(key), problems_, target);
    }
  }
  /// Keys that say nothing to us.
  void ignore(std::initializer_list<const char*> keys);
  /// A key of a feature that this version does not have: accepted while it is empty or off.
  void unavailable(const char* key, std::string_view empty);

  /// `{…}` without a struct of its own.
  template <typename Visit>
  void group(const char* key, Visit visit_group) {
    child(key, [&](JsonReader& reader) { visit_group(reader); });
  }
  template <typename Section>
  void section(const char* key, Section& target) {
    child(key, [&](JsonReader& reader) { visit(reader, target); });
  }
  /// A list of sections. One that is given replaces the default as a whole.
  template <typename Section>
  void list(const char* key, std::vector<Section>& target) {
    std::vector<Section> items;
    const bool given = each(key, [&](JsonReader& reader) {
      Section item;
      visit(reader, item);
      items.push_back(std::move(item));
    });
    if (given) target = std::move(items);
  }
  /// Names of one's own -> sections. One that is given replaces the default as a whole.
  template <typename Section>
  void map(const char* key, std::map<std::string, Section>& target, checks::Check name_check) {
    std::map<std::string, Section> items;
    const bool given = each_named(
        key, name_check,
        [&](const std::string& name, JsonReader& reader) { visit(reader, items[name]); });
    if (given) target = std::move(items);
  }

 private:
  const nlohmann::json* find(const char* key);
  std::string path_of(std::string_view key) const;
  void wrong_type(const std::string& path, const nlohmann::json& value, const char* expected);
  void integer(const char* key, std::int64_t& target, std::int64_t min, std::int64_t max);
  std::size_t chosen(const char* key, const std::vector<std::string>& names);
  bool secret_value(const nlohmann::json& value, const std::string& path, std::size_t min_bytes,
                    Secret& target);
  void child(const char* key, const std::function<void(JsonReader&)>& visit_child);
  bool each(const char* key, const std::function<void(JsonReader&)>& visit_item);
  bool each_named(const char* key, checks::Check name_check,
                  const std::function<void(const std::string&, JsonReader&)>& visit_item);
  void reject_unknown();
  void read_object(const nlohmann::json& value, const std::string& path,
                   const std::function<void(JsonReader&)>& visit_object);

  friend void read_root(const nlohmann::json& root, const std::string& base_dir, Problems& problems,
                        const std::function<void(JsonReader&)>& visit_root);

  const nlohmann::json& object_;
  std::string path_;
  const std::string& base_dir_;
  Problems& problems_;
  std::vector<std::string> known_;
};

/// Reads a whole document: the root must be an object, unknown keys are reported.
void read_root(const nlohmann::json& root, const std::string& base_dir, Problems& problems,
               const std::function<void(JsonReader&)>& visit_root);

}  // namespace deskwire::config
