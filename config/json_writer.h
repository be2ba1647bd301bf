#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/checks.h"
#include "config/secret.h"
#include "config/value_forms.h"
#include "core/clock.h"

namespace deskwire::config {

/// Writes settings as JSON without the secrets: the other visitor of config/settings.h. The keys
/// stand in the order in which `visit` names them.
class JsonWriter {
 public:
  /// What stands in a secret's place.
  enum class Secrets : std::uint8_t {
    kRedacted,  ///< "[redacted]"
    kDigested   ///< A digest: for comparing two configs, not to be shown.
  };
  explicit JsonWriter(Secrets secrets = Secrets::kRedacted);
  ~JsonWriter();
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void text(const char* key, const std::string& value, checks::Check check = nullptr);
  void texts(const char* key, const std::vector<std::string>& value, checks::Check check);
  void path(const char* key, const std::string& value) { text(key, value); }
  void id(const char* key, const std::string& value);
  void flag(const char* key, bool value);
  template <typename Integer>
  void number(const char* key, const Integer& value, std::int64_t /*min*/, std::int64_t /*max*/) {
    integer(key, static_cast<std::int64_t>(value));
  }
  void duration(const char* key, Milliseconds value, std::int64_t min_ms, std::int64_t max_ms);
  template <typename Enum>
  void choice(const char* key, const Enum& value,
              std::initializer_list<std::pair<const char*, Enum>> known) {
    for (const auto& [name, candidate] : known) {
      if (candidate == value) text(key, name);
    }
  }
  void decimal(const char* key, double value, double min, double max);
  void secret(const char* key, const Secret& value, std::size_t min_bytes = 1);
  void secrets(const char* key, const std::vector<Secret>& value);
  void secret_text(const char* key, const std::string& value, checks::Check check);
  void secret_map(const char* key, const std::map<std::string, Secret>& value,
                  checks::Check name_check);
  void capability(const char* key, const std::map<std::string, std::vector<std::string>>& value);
  void moment(const char* key, std::optional<std::int64_t> unix_ms);
  template <typename Value>
  void value(const char* key, const Value& value) {
    raw(key, write_value(value));
  }

  template <typename Visit>
  void group(const char* key, Visit visit_group) {
    JsonWriter inner(secrets_);
    visit_group(inner);
    add(key, inner);
  }
  template <typename Section>
  void section(const char* key, Section& value) {
    JsonWriter inner(secrets_);
    visit(inner, value);
    add(key, inner);
  }
  template <typename Section>
  void list(const char* key, std::vector<Section>& values) {
    begin_list(key);
    for (Section& value : values) {
      JsonWriter inner(secrets_);
      visit(inner, value);
      append(key, inner);
    }
  }
  template <typename Section>
  void map(const char* key, std::map<std::string, Section>& values, checks::Check /*check*/) {
    group(key, [&](JsonWriter& inner) {
      for (auto& [name, value] : values) inner.section(name.c_str(), value);
    });
  }

  /// Indented by two spaces, with a line end.
  std::string str() const;

 private:
  struct Object;
  std::string stand_in(std::string_view secret) const;
  void integer(const char* key, std::int64_t value);
  void raw(const char* key, const std::string& json);
  void add(const char* key, const JsonWriter& inner);
  void begin_list(const char* key);
  void append(const char* key, const JsonWriter& inner);

  const Secrets secrets_;
  std::unique_ptr<Object> object_;
};

}  // namespace deskwire::config
