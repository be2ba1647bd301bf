#include "webhooks/handshake.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/json.h"

namespace deskwire::webhooks {
namespace {

// Slack's and Front's are below 100 characters.
constexpr std::size_t kMaxChallenge = 1024;
constexpr std::size_t kMaxHandshakeBytes = 16384;

std::optional<std::string> echo(std::string_view challenge) {
  if (challenge.empty() || challenge.size() > kMaxChallenge) return std::nullopt;
  return R"({"challenge":)" + json_quote(challenge) + "}";
}

}  // namespace

std::optional<std::string> handshake_answer(const config::Source& source,
                                            const net::HttpRequest& request) {
  if (source.type == config::SourceType::kFront) return echo(request.header("X-Front-Challenge"));
  const bool may_be_slack = source.scheme == "slack" && request.body.size() <= kMaxHandshakeBytes;
  if (!may_be_slack) return std::nullopt;
  const auto body = parse_json(request.body);
  if (!body || !body->is_object() || string_at(*body, "type") != "url_verification") {
    return std::nullopt;
  }
  return echo(string_at(*body, "challenge"));
}

}  // namespace deskwire::webhooks
