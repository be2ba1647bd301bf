#include "publishers/issue_token.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "core/json.h"
#include "publishers/token.h"

namespace deskwire::publishers {

namespace {

using nlohmann::json;

constexpr std::int64_t kDefaultTtlMs = 3'600'000;
constexpr std::int64_t kMinTtlMs = 1000;
constexpr std::int64_t kMaxTtlMs = 86'400'000;
constexpr std::size_t kMaxClientId = 128;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kSandboxIdBytes = 16;  ///< 128 random bits: nobody guesses it.
constexpr std::size_t kSandboxIdLength = 26;

Answer<std::string> name_of(const json& body, std::string fallback) {
  if (!body.contains("name")) return fallback;
  std::string name = string_at(body, "name");
  if (name.empty() || name.size() > kMaxName) {
    return refuse(ReplyCode::kBadField, "name must be a text of 1..256 bytes", "name");
  }
  return name;
}

Answer<std::string> role_of(const json& body) {
  const std::string role = body.contains("role") ? string_at(body, "role") : "customer";
  if (role != "customer" && role != "agent") {
    return refuse(ReplyCode::kBadField, "role must be customer or agent", "role");
  }
  return role;
}

Answer<Capability> capability_in(const json& body) {
  const auto wrong = [](std::string message) {
    return refuse(ReplyCode::kBadField, std::move(message), "capability");
  };
  const auto found = body.find("capability");
  if (found == body.end() || !found->is_object() || found->empty()) {
    return wrong("capability must be an object of channel patterns and operations");
  }
  Capability capability;
  for (const auto& [resource, operations] : found->items()) {
    if (!operations.is_array() || operations.empty()) {
      return wrong("capability: operations must be a list");
    }
    for (const json& operation : operations) {
      if (!operation.is_string()) return wrong("capability: operations must be texts");
      capability[resource].push_back(operation.get<std::string>());
    }
  }
  if (auto valid = validate_capability(capability); !valid) return wrong(valid.error().message);
  return capability;
}

Answer<const config::SigningKey*> signing_key(const config::Gateway& settings) {
  if (settings.keys.empty()) {
    return refuse(ReplyCode::kNotPossibleHere, "gateway.keys has no key to sign with");
  }
  return &settings.keys.front();
}

bool is_sandbox_id(std::string_view id) {
  return id.size() == kSandboxIdLength && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
         });
}

}  // namespace

Answer<std::string> issue_token(const json& body, const Principal& server,
                                const config::Gateway& settings, std::int64_t now_ms) {
  if (!server.server) return refuse(ReplyCode::kTokenRefused, "only a server key makes tokens");
  const auto key = signing_key(settings);
  if (!key) return tl::unexpected(key.error());
  Claims claims;
  claims.client_id = string_at(body, "clientId");
  if (claims.client_id.empty() || claims.client_id.size() > kMaxClientId) {
    return refuse(ReplyCode::kBadField, "clientId must be a text of 1..128 bytes", "clientId");
  }
  auto name = name_of(body, claims.client_id);
  if (!name) return tl::unexpected(name.error());
  claims.name = std::move(*name);
  auto role = role_of(body);
  if (!role) return tl::unexpected(role.error());
  claims.role = std::move(*role);
  auto capability = capability_in(body);
  if (!capability) return tl::unexpected(capability.error());
  claims.capability = std::move(*capability);
  if (auto within = check_ceiling(claims.capability, server.claims.capability); !within) {
    return tl::unexpected(refusal_of(within.error()));
  }
  std::int64_t ttl = kDefaultTtlMs;
  if (body.contains("ttl")) {
    const auto asked = integer_at(body, "ttl");
    if (!asked || *asked < kMinTtlMs || *asked > kMaxTtlMs) {
      return refuse(ReplyCode::kBadField, "ttl must be 1000..86400000 ms", "ttl");
    }
    ttl = *asked;
  }
  // A token carries whole seconds; what is said here must be what it holds.
  const std::int64_t issued_ms = now_ms / 1000 * 1000;
  claims.issued_ms = now_ms;
  claims.expires_ms = issued_ms + ttl / 1000 * 1000;
  return dump_json({{"token", sign_token(claims, **key)},
                    {"issued", issued_ms},
                    {"expires", claims.expires_ms},
                    {"capability", json(claims.capability)},
                    {"clientId", claims.client_id}});
}

Answer<std::string> open_sandbox_session(const json& body,
                                         const std::vector<config::Source>& sources,
                                         const config::Gateway& settings, std::int64_t now_ms) {
  const auto source = std::find_if(sources.begin(), sources.end(), [](const config::Source& one) {
    return one.type == config::SourceType::kSandbox;
  });
  if (source == sources.end()) {
    return refuse(ReplyCode::kNotFound, "this server has no sandbox source");
  }
  const auto key = signing_key(settings);
  if (!key) return tl::unexpected(key.error());
  auto role = role_of(body);
  if (!role) return tl::unexpected(role.error());
  auto name = name_of(body, *role == "agent" ? "Agent" : "Visitor");
  if (!name) return tl::unexpected(name.error());
  std::string conversation = base32_encode(random_bytes(kSandboxIdBytes));
  if (body.contains("conversation")) {
    conversation = string_at(body, "conversation");
    if (!is_sandbox_id(conversation)) {
      return refuse(ReplyCode::kBadField, "not a conversation of the sandbox", "conversation");
    }
  }
  const std::string lane = conversation_key(source->name_space, conversation);
  Claims claims;
  claims.client_id = (*role == "agent" ? "agent-" : "visitor-") +
                     base32_encode(random_bytes(kSandboxIdBytes)).substr(0, 12);
  claims.name = std::move(*name);
  claims.role = std::move(*role);
  claims.issued_ms = now_ms;
  claims.expires_ms = now_ms / 1000 * 1000 + kMaxTtlMs;
  const std::vector<std::string> everything = {"subscribe", "publish", "presence", "history"};
  claims.capability[conversation_channel(lane)] = everything;
  if (claims.role == "agent") claims.capability[internal_channel(lane)] = everything;
  return dump_json({{"channel", conversation_channel(lane)},
                    {"conversation", conversation},
                    {"token", sign_token(claims, **key)},
                    {"expires", claims.expires_ms}});
}

}  // namespace deskwire::publishers
