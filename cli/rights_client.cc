#include "cli/rights_client.h"

#include <string>
#include <string_view>
#include <utility>

#include "worker/helpdesks/http_client.h"

namespace deskwire::cli {
namespace {

constexpr std::size_t kMaxAnswerBytes = 65536;

/// Where the path begins: behind `scheme://authority`.
std::size_t path_begin(std::string_view url) {
  const std::size_t slash = url.find('/', url.find("://") + 3);
  return slash == std::string_view::npos ? url.size() : slash;
}

std::string path_of(const std::string& url) {
  std::string path = url.substr(path_begin(url));
  return path.empty() ? std::string(1, '/') : path;
}

class RightsClient final : public publishers::RightsService {
 public:
  explicit RightsClient(const config::RightsCallback& settings)
      : path_(path_of(settings.url)),
        client_({settings.url.substr(0, path_begin(settings.url)), settings.timeout,
                 kMaxAnswerBytes}) {}

  Result<Reply> post(const Headers& headers, const std::string& body) override {
    auto answer = client_.send({"POST", path_, headers, body});
    if (!answer) return fail(std::move(answer.error()));
    return Reply{answer->status, std::move(answer->body)};
  }
  void stop() override { client_.stop(); }

 private:
  std::string path_;
  worker::HttpClient client_;
};

}  // namespace

std::unique_ptr<publishers::RightsService> make_rights_client(
    const config::RightsCallback& settings) {
  return std::make_unique<RightsClient>(settings);
}

}  // namespace deskwire::cli
