#include "publishers/exchange.h"

namespace deskwire::publishers {

void Exchange::add_cors(net::HttpResponse& response) const {
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  if (origin_.empty()) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", origin_);
  response.headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
  response.headers.emplace_back("Vary", "Origin");
}

void Exchange::send(net::HttpResponse response) const {
  add_cors(response);
  responder_.send(std::move(response));
}

void Exchange::send(int status, std::string json_text) const {
  net::HttpResponse response;
  response.status = status;
  response.body = std::move(json_text);
  response.headers = {{"Cache-Control", "no-store"}};
  send(std::move(response));
}

void Exchange::refuse(const Refusal& refusal) const {
  net::HttpResponse response = net::error_response(static_cast<int>(refusal.code), refusal.message,
                                                   refusal.field, refusal.retry_after);
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  send(std::move(response));
}

void Exchange::allow_only(std::string_view methods) const {
  net::HttpResponse response = net::error_response(static_cast<int>(ReplyCode::kMethodNotAllowed),
                                                   "this method is not possible here");
  response.headers.emplace_back("Allow", methods);
  send(std::move(response));
}

void Exchange::begin_stream(net::HttpResponse head, std::function<void()> on_gone) const {
  add_cors(head);
  responder_.stream_begin(std::move(head), std::move(on_gone));
}

}  // namespace deskwire::publishers
