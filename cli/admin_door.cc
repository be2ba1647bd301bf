#include "cli/admin_door.h"

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/admin_response.h"
#include "core/hash.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using net::HttpRequest;
using net::HttpResponse;

constexpr std::size_t kMaxWaiting = 64;
constexpr std::string_view kJobs = "/v1/jobs";
constexpr std::array<jobs::JobState, 7> kStates = {
    jobs::JobState::kScheduled, jobs::JobState::kAvailable, jobs::JobState::kRunning,
    jobs::JobState::kRetryable, jobs::JobState::kCompleted, jobs::JobState::kCancelled,
    jobs::JobState::kDead};

net::HttpServer::Options server_options(const config::Admin& settings) {
  net::HttpServer::Options options;
  options.name = "admin";
  options.listen = settings.listen;
  options.hosts = settings.hosts;
  options.max_body_bytes = 65536;
  options.max_connections = 256;
  return options;
}

}  // namespace

AdminDoor::AdminDoor(const config::Admin& settings, std::vector<std::string> roles,
                     redis::Client& client, jobs::JobStore& store, jobs::OperatorStore& operators,
                     const Clock& clock, Metrics& metrics, Routes more)
    : key_(std::make_shared<const config::Secret>(settings.key)),
      roles_(std::move(roles)),
      client_(client),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      jobs_(store, operators, clock),
      more_(std::move(more)),
      work_("admin-work", kMaxWaiting),
      server_(server_options(settings),
              [this](HttpRequest&& request, const net::HttpResponder& responder) {
                handle(std::move(request), responder);
              }) {}

AdminDoor::~AdminDoor() { stop(); }

Status AdminDoor::start() {
  work_.start();
  return server_.start();
}

void AdminDoor::stop() {
  work_.stop();
  server_.stop();
}

void AdminDoor::handle(HttpRequest&& request, const net::HttpResponder& responder) {
  if (request.path() == "/healthz") {
    HttpResponse alive;
    alive.content_type = "text/plain; charset=utf-8";
    alive.body = "ok\n";
    return responder.send(std::move(alive));
  }
  const auto key = key_.read();
  if (request.path() != "/readyz" && !may_pass(request, *key)) {
    auto refused =
        key->empty()
            ? net::error_response(40300, "changes need the header X-Deskwire: 1")
            : net::error_response(40100, "the admin key is needed: Authorization: Bearer …");
    if (refused.status == 401) refused.headers.emplace_back("WWW-Authenticate", "Bearer");
    return responder.send(std::move(refused));
  }
  auto shared = std::make_shared<HttpRequest>(std::move(request));
  const bool posted = work_.post([this, shared, responder] { responder.send(answer(*shared)); });
  if (!posted) responder.send(net::error_response(50300, "too many requests wait"));
}

bool AdminDoor::may_pass(const HttpRequest& request, const config::Secret& key) {
  if (!key.empty()) {
    constexpr std::string_view kBearer = "Bearer ";
    const std::string_view given = request.header("Authorization");
    return given.starts_with(kBearer) &&
           constant_time_equal(given.substr(kBearer.size()), key.reveal());
  }
  const bool read = request.method == "GET" || request.method == "HEAD";
  // No page of another origin can send this header without a preflight, which is refused here.
  return read || request.header("X-Deskwire") == "1";
}

HttpResponse AdminDoor::answer(const HttpRequest& request) {
  const std::string_view path = request.path();
  const bool read = request.method == "GET" || request.method == "HEAD";
  if (path == "/readyz") return readiness();
  if (path == "/metrics") {
    if (!read) return method_not_allowed("GET");
    refresh_job_gauges();
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_.render();
    return response;
  }
  if (more_ != nullptr) {
    if (auto answered = more_(request)) return std::move(*answered);
  }
  if (path == kJobs || path.starts_with("/v1/jobs/")) return jobs_.answer(request);
  return net::error_response(40400, "no such path");
}

HttpResponse AdminDoor::readiness() {
  const auto pong = client_.call({"PING"});
  const bool ready = ready_ && pong.has_value();
  return json_response(ready ? 200 : 503,
                       {{"ready", ready},
                        {"stopping", !ready_},
                        {"redis", pong ? "ok" : std::string(name_of(pong.error().code))},
                        {"roles", roles_}});
}

void AdminDoor::refresh_job_gauges() {
  const MonotonicTime now = clock_.monotonic();
  const bool read_before = gauges_read_ != MonotonicTime();
  if (read_before && now - gauges_read_ < std::chrono::seconds(1)) return;
  gauges_read_ = now;
  const auto counts = store_.counts();
  auto& up = metrics_.gauge("deskwire_redis_up", "1 while Redis answers.");
  up.set(counts ? 1 : 0);
  if (!counts) return;
  for (const jobs::JobState state : kStates) {
    const std::string_view name = name_of(state);
    const auto found = counts->find(std::string(name));
    metrics_.gauge("deskwire_jobs", "Jobs by state.", {{"state", name}})
        .set(found == counts->end() ? 0 : static_cast<double>(found->second));
  }
  refresh_kind_gauges();
}

void AdminDoor::refresh_kind_gauges() {
  const auto kinds = store_.counts_by_kind();
  if (!kinds) return;
  // Kinds of other versions share a label: what lies in Redis must not grow the registry.
  constexpr std::array<std::string_view, 3> kKinds{"reply", "handoff", "other"};
  for (const std::string_view kind : kKinds) {
    for (const jobs::JobState state : kStates) {
      double jobs = 0;
      for (const auto& [known, counts] : *kinds) {
        const bool named = std::find(kKinds.begin(), kKinds.end(), known) != kKinds.end();
        if ((named ? std::string_view(known) : "other") != kind) continue;
        const auto found = counts.find(std::string(name_of(state)));
        if (found != counts.end()) jobs += static_cast<double>(found->second);
      }
      metrics_
          .gauge("deskwire_jobs_by_kind", "Jobs by kind and state.",
                 {{"kind", kind}, {"state", name_of(state)}})
          .set(jobs);
    }
  }
}

}  // namespace deskwire::cli
