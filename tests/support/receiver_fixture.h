#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>

#include "places.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/raw_client.h"
#include "tests/support/scripted_store.h"
#include "webhooks/outgoing_delivery.h"
#include "webhooks/receiver.h"

namespace deskwire::testing {

inline config::Source source_named(const char* name, config::SourceType type,
                                   config::SourceAuth auth, const char* secret) {
  config::Source source;
  source.name = name;
  source.type = type;
  source.auth = auth;
  source.secrets = {config::Secret(secret)};
  return source;
}

/// One source of each kind and each way of proving itself, on a free port.
inline config::Config receiver_config() {
  using config::SourceAuth;
  using config::SourceType;
  config::Config config;
  config.receiver.listen = "127.0.0.1:0";
  config.receiver.max_body_bytes = 1U << 20U;
  // Tests of these give them a directory of their own.
  config.receiver.spool.max_bytes = 0;
  config.receiver.quarantine.max_bytes = 0;
  config.sources = {
      source_named("support", SourceType::kChatwoot, SourceAuth::kSignature, "new-secret"),
      source_named("shop", SourceType::kGeneric, SourceAuth::kSignature, "whsec_c2hvcHNob3A="),
      source_named("sandbox", SourceType::kSandbox, SourceAuth::kSignature, "whsec_c2FuZGJveA=="),
      source_named("basic", SourceType::kChatwoot, SourceAuth::kBasic, "ann:pass"),
      source_named("macro", SourceType::kChatwoot, SourceAuth::kUrlToken, "tok-1"),
  };
  config.sources[0].account_id = "1";
  config.sources[0].secrets.emplace_back("old-secret");
  config.sources[1].name_space = "shop";
  config.sources[3].name_space = "basic";
  config.sources[4].name_space = "macro";
  return config;
}

/// A receiver on a real socket, with a store in memory behind it.
struct ReceiverFixture {
  explicit ReceiverFixture(config::Config with = receiver_config())
      : config(std::move(with)), store(clock), receiver(config, store, clock, metrics) {
    REQUIRE(receiver.start());
  }

  /// The bytes of a signed delivery, as the source's helpdesk would send it now.
  std::string signed_post(std::string_view source, const std::string& body,
                          const std::string& delivery_id) const {
    const auto delivery = webhooks::prepare_delivery(*config.find_source(source), body, delivery_id,
                                                     clock.wall_ms() / 1000);
    REQUIRE(delivery);
    return post(delivery->target, delivery->headers, body);
  }
  static std::string post(const std::string& target, const net::Headers& headers,
                          const std::string& body) {
    std::string text = "POST " + target + " HTTP/1.1\r\nHost: localhost\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    return text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  test::RawResponse send(const std::string& bytes) const {
    test::RawClient client(receiver.port());
    REQUIRE(client.send(bytes));
    return client.response();
  }
  test::RawResponse deliver(std::string_view source, const std::string& body,
                            const std::string& delivery_id = "d-1") const {
    return send(signed_post(source, body, delivery_id));
  }
  bool counted(const std::string& source, const std::string& result, const std::string& reason) {
    const std::string text = metrics.render();
    const std::size_t at = text.find("deskwire_deliveries_total{reason=\"" + reason +
                                     "\",result=\"" + result + "\",source=\"" + source + "\"} ");
    if (at == std::string::npos) return false;
    const std::size_t value = text.find("} ", at) + 2;
    return text[value] != '0';
  }

  config::Config config;
  ManualClock clock;
  Metrics metrics;
  ScriptedStore store;
  webhooks::Receiver receiver;
};

inline std::string chatwoot_body(const std::string& name) {
  std::ifstream file(std::string(DESKWIRE_FIXTURES "/chatwoot/wire/") + name + ".body",
                     std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace deskwire::testing
