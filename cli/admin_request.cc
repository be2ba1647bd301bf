#include "cli/admin_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace deskwire::cli {

using nlohmann::json;

namespace {

using Type = BodyField::Type;

bool is_text(const json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty();
}

/// Empty when it is of the type; else what it should be.
std::string_view mistake_of(const json& value, Type type) {
  switch (type) {
    case Type::kText:
      return is_text(value) ? "" : "is no text";
    case Type::kFlag:
      return value.is_boolean() ? "" : "is not true or false";
    case Type::kInteger:
      return value.is_number_integer() ? "" : "is no integer";
    case Type::kId:
      return is_text(value) || value.is_number_integer() ? "" : "is no id";
    case Type::kIds:
      break;
  }
  const bool ids = value.is_array() && std::all_of(value.begin(), value.end(), is_text);
  return ids ? "" : "is no list of texts";
}

Status check_field(const std::string& name, const json& value,
                   const std::vector<BodyField>& fields) {
  const auto field = std::find_if(fields.begin(), fields.end(),
                                  [&name](const BodyField& known) { return known.name == name; });
  if (field == fields.end()) {
    std::string names;
    for (const BodyField& known : fields)
      names.append(names.empty() ? "" : ", ").append(known.name);
    return fail(ErrorCode::kInvalid, name + ": is not known here; known are " + names);
  }
  const std::string_view mistake = mistake_of(value, field->type);
  if (mistake.empty()) return {};
  return fail(ErrorCode::kInvalid, name + ": " + std::string(mistake));
}

}  // namespace

bool is_read(const net::HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

Result<json> body_of(const net::HttpRequest& request, std::initializer_list<BodyField> fields) {
  if (request.body.empty()) return json::object();
  auto parsed = parse_json(request.body);
  if (!parsed || !parsed->is_object()) {
    return fail(ErrorCode::kInvalid, "the body is not a JSON object");
  }
  std::vector<BodyField> known(fields);
  known.insert(known.end(), {{"actor", Type::kText}, {"reason", Type::kText}});
  for (const auto& [name, value] : parsed->items()) {
    if (Status fits = check_field(name, value, known); !fits) return fail(std::move(fits).error());
  }
  return parsed;
}

jobs::Operator operator_of(const net::HttpRequest& request, const json& body) {
  const std::string door = "admin:" + request.peer_address;
  const std::string actor = string_at(body, "actor");
  return {actor.empty() ? door : actor + " via " + door, string_at(body, "reason")};
}

}  // namespace deskwire::cli
