#include "config/json_writer.h"

#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/redis/redis_url.h"
#include "core/timestamp.h"

namespace deskwire::config {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRedacted = "[redacted]";

}  // namespace

struct JsonWriter::Object {
  Json value = Json::object();
};

JsonWriter::JsonWriter(Secrets secrets) : secrets_(secrets), object_(std::make_unique<Object>()) {}
JsonWriter::~JsonWriter() = default;

std::string JsonWriter::stand_in(std::string_view secret) const {
  if (secret.empty()) return {};
  return secrets_ == Secrets::kDigested ? base64url_encode(sha256(secret)) : kRedacted;
}

void JsonWriter::text(const char* key, const std::string& value, checks::Check /*check*/) {
  object_->value[key] = value;
}

void JsonWriter::texts(const char* key, const std::vector<std::string>& value,
                       checks::Check /*check*/) {
  object_->value[key] = value;
}

void JsonWriter::id(const char* key, const std::string& value) { object_->value[key] = value; }

void JsonWriter::flag(const char* key, bool value) { object_->value[key] = value; }

void JsonWriter::integer(const char* key, std::int64_t value) { object_->value[key] = value; }

void JsonWriter::duration(const char* key, Milliseconds value, std::int64_t /*min_ms*/,
                          std::int64_t /*max_ms*/) {
  integer(key, value.count());
}

void JsonWriter::decimal(const char* key, double value, double /*min*/, double /*max*/) {
  object_->value[key] = value;
}

void JsonWriter::secret(const char* key, const Secret& value, std::size_t /*min_bytes*/) {
  object_->value[key] = stand_in(value.reveal());
}

void JsonWriter::secrets(const char* key, const std::vector<Secret>& value) {
  Json items = Json::array();
  for (const Secret& item : value) items.push_back(stand_in(item.reveal()));
  object_->value[key] = std::move(items);
}

void JsonWriter::secret_text(const char* key, const std::string& value, checks::Check /*check*/) {
  if (secrets_ == Secrets::kDigested) return text(key, stand_in(value));
  // The only such text is redis.url; its address is worth seeing, its password is not.
  const auto endpoint = redis::parse_redis_url(value);
  object_->value[key] = value.empty() ? "" : endpoint ? endpoint->display() : kRedacted;
}

void JsonWriter::secret_map(const char* key, const std::map<std::string, Secret>& value,
                            checks::Check /*name_check*/) {
  Json items = Json::object();
  for (const auto& [name, item] : value) items[name] = stand_in(item.reveal());
  object_->value[key] = std::move(items);
}

void JsonWriter::capability(const char* key,
                            const std::map<std::string, std::vector<std::string>>& value) {
  object_->value[key] = value;
}

void JsonWriter::moment(const char* key, std::optional<std::int64_t> unix_ms) {
  object_->value[key] = unix_ms ? Json(iso8601(*unix_ms)) : Json();
}

void JsonWriter::raw(const char* key, const std::string& json) {
  object_->value[key] = Json::parse(json);
}

void JsonWriter::add(const char* key, const JsonWriter& inner) {
  object_->value[key] = inner.object_->value;
}

void JsonWriter::begin_list(const char* key) { object_->value[key] = Json::array(); }

void JsonWriter::append(const char* key, const JsonWriter& inner) {
  object_->value[key].push_back(inner.object_->value);
}

std::string JsonWriter::str() const {
  return object_->value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace deskwire::config
