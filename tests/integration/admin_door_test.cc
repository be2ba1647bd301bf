#include "cli/admin_door.h"

#include <nlohmann/json.hpp>

#include "core/channel.h"
#include "core/ids.h"
#include "jobs/memory_job_store.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/redis_server.h"
#include "worker/helpdesks/http_client.h"

using namespace deskwire;
using nlohmann::json;

namespace {

/// A door on a free port over a store in memory, with one dead job.
class Door {
 public:
  explicit Door(const std::string& key, redis::Client::Options redis = nowhere())
      : store_(clock_), client_(std::move(redis)) {
    config::Admin settings;
    settings.listen = "127.0.0.1:0";
    settings.key = config::Secret(key);
    jobs::EnqueueRequest request;
    request.lane = "42";
    request.receipt = new_job_id(clock_.wall_ms(), shard_of_lane("42")).str();
    request.kind = "reply";
    request.payload = "{}";
    request.bury_code = "unparsable";
    job_ = store_.enqueue(request)->job;
    client_.start();
    door_.emplace(settings, std::vector<std::string>{"receiver"}, client_, store_, store_, clock_,
                  metrics_);
    REQUIRE(door_->start().has_value());
    http_.emplace(worker::HttpClient::Options{"http://127.0.0.1:" + std::to_string(door_->port()),
                                              Milliseconds(10000), 1U << 20U});
  }

  worker::HttpResponse get(const std::string& path, const net::Headers& headers = {}) {
    return ask("GET", path, headers, "");
  }
  worker::HttpResponse ask(const std::string& method, const std::string& path,
                           const net::Headers& headers, const std::string& body) {
    auto answer = http_->send({method, path, headers, body});
    REQUIRE(answer.has_value());
    return *answer;
  }
  const std::string& job() const { return job_; }
  cli::AdminDoor& door() { return *door_; }
  redis::Client& client() { return client_; }

 private:
  static redis::Client::Options nowhere() {
    redis::Client::Options options;
    options.endpoint.socket_path = "/nonexistent/redis.sock";
    return options;
  }

  testing::ManualClock clock_;
  Metrics metrics_;
  jobs::MemoryJobStore store_;
  redis::Client client_;
  std::string job_;
  std::optional<cli::AdminDoor> door_;
  std::optional<worker::HttpClient> http_;
};

}  // namespace

TEST_CASE("without a key reads are free and changes need a header that no page can send",
          "[cli][admin]") {
  Door door("");
  const std::string replay = "/v1/jobs/" + door.job() + "/replay";
  CHECK(door.get("/healthz").status == 200);
  CHECK(json::parse(door.get("/v1/jobs").body)["jobs"].size() == 1);
  CHECK(door.ask("POST", replay, {}, "").status == 403);
  CHECK(door.ask("POST", replay, {{"X-Deskwire", "0"}}, "").status == 403);

  const auto done = door.ask("POST", replay, {{"X-Deskwire", "1"}}, R"({"reason":"test"})");
  CHECK(done.status == 200);
  const std::string made = json::parse(done.body)["job"];
  CHECK(made != door.job());
  const json shown = json::parse(door.get("/v1/jobs/" + made).body);
  CHECK(shown["parent"] == door.job());
  CHECK(shown["root"] == door.job());
}

TEST_CASE("with a key everything but health needs it", "[cli][admin]") {
  Door door("operator-key");
  CHECK(door.get("/healthz").status == 200);
  CHECK(door.get("/readyz").status == 503);
  for (const char* path : {"/v1/jobs", "/metrics", "/nowhere"}) {
    CHECK(door.get(path).status == 401);
    CHECK(door.get(path, {{"Authorization", "Bearer operator-kez"}}).status == 401);
    CHECK(door.get(path, {{"Authorization", "operator-key"}}).status == 401);
    CHECK(door.get(path, {{"X-Deskwire", "1"}}).status == 401);
  }
  const net::Headers key = {{"Authorization", "Bearer operator-key"}};
  CHECK(door.get("/v1/jobs", key).status == 200);
  CHECK(door.ask("POST", "/v1/jobs/" + door.job() + "/replay", key, "").status == 200);
}

TEST_CASE("another key counts from the next request on", "[cli][admin]") {
  Door door("operator-key");
  door.door().set_key(config::Secret("second-key"));
  CHECK(door.get("/v1/jobs", {{"Authorization", "Bearer operator-key"}}).status == 401);
  CHECK(door.get("/v1/jobs", {{"Authorization", "Bearer second-key"}}).status == 200);
}

TEST_CASE("what cannot be understood gets an error that says why", "[cli][admin]") {
  Door door("");
  const net::Headers change = {{"X-Deskwire", "1"}};
  CHECK(door.get("/v1/jobs?state=deda").status == 400);
  CHECK(door.get("/v1/jobs?limit=0").status == 400);
  CHECK(door.get("/v1/jobs?limit=1x").status == 400);
  CHECK(door.get("/v1/jobs?since=soon").status == 400);
  CHECK(door.get("/v1/jobs/nothing").status >= 400);
  CHECK(door.get("/v1/jobs/01J00000000000000000000000").status == 404);
  CHECK(door.get("/v1/nothing").status == 404);
  CHECK(door.ask("DELETE", "/v1/jobs", change, "").status == 405);
  CHECK(door.ask("GET", "/v1/jobs/" + door.job() + "/replay", {}, "").status == 405);
  CHECK(door.ask("POST", "/v1/jobs/" + door.job() + "/replay", change, "[]").status == 400);
  CHECK(door.ask("POST", "/v1/jobs/" + door.job() + "/retry", change, "").status == 409);
}

TEST_CASE("filters reach the store", "[cli][admin]") {
  Door door("");
  const auto found = [&](const std::string& query) {
    return json::parse(door.get("/v1/jobs?" + query).body)["jobs"].size();
  };
  CHECK(found("state=dead&kind=reply&conversation=42&error=unparsable&since=1h&limit=5") == 1);
  CHECK(found("state=completed") == 0);
  CHECK(found("conversation=43") == 0);
  CHECK(found("error=timeout") == 0);
}

TEST_CASE("metrics tell the jobs by state", "[cli][admin]") {
  Door door("");
  const auto metrics = door.get("/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.body.find("deskwire_jobs{state=\"dead\"} 1") != std::string::npos);
  CHECK(metrics.body.find("deskwire_jobs{state=\"running\"} 0") != std::string::npos);
}

TEST_CASE("ready means that redis answers and no stop has begun", "[cli][admin]") {
  testing::RedisServer redis;
  Door door("", redis.options());
  REQUIRE(door.client().wait_connected(Milliseconds(20000)));
  CHECK(door.get("/readyz").status == 200);
  door.door().set_ready(false);
  const auto stopping = door.get("/readyz");
  CHECK(stopping.status == 503);
  CHECK(json::parse(stopping.body)["redis"] == "ok");
}

TEST_CASE("not ready while redis is away", "[cli][admin]") {
  Door door("");
  const auto answer = door.get("/readyz");
  CHECK(answer.status == 503);
  CHECK(json::parse(answer.body)["redis"] == "unavailable");
  CHECK(json::parse(answer.body)["roles"][0] == "receiver");
}

TEST_CASE("pauses and parked conversations are changed and seen over http", "[cli][admin]") {
  Door door("");
  const net::Headers change = {{"X-Deskwire", "1"}};
  const auto post = [&](const std::string& path, const std::string& body) {
    return door.ask("POST", "/v1/jobs/" + path, change, body);
  };
  CHECK(door.ask("POST", "/v1/jobs/pause", {}, R"({"all":true})").status == 403);
  json answer = json::parse(post("pause", R"({"all":true,"actor":"ann","reason":"night"})").body);
  CHECK(answer["changed"] == true);
  CHECK(answer["halts"][0]["of"] == "all");
  CHECK(answer["halts"][0]["actor"] == "ann via admin:127.0.0.1");
  CHECK(json::parse(post("pause", R"({"all":true})").body)["changed"] == false);
  CHECK(json::parse(post("park", R"({"conversation":77})").body)["changed"] == true);
  CHECK(json::parse(door.get("/v1/jobs/stats").body)["halts"].size() == 2);
  CHECK(json::parse(door.get("/v1/jobs/stats").body)["dead"] == 1);
  CHECK(json::parse(post("resume", R"({"all":true})").body)["halts"].size() == 1);
  CHECK(json::parse(post("unpark", R"({"conversation":"77"})").body)["changed"] == true);
  answer = json::parse(door.get("/v1/jobs/audit?limit=2").body);
  CHECK(answer["entries"].size() == 2);
  CHECK(door.get("/v1/jobs/audit?since=soon").status == 400);
  for (const char* body : {"{}", R"({"kind":"replies"})", R"({"all":true,"kind":"reply"})", "[]",
                           R"({"all":false})"}) {
    CHECK(post("pause", body).status == 400);
  }
  CHECK(post("park", "{}").status == 400);
  CHECK(door.get("/v1/jobs/pause").status == 405);
}

TEST_CASE("why, history and drop are there over http", "[cli][admin]") {
  Door door("");
  const json why = json::parse(door.get("/v1/jobs/why?of=" + door.job()).body);
  CHECK(why["state"] == "dead");
  CHECK(why["conversation"] == "42");
  CHECK(door.get("/v1/jobs/why?of=conversation:42").status == 200);
  CHECK(door.get("/v1/jobs/why?of=nothing").status == 404);
  CHECK(door.get("/v1/jobs/why").status == 400);
  const json shown = json::parse(door.get("/v1/jobs/" + door.job()).body);
  CHECK(shown["line"].size() == 1);
  CHECK(shown["history"].empty());

  const std::string drop = "/v1/jobs/" + door.job() + "/drop";
  CHECK(door.ask("POST", drop, {{"X-Deskwire", "1"}}, R"({"reason":"spam"})").status == 200);
  CHECK(json::parse(door.get("/v1/jobs?state=cancelled").body)["jobs"].size() == 1);
  CHECK(json::parse(door.get("/v1/jobs/audit").body)["entries"][0]["reason"] == "spam");
  CHECK(door.ask("POST", "/v1/jobs/" + door.job() + "/undrop", {{"X-Deskwire", "1"}}, "").status ==
        404);
}
