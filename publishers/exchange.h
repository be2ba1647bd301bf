#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/net/http_server.h"
#include "publishers/codes.h"

namespace deskwire::publishers {

/// One request being answered: adds the CORS headers for pages that may read the answer.
///
/// Thread safety: as HttpResponder.
class Exchange {
 public:
  Exchange(net::HttpResponder responder, std::string origin)
      : responder_(std::move(responder)), origin_(std::move(origin)) {}

  void send(int status, std::string json) const;
  void send(net::HttpResponse response) const;
  /// A 401 names the scheme that is expected (RFC 9110 §11.6.1).
  void refuse(const Refusal& refusal) const;
  /// 405, with the methods that are possible: "GET, HEAD".
  void allow_only(std::string_view methods) const;
  void begin_stream(net::HttpResponse head, std::function<void()> on_gone) const;
  const net::HttpResponder& responder() const { return responder_; }

 private:
  void add_cors(net::HttpResponse& response) const;

  net::HttpResponder responder_;
  std::string origin_;  ///< Of an allowed page; empty: no page asks.
};

}  // namespace deskwire::publishers
