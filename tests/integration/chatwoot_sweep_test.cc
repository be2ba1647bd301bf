// Messages that Chatwoot told us of once and we never got, found by asking it.

#include "cli/chatwoot_sweep.h"

#include <nlohmann/json.hpp>

#include "jobs/memory_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/fake_http.h"
#include "tests/support/manual_clock.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;
using testing::FakeHttp;
using testing::ManualClock;

/// A Chatwoot with one conversation, and a sweep over it.
struct Bench {
  explicit Bench(const std::string& user_token = "user-secret")
      : now_s(clock.wall_ms() / 1000),
        peer([this](const FakeHttp::Request& request) { return answer(request); }) {
    config::Source source;
    source.name = "support";
    source.type = config::SourceType::kChatwoot;
    source.account_id = "1";
    source.base_url = peer.url();
    source.user_token = config::Secret(user_token);
    config.sources = {source};
    sweep.emplace(config, store, clock, metrics);
  }

  json message(std::int64_t id, int type, std::int64_t age_s) const {
    json made{{"id", id},
              {"content", "message " + std::to_string(id)},
              {"message_type", type},
              {"content_type", "text"},
              {"created_at", now_s - age_s},
              {"private", false},
              {"source_id", nullptr}};
    made["sender"] = type == 0 ? json{{"id", 7}, {"name", "Ann"}, {"type", "contact"}}
                               : json{{"id", 9}, {"name", "Tom"}, {"type", "user"}};
    return made;
  }

  std::string answer(const FakeHttp::Request& request) {
    if (status != 200) return FakeHttp::json(status, "{}");
    if (request.target.find("/messages") != std::string::npos) {
      const bool older = request.target.find("before") != std::string::npos;
      return FakeHttp::json(200, json{{"payload", older ? json::array() : messages}}.dump());
    }
    const bool first = request.target.find("page=1") != std::string::npos;
    const json conversation{{"id", 42},
                            {"status", conversation_status},
                            {"inbox_id", 3},
                            {"last_activity_at", now_s - 40},
                            {"updated_at", 1.5},
                            {"meta",
                             {{"sender", {{"id", 7}, {"name", "Ann"}}},
                              {"channel", "Channel::Api"},
                              {"assignee", nullptr}}}};
    const json list = first ? json::array({conversation}) : json::array();
    return FakeHttp::json(200, json{{"data", {{"meta", {}}, {"payload", list}}}}.dump());
  }

  std::vector<std::string> shown() const {
    std::vector<std::string> contents;
    for (const Event& event : store.appended_events()) {
      if (event.name.starts_with("message:")) {
        contents.push_back(event.name + " " +
                           json::parse(event.data).at("content").get<std::string>());
      }
    }
    return contents;
  }

  ManualClock clock;
  std::int64_t now_s;
  jobs::MemoryJobStore store{clock};
  Metrics metrics;
  json messages = json::array();
  std::string conversation_status = "pending";
  int status = 200;
  FakeHttp peer;
  config::Config config;
  std::optional<ChatwootSweep> sweep;
};

using Shown = std::vector<std::string>;

}  // namespace

TEST_CASE("a message whose webhook never came is found and answered once", "[cli][sweep]") {
  Bench bench;
  bench.messages = {bench.message(100, 0, 2000), bench.message(101, 0, 300),
                    bench.message(102, 1, 200)};
  CHECK(bench.sweep->look());
  CHECK(bench.shown() == Shown{"message:user message 101", "message:agent message 102"});
  const auto jobs = bench.store.list({});
  REQUIRE(jobs);
  REQUIRE(jobs->size() == 1);
  CHECK(jobs->front().kind == "reply");
  CHECK(bench.store.conversation("42")->inbox_kind == "Channel::Api");

  bench.clock.advance(std::chrono::seconds(60));
  CHECK(bench.sweep->look());
  CHECK(bench.shown().size() == 2);
  CHECK(bench.metrics.render().find("deskwire_sweep_found_total{source=\"support\"} 2") !=
        std::string::npos);
}

TEST_CASE("what a webhook has told already drops out", "[cli][sweep]") {
  Bench bench;
  bench.messages = json::array({bench.message(101, 0, 300)});
  const std::string body =
      R"({"event":"message_created","id":101,"content":"message 101","message_type":"incoming",)"
      R"("conversation":{"id":42,"status":"pending"},"account":{"id":1}})";
  const auto delivery =
      webhooks::understand(bench.config.sources[0], body, "d-1", bench.clock.wall_ms(), {});
  REQUIRE(delivery);
  REQUIRE(bench.store.enqueue(delivery->request(body)));
  CHECK(bench.sweep->look());
  CHECK(bench.shown().size() == 1);
}

TEST_CASE("a message gets time for its webhook to come", "[cli][sweep]") {
  Bench bench;
  bench.messages = json::array({bench.message(101, 0, 10)});
  CHECK(bench.sweep->look());
  CHECK(bench.shown().empty());
  bench.clock.advance(std::chrono::seconds(60));
  CHECK(bench.sweep->look());
  CHECK(bench.shown().size() == 1);
}

TEST_CASE("conversations of others are left alone until we hear of them", "[cli][sweep]") {
  Bench bench;
  bench.conversation_status = "open";
  bench.messages = json::array({bench.message(101, 0, 300)});
  CHECK(bench.sweep->look());
  CHECK(bench.shown().empty());
}

TEST_CASE("a look that failed is made up for by the next", "[cli][sweep]") {
  Bench bench;
  bench.messages = json::array({bench.message(101, 0, 300)});
  for (const int status : {401, 429, 500, 404}) {
    bench.status = status;
    CHECK_FALSE(bench.sweep->look());
  }
  CHECK(bench.shown().empty());
  bench.status = 200;
  CHECK(bench.sweep->look());
  CHECK(bench.shown().size() == 1);
}

TEST_CASE("another user token is used from the next look on", "[cli][sweep]") {
  Bench bench("");
  bench.messages = json::array({bench.message(101, 0, 300)});
  CHECK(bench.sweep->look());
  CHECK(bench.peer.requests.size() == 0);
  bench.config.sources[0].user_token = config::Secret("second-token");
  bench.sweep->reload(bench.config);
  CHECK(bench.sweep->look());
  CHECK(bench.shown().size() == 1);
  const auto asked = bench.peer.requests.next();
  REQUIRE(asked);
  CHECK(asked->head.find("second-token") != std::string::npos);
}

TEST_CASE("nothing is asked without a user token, and after stop", "[cli][sweep]") {
  Bench without("");
  CHECK(without.sweep->look());
  without.sweep->start();
  without.sweep->stop();
  CHECK(without.peer.requests.size() == 0);
  Bench stopped;
  stopped.sweep->stop();
  CHECK_FALSE(stopped.sweep->look());
  CHECK(stopped.peer.requests.size() == 0);
}

}  // namespace deskwire::cli
