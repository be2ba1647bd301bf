#include "cli/sink_poster.h"

namespace deskwire::cli {

std::shared_ptr<worker::HttpClient> SinkPoster::client_of(const std::string& origin,
                                                          Milliseconds timeout) {
  const MutexLock lock(mutex_);
  auto& client = clients_[origin + " " + std::to_string(timeout.count())];
  if (!client) {
    worker::HttpClient::Options options;
    options.base_url = origin;
    options.timeout = timeout;
    client = std::make_shared<worker::HttpClient>(std::move(options));
    if (stopped_) client->stop();
  }
  return client;
}

Result<publishers::HttpAnswer> SinkPoster::post(const publishers::HttpPost& request) {
  const std::size_t host = request.url.find("://");
  if (host == std::string::npos) return fail(ErrorCode::kInvalid, "the address has no scheme");
  const std::size_t slash = request.url.find('/', host + 3);
  const bool bare = slash == std::string::npos;
  const auto client = client_of(request.url.substr(0, slash), request.timeout);
  worker::HttpRequest call;
  call.method = "POST";
  call.path = bare ? "/" : request.url.substr(slash);
  call.headers = request.headers;
  call.body = request.body;
  auto answer = client->send(call);
  if (!answer) return fail(std::move(answer.error()));
  return publishers::HttpAnswer{answer->status, std::move(answer->body),
                                std::move(answer->retry_after)};
}

void SinkPoster::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  for (const auto& [origin, client] : clients_) client->stop();
}

}  // namespace deskwire::cli
