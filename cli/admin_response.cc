#include "cli/admin_response.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/json.h"

namespace deskwire::cli {

using net::HttpResponse;
using nlohmann::json;

HttpResponse json_response(int status, const json& body) {
  HttpResponse response;
  response.status = status;
  response.body = dump_json(body) + "\n";
  return response;
}

namespace {

/// Of "limit: is not 1..1000"; empty where the message begins with more than a word.
std::string_view field_of(std::string_view message) {
  const std::string_view word = message.substr(0, message.find(':'));
  const bool one = word.size() < message.size() &&
                   std::all_of(word.begin(), word.end(),
                               [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  return one ? word : std::string_view();
}

}  // namespace

HttpResponse error_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return net::error_response(40001, error.message, field_of(error.message));
    case ErrorCode::kNotFound:
      return net::error_response(40400, error.message);
    case ErrorCode::kConflict:
      return net::error_response(40900, error.message);
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kFull:
      return net::error_response(50300, error.message);
    default:
      return net::error_response(50000, error.message);
  }
}

HttpResponse method_not_allowed(const char* allowed) {
  auto response = net::error_response(40500, "method not allowed");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace deskwire::cli
