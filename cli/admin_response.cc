#include "cli/admin_response.h"

#include <nlohmann/json.hpp>

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

HttpResponse error_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return net::error_response(40001, error.message);
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
