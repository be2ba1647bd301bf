#pragma once

#include <string>
#include <utility>

#include "core/net/http_server.h"
#include "tests/support/catch.h"
#include "tests/support/raw_client.h"

namespace deskwire::test {

/// Options of a server for a test: loopback, a free port, small limits.
inline net::HttpServer::Options server_options() {
  net::HttpServer::Options options;
  options.name = "test";
  options.listen = "127.0.0.1:0";
  options.threads = 2;
  options.max_head_bytes = 4096;
  options.max_body_bytes = 65536;
  return options;
}

/// Answers with method, path and body, at once.
inline void echo(net::HttpRequest&& request, const net::HttpResponder& responder) {
  responder.send(
      {200, {}, request.method + " " + std::string(request.path()) + " " + request.body});
}

inline std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

inline std::string post(const std::string& path, const std::string& headers,
                        const std::string& body = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body;
}

}  // namespace deskwire::test
