#include "bench/webhook_factory.h"

#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>

#include "core/hash.h"
#include "core/ids.h"

namespace deskwire::bench {
namespace {

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::vector<std::string> make_webhooks(const std::string& body_file, const std::string& path,
                                       const std::string& secret, std::size_t count,
                                       std::size_t conversations, std::size_t first_id) {
  std::ifstream file(body_file, std::ios::binary);
  const std::string pattern{std::istreambuf_iterator<char>(file), {}};
  if (pattern.empty()) {
    std::cerr << "bench " << body_file << ": cannot read it; pass --body FILE\n";
    return {};
  }
  const std::string timestamp = std::to_string(std::time(nullptr));
  const std::string delivery_prefix = new_ulid(std::time(nullptr) * 1000);
  std::vector<std::string> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string body = pattern;
    const std::string conversation = std::to_string(100000 + i % conversations);
    replace_all(body, R"("id":5001)", R"("id":)" + std::to_string(first_id + i));
    replace_all(body, R"("id":1001)", R"("id":)" + conversation);
    replace_all(body, R"("conversation_id":1001)", R"("conversation_id":)" + conversation);
    replace_all(body, "Hi, where is my order #8841?", "bench-" + std::to_string(i) + "-");
    const std::string signature =
        hex_encode(hmac(HashAlgorithm::kSha256, secret, timestamp + "." + body));
    out.push_back("POST " + path +
                  " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                  "X-Chatwoot-Delivery: " +
                  delivery_prefix + "-" + std::to_string(i) + "\r\nX-Chatwoot-Timestamp: " +
                  timestamp + "\r\nX-Chatwoot-Signature: sha256=" + signature +
                  "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  return out;
}

}  // namespace deskwire::bench
