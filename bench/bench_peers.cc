// Servers to measure against: one that answers every request with an empty 202 (the same HTTP
// server as the receiver's), and a helpdesk that accepts every reply at once.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <iostream>
#include <string>

#include "core/net/http_server.h"

int main(int argc, char** argv) {
  CLI::App app{"Servers to measure against, on loopback"};
  std::string kind;
  int threads = 1;
  app.add_option("kind", kind, "empty: 202 without a body; helpdesk: 200 with a message id")
      ->required()
      ->check(CLI::IsMember({"empty", "helpdesk"}));
  app.add_option("--threads", threads, "I/O threads")->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::atomic<std::int64_t> posts{0};
  deskwire::net::HttpServer::Options options;
  options.name = kind;
  options.listen = "127.0.0.1:0";
  options.threads = threads;
  options.max_body_bytes = 8U << 20U;
  deskwire::net::HttpServer server(
      options, [&posts, &kind](deskwire::net::HttpRequest&& request,
                               const deskwire::net::HttpResponder& responder) {
        deskwire::net::HttpResponse response;
        if (kind == "empty") {
          response.status = 202;
        } else if (request.target == "/count") {
          response.body = std::to_string(posts.load());
        } else if (request.path().ends_with("/messages")) {
          response.body = R"({"id":)" + std::to_string(posts.fetch_add(1) + 1) + "}";
        }
        responder.send(std::move(response));
      });
  const deskwire::Status started = server.start();
  if (!started) {
    std::cerr << started.error().message << '\n';
    return 1;
  }
  std::cout << server.port() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  server.stop();
  return 0;
}
