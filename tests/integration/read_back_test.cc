// What Chatwoot knows of a conversation and its webhooks have not told, before somebody is woken.

#include "cli/read_back.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/timestamp.h"
#include "jobs/memory_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/fake_http.h"
#include "tests/support/manual_clock.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;
using publishers::ReadBack;
using testing::FakeHttp;
using testing::ManualClock;

constexpr Milliseconds kLimit{10000};

/// A Chatwoot with one conversation of two messages: the customer's, and an agent's answer.
struct Desk {
  explicit Desk(const std::string& user_token = "user-secret")
      : now_s(clock.wall_ms() / 1000),
        peer([this](const FakeHttp::Request& request) { return answer(request); }) {
    config::Source source;
    source.name = "support";
    source.type = config::SourceType::kChatwoot;
    source.account_id = "1";
    source.base_url = peer.url();
    source.user_token = config::Secret(user_token);
    config::Source other = source;
    other.name = other.name_space = "acme";
    other.account_id = "2";
    config.sources = {other, source};
    messages = {message(101, 0, 300), message(102, 1, 100)};
    read_back.emplace(config, store, clock, metrics);
  }

  json message(std::int64_t id, int type, std::int64_t age_s) const {
    json made{{"id", id},
              {"content", "message " + std::to_string(id)},
              {"message_type", type},
              {"content_type", "text"},
              {"created_at", now_s - age_s},
              {"private", false}};
    made["sender"] = type == 0 ? json{{"id", 7}, {"name", "Ann"}, {"type", "contact"}}
                               : json{{"id", 9}, {"name", "Tom"}, {"type", "user"}};
    return made;
  }
  json conversation() const {
    return {{"id", 42},
            {"status", status},
            {"inbox_id", 3},
            {"created_at", now_s - 300},
            {"updated_at", static_cast<double>(now_s - 100)},
            {"first_reply_created_at", now_s - 100},
            {"waiting_since", 0},
            {"meta",
             {{"sender", {{"id", 7}, {"name", "Ann"}}},
              {"channel", "Channel::Api"},
              {"assignee", {{"id", 9}, {"name", "Tom"}}}}}};
  }
  std::string answer(const FakeHttp::Request& request) {
    if (http_status != 200) return FakeHttp::json(http_status, "{}");
    if (request.target.find("/messages") == std::string::npos) {
      return FakeHttp::json(200, conversation().dump());
    }
    const bool older = request.target.find("before") != std::string::npos;
    return FakeHttp::json(200, json{{"payload", older ? json::array() : messages}}.dump());
  }

  void deliver(const json& sent, const char* delivery) {
    json body = sent;
    body["event"] = "message_created";
    body["account"] = {{"id", 1}};
    body["message_type"] = sent.at("message_type") == 0 ? "incoming" : "outgoing";
    body["conversation"] = {{"id", 42}, {"status", "open"}};
    const std::string text = body.dump();
    const auto understood =
        webhooks::understand(config.sources[1], text, delivery, clock.wall_ms(), {});
    REQUIRE(understood);
    REQUIRE(store.enqueue(understood->request(text)));
  }
  static json alert(const char* account = "1", const char* channel = "conversation:42") {
    return {{"account", std::stoi(account)}, {"conversation", 42}, {"channel", channel}};
  }
  ReadBack look(const json& data = alert()) { return read_back->look({data}, kLimit); }
  std::vector<std::string> shown() const {
    std::vector<std::string> told;
    for (const Event& event : store.appended_events()) {
      const json data = json::parse(event.data);
      told.push_back(event.name + " " + data.value("content", data.value("to", "")));
    }
    return told;
  }

  ManualClock clock;
  std::int64_t now_s;
  jobs::MemoryJobStore store{clock};
  Metrics metrics;
  json messages;
  std::string status = "open";
  int http_status = 200;
  FakeHttp peer;
  config::Config config;
  std::optional<ConversationReadBack> read_back;
};

using Shown = std::vector<std::string>;

}  // namespace

TEST_CASE("an answer whose webhook never came is taken in once, before a page", "[cli][readback]") {
  Desk desk;
  desk.deliver(desk.messages[0], "d-1");
  const ReadBack first = desk.look();
  CHECK(first.read == 1);
  CHECK(first.unread == 0);
  CHECK(desk.shown() == Shown{"message:user message 101", "message:agent message 102"});
  CHECK(desk.look().read == 1);
  CHECK(desk.shown().size() == 2);
  CHECK(desk.metrics.render().find(R"(read_back_found_total{source="support"} 1)") !=
        std::string::npos);
  // Later webhooks of the same messages are repeats.
  desk.deliver(desk.messages[1], "d-2");
  CHECK(desk.shown().size() == 2);
}

TEST_CASE("a status that changed unheard is told as a change", "[cli][readback]") {
  Desk desk;
  desk.deliver(desk.messages[0], "d-1");
  desk.deliver(desk.messages[1], "d-2");
  desk.status = "resolved";
  CHECK(desk.look().read == 1);
  CHECK(desk.shown().back() == "conversation:status resolved");
  CHECK(desk.store.conversation("42")->status == "resolved");
}

TEST_CASE("only what was said since the clock started is asked for", "[cli][readback]") {
  Desk desk;
  desk.messages = {desk.message(90, 0, 4000), desk.message(101, 0, 300)};
  json data = Desk::alert();
  data["started_at"] = iso8601(desk.clock.wall_ms() - 250000);
  CHECK(desk.look(data).read == 1);
  CHECK(desk.shown() == Shown{"message:user message 101", "conversation:status open"});
}

TEST_CASE("nothing is taken in that the dedupe may have forgotten", "[cli][readback]") {
  Desk desk;
  json data = Desk::alert();
  data["started_at"] = "2020-01-01T00:00:00Z";
  desk.clock.advance(std::chrono::hours(23));
  CHECK(desk.look(data).read == 1);
  CHECK(desk.shown() == Shown{"conversation:status open"});
}

TEST_CASE("conversations of others, and those without a token, are not asked for",
          "[cli][readback]") {
  Desk desk;
  for (const json& data : {Desk::alert("3"), Desk::alert("1", "conversation:acme~42"),
                           Desk::alert("2"), json{{"queue", "jobs"}}}) {
    const ReadBack outcome = desk.look(data);
    CHECK(outcome.read + outcome.unread == 0);
  }
  Desk without("");
  CHECK(without.look().unread == 0);
  CHECK(desk.peer.requests.size() + without.peer.requests.size() == 0);
  CHECK(desk.look(Desk::alert("2", "conversation:acme~42")).read == 1);
}

TEST_CASE("another user token is used from the next look before a page on", "[cli][readback]") {
  Desk desk("first-token");
  desk.config.sources[1].user_token = config::Secret("second-token");
  desk.read_back->reload(desk.config);
  CHECK(desk.look().read == 1);
  const auto asked = desk.peer.requests.next();
  REQUIRE(asked);
  CHECK(asked->head.find("second-token") != std::string::npos);
}

TEST_CASE("several alerts of one conversation are one question", "[cli][readback]") {
  Desk desk;
  const ReadBack outcome = desk.read_back->look({Desk::alert(), Desk::alert()}, kLimit);
  CHECK(outcome.read == 1);
  CHECK(desk.peer.requests.size() == 3);  // The conversation, its messages, and none before them.
}

TEST_CASE("whatever a helpdesk answers but a conversation leaves it unread", "[cli][readback]") {
  Desk desk;
  for (const int status : {401, 404, 429, 500}) {
    desk.http_status = status;
    const ReadBack outcome = desk.look();
    CHECK(outcome.read == 0);
    CHECK(outcome.unread == 1);
  }
  CHECK(desk.shown().empty());
}

TEST_CASE("without time nothing is asked and everything is unread", "[cli][readback]") {
  Desk desk;
  CHECK(desk.read_back->look({Desk::alert()}, Milliseconds(0)).unread == 1);
  CHECK(desk.peer.requests.size() == 0);
}

TEST_CASE("a helpdesk that trickles is left at the deadline of the whole look", "[cli][readback]") {
  Desk desk;
  desk.peer.trickle_after(40);
  desk.status = std::string(30000, 'x');
  CHECK(desk.read_back->look({Desk::alert()}, Milliseconds(200)).unread == 1);
}

TEST_CASE("a stop ends a look under way", "[cli][readback]") {
  Desk desk;
  desk.peer.trickle_after(40);
  desk.status = std::string(30000, 'x');
  std::thread stopper([&] {
    desk.peer.requests.wait_for([](const auto&) { return true; });
    desk.read_back->stop();
  });
  const ReadBack outcome = desk.read_back->look({Desk::alert()}, std::chrono::hours(1));
  stopper.join();
  CHECK(outcome.stopped);
  CHECK(outcome.unread == 1);
  CHECK(desk.look().stopped);
}

}  // namespace deskwire::cli
