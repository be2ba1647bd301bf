#include <deque>
#include <nlohmann/json.hpp>

#include "publishers/sinks/sinks.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_on_call.h"

using namespace deskwire;
using namespace deskwire::publishers;
using nlohmann::json;

namespace {

/// Answers as it is told and keeps what it was asked.
class ScriptedPoster final : public HttpPoster {
 public:
  Result<HttpAnswer> post(const HttpPost& request) override {
    asked.push_back(request);
    if (answers.empty()) return HttpAnswer{200, "ok", ""};
    auto answer = answers.front();
    answers.pop_front();
    return answer;
  }
  std::vector<HttpPost> asked;
  std::deque<Result<HttpAnswer>> answers;
};

Alert page(Alert::Action action = Alert::Action::kTrigger) {
  Alert alert;
  alert.action = action;
  alert.id = "n-1";
  alert.dedup_key = "sla/1/4711/first_response/1";
  alert.name = "HelpdeskSLA";
  alert.event = "sla:violation";
  alert.severity = "critical";
  alert.summary = "First response violated by 5 s: conversation 4711 (gold)";
  alert.labels = {{"metric", "first_response"}, {"policy", "gold"}, {"account", "1"},
                  {"conversation", "4711"},     {"cycle", "1"},     {"team", ""}};
  alert.details = {{"why", "3605 s have passed"}, {"threshold", "3600"}, {"actual", "3605"}};
  alert.since_ms = 1795168800000;
  alert.link = "https://helpdesk.example/c/4711";
  alert.board_link = "https://worker.example/board";
  alert.now_ms = 1795168805000;
  return alert;
}

config::SlaSink settings(config::SinkType type) {
  config::SlaSink sink;
  sink.type = type;
  sink.url = config::Secret("https://hooks.example/hunter2");
  sink.urls = {"http://am-1:9093/", "http://am-2:9093"};
  sink.key = config::Secret("whsec_aHVudGVyMg==");
  return sink;
}

constexpr config::SinkType kTypes[] = {config::SinkType::kAlertmanager,
                                       config::SinkType::kPagerduty, config::SinkType::kSlack,
                                       config::SinkType::kWebhook};

std::string header(const HttpPost& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("every sink takes a page, its acknowledgement and its end", "[publishers][sinks]") {
  testing::ManualClock clock;
  for (const config::SinkType type : kTypes) {
    ScriptedPoster poster;
    const auto sink = make_sink(settings(type), poster, clock);
    for (const auto action :
         {Alert::Action::kTrigger, Alert::Action::kAcknowledge, Alert::Action::kResolve}) {
      clock.advance(Milliseconds(1000));
      CHECK(sink->send(page(action)).has_value());
    }
    for (const HttpPost& request : poster.asked) {
      CHECK(json::accept(request.body));
    }
  }
  testing::MemorySink memory;
  CHECK(memory.send(page()).has_value());
}

TEST_CASE("every sink tells what can be tried again from what cannot", "[publishers][sinks]") {
  struct Case {
    HttpAnswer answer;
    ErrorCode code;
    bool temporary;
  };
  const Case cases[] = {{{429, "slow down", "7"}, ErrorCode::kRateLimited, true},
                        {{500, "hunter2", ""}, ErrorCode::kUnavailable, true},
                        {{503, "", ""}, ErrorCode::kUnavailable, true},
                        {{503, "", "2"}, ErrorCode::kRateLimited, true},
                        {{400, "invalid_payload", ""}, ErrorCode::kInvalid, false},
                        {{401, "", ""}, ErrorCode::kUnauthorized, false},
                        {{403, "action_prohibited", ""}, ErrorCode::kDenied, false},
                        {{404, "channel_not_found", ""}, ErrorCode::kNotFound, false},
                        {{410, "channel_is_archived", ""}, ErrorCode::kNotFound, false},
                        {{413, "", ""}, ErrorCode::kTooLarge, false}};
  for (const config::SinkType type : kTypes) {
    for (const Case& one : cases) {
      CAPTURE(static_cast<int>(type), one.answer.status);
      testing::ManualClock clock;
      ScriptedPoster poster;
      poster.answers = {one.answer, one.answer};
      const auto sent = make_sink(settings(type), poster, clock)->send(page());
      REQUIRE_FALSE(sent.has_value());
      CHECK(sent.error().code == one.code);
      CHECK(is_temporary(sent.error().code) == one.temporary);
      CHECK(sent.error().message.find("hunter2") == std::string::npos);
      if (one.answer.retry_after == "7") {
        CHECK(sent.error().retry_after == Milliseconds(7000));
      }
    }
    testing::ManualClock clock;
    ScriptedPoster poster;
    const Error away{ErrorCode::kUnavailable, "https://hooks.example/hunter2 refused"};
    poster.answers = {tl::unexpected<Error>(away), tl::unexpected<Error>(away)};
    const auto sent = make_sink(settings(type), poster, clock)->send(page());
    REQUIRE_FALSE(sent.has_value());
    CHECK(is_temporary(sent.error().code));
    CHECK(sent.error().message.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("Alertmanager: every member is told, and one of them is enough", "[publishers][sinks]") {
  testing::ManualClock clock;
  ScriptedPoster poster;
  const auto sink = make_sink(settings(config::SinkType::kAlertmanager), poster, clock);
  poster.answers = {HttpAnswer{500, "", ""}, HttpAnswer{200, "", ""}};
  CHECK(sink->send(page()).has_value());
  REQUIRE(poster.asked.size() == 2);
  CHECK(poster.asked[0].url == "http://am-1:9093/api/v2/alerts");
  CHECK(poster.asked[1].url == "http://am-2:9093/api/v2/alerts");
  const json alert = json::parse(poster.asked[0].body).at(0);
  CHECK(alert.at("labels") == json::parse(R"({"alertname": "HelpdeskSLA", "severity": "critical",
      "metric": "first_response", "policy": "gold", "account": "1", "conversation": "4711",
      "cycle": "1"})"));
  CHECK(alert.at("annotations").at("actual") == "3605");
  CHECK(alert.at("startsAt") == "2026-11-20T10:00:00Z");
  CHECK(alert.at("endsAt") == "2026-11-20T10:15:05Z");
  CHECK(alert.at("generatorURL") == "https://helpdesk.example/c/4711");
  CHECK(json::parse(alertmanager_body(page(Alert::Action::kResolve), 1795168805000))
            .at(0)
            .at("endsAt") == "2026-11-20T10:00:05Z");
  CHECK(sink->memory() == Milliseconds(300000));
}

TEST_CASE("PagerDuty: the documented fields, cut to their limits", "[publishers][sinks]") {
  const json body = json::parse(pagerduty_body(page(), "R0"));
  CHECK(body.at("routing_key") == "R0");
  CHECK(body.at("event_action") == "trigger");
  CHECK(body.at("dedup_key") == "sla/1/4711/first_response/1");
  CHECK(body.at("payload").at("timestamp") == "2026-11-20T10:00:00.000+0000");
  CHECK(body.at("payload").at("component") == "first_response");
  CHECK(body.at("payload").at("group") == "gold");
  CHECK(body.at("payload").at("class") == "sla:violation");
  CHECK(body.at("payload").at("custom_details").at("threshold") == "3600");
  CHECK(body.at("links").at(0).at("href") == "https://helpdesk.example/c/4711");
  CHECK(json::parse(pagerduty_body(page(Alert::Action::kResolve), "R0")) ==
        json::parse(R"({"routing_key": "R0", "event_action": "resolve",
                        "dedup_key": "sla/1/4711/first_response/1"})"));
  Alert longest = page();
  longest.summary = std::string(1022, 'x') + "äöü";
  const auto summary =
      json::parse(pagerduty_body(longest, "R0")).at("payload").at("summary").get<std::string>();
  CHECK(summary.size() <= 1024);
  CHECK(summary.ends_with("x..."));
}

TEST_CASE("Slack: customers' words make no link and call nobody", "[publishers][sinks]") {
  Alert alert = page();
  alert.summary = "violated: <!channel> & <https://evil.example|click>\n*bold*";
  alert.details = {{"why", "<@U1> said so"}};
  const json body = json::parse(slack_body(alert));
  const auto section = body.at("blocks").at(0).at("text").at("text").get<std::string>();
  CHECK(section.find("<!channel>") == std::string::npos);
  CHECK(section.find("&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; *bold*") !=
        std::string::npos);
  CHECK(section.find("<https://helpdesk.example/c/4711|Open>") != std::string::npos);
  CHECK(body.at("text").get<std::string>().find('<') == std::string::npos);
  CHECK(body.at("blocks").at(1).at("elements").at(0).at("text") == "why: &lt;@U1&gt; said so");
  alert.details[0].second = std::string(20000, '<');
  const json cut = json::parse(slack_body(alert));
  CHECK(cut.at("blocks").at(1).at("elements").at(0).at("text").get<std::string>().size() <= 3000);
}

TEST_CASE("every sink says in its own words that a page is unverified", "[publishers][sinks]") {
  Alert sure = page();
  Alert doubtful = page();
  doubtful.unverified = true;
  doubtful.details.emplace_back("unverified", "the helpdesk did not answer");

  const json am = json::parse(alertmanager_body(doubtful, 0))[0];
  CHECK(am.at("annotations").at("unverified") == "the helpdesk did not answer");
  CHECK(am.at("labels") == json::parse(alertmanager_body(sure, 0))[0].at("labels"));

  const json pager = json::parse(pagerduty_body(doubtful, "key"));
  CHECK(pager.at("payload").at("custom_details").at("unverified") == "the helpdesk did not answer");

  const json slack = json::parse(slack_body(doubtful));
  CHECK(slack.at("text").get<std::string>().ends_with("(gold) (unverified)"));
  CHECK(json::parse(slack_body(sure)).at("text").get<std::string>().ends_with("(gold)"));
  CHECK(slack.dump().find("unverified: the helpdesk did not answer") != std::string::npos);

  CHECK(json::parse(webhook_body(doubtful)).at("data").at("unverified") == true);
  CHECK_FALSE(json::parse(webhook_body(sure)).at("data").contains("unverified"));
}

TEST_CASE("Slack: at most one message a second", "[publishers][sinks]") {
  testing::ManualClock clock;
  ScriptedPoster poster;
  const auto sink = make_sink(settings(config::SinkType::kSlack), poster, clock);
  CHECK(sink->send(page()).has_value());
  clock.advance(Milliseconds(400));
  const auto early = sink->send(page());
  REQUIRE_FALSE(early.has_value());
  CHECK(early.error().code == ErrorCode::kRateLimited);
  CHECK(early.error().retry_after == Milliseconds(600));
  CHECK(poster.asked.size() == 1);
  clock.advance(Milliseconds(600));
  CHECK(sink->send(page()).has_value());
}

TEST_CASE("a webhook is signed as Standard Webhooks says", "[publishers][sinks]") {
  // The example of the specification.
  CHECK(standard_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                           1614265330, R"({"test": 2432232314})") ==
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  testing::ManualClock clock;
  ScriptedPoster poster;
  const auto sink = make_sink(settings(config::SinkType::kWebhook), poster, clock);
  CHECK(sink->send(page()).has_value());
  const HttpPost& request = poster.asked.at(0);
  const std::int64_t now_s = clock.wall_ms() / 1000;
  CHECK(header(request, "webhook-id") == "n-1");
  CHECK(header(request, "webhook-timestamp") == std::to_string(now_s));
  CHECK(header(request, "webhook-signature") ==
        standard_signature("hunter2", "n-1", now_s, request.body));
  const json body = json::parse(request.body);
  CHECK(body.at("type") == "sla:violation");
  CHECK(body.at("data").at("action") == "trigger");
  CHECK(body.at("data").at("labels").at("conversation") == "4711");
}
