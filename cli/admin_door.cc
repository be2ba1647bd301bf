#include "cli/admin_door.h"

#include <array>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/job_text.h"
#include "cli/time_text.h"
#include "core/hash.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMaxListed = 1000;
constexpr std::string_view kJobs = "/v1/jobs";
constexpr std::array<jobs::JobState, 7> kStates = {
    jobs::JobState::kScheduled, jobs::JobState::kAvailable, jobs::JobState::kRunning,
    jobs::JobState::kRetryable, jobs::JobState::kCompleted, jobs::JobState::kCancelled,
    jobs::JobState::kDead};

HttpResponse json_response(int status, const json& body) {
  HttpResponse response;
  response.status = status;
  response.body = dump_json(body) + "\n";
  return response;
}

HttpResponse error_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return net::error_response(40001, error.message);
    case ErrorCode::kNotFound:
      return net::error_response(40400, error.message);
    case ErrorCode::kConflict:
      return net::error_response(40900, error.message);
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kFull:
      return net::error_response(50300, error.message);
    default:
      return net::error_response(50000, error.message);
  }
}

HttpResponse method_not_allowed(const char* allowed) {
  auto response = net::error_response(40500, "method not allowed");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

net::HttpServer::Options server_options(const config::Admin& settings) {
  net::HttpServer::Options options;
  options.name = "admin";
  options.listen = settings.listen;
  options.hosts = settings.hosts;
  options.max_body_bytes = 65536;
  options.max_connections = 256;
  return options;
}

/// @errors kInvalid naming the parameter.
Result<jobs::JobFilter> read_filter(const HttpRequest& request, std::int64_t now_ms) {
  jobs::JobFilter filter;
  filter.kind = request.query("kind");
  filter.lane = request.query("conversation");
  filter.error_code = request.query("error");
  if (const std::string state = request.query("state"); !state.empty()) {
    filter.state = jobs::job_state_of(state);
    if (!filter.state) return fail(ErrorCode::kInvalid, "state: no such job state");
  }
  if (const std::string since = request.query("since"); !since.empty()) {
    const auto at = parse_since(since, now_ms);
    if (!at) return fail(Error(at.error()).prefixed("since"));
    filter.since_ms = *at;
  }
  if (const std::string limit = request.query("limit"); !limit.empty()) {
    const auto [end, error] =
        std::from_chars(limit.data(), limit.data() + limit.size(), filter.limit);
    const bool whole = error == std::errc() && end == limit.data() + limit.size();
    if (!whole || filter.limit < 1 || filter.limit > kMaxListed) {
      return fail(ErrorCode::kInvalid, "limit: is not 1.." + std::to_string(kMaxListed));
    }
  }
  return filter;
}

}  // namespace

AdminDoor::AdminDoor(const config::Admin& settings, std::vector<std::string> roles,
                     redis::Client& client, jobs::JobStore& store, const Clock& clock,
                     Metrics& metrics)
    : settings_(settings),
      roles_(std::move(roles)),
      client_(client),
      store_(store),
      clock_(clock),
      metrics_(metrics),
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
  if (request.path() != "/readyz" && !may_pass(request)) {
    auto refused =
        settings_.key.empty()
            ? net::error_response(40300, "changes need the header X-Deskwire: 1")
            : net::error_response(40100, "the admin key is needed: Authorization: Bearer …");
    return responder.send(std::move(refused));
  }
  auto shared = std::make_shared<HttpRequest>(std::move(request));
  const bool posted = work_.post([this, shared, responder] { responder.send(answer(*shared)); });
  if (!posted) responder.send(net::error_response(50300, "too many requests wait"));
}

bool AdminDoor::may_pass(const HttpRequest& request) const {
  if (!settings_.key.empty()) {
    constexpr std::string_view kBearer = "Bearer ";
    const std::string_view given = request.header("Authorization");
    return given.starts_with(kBearer) &&
           constant_time_equal(given.substr(kBearer.size()), settings_.key.reveal());
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
  if (path == kJobs) return read ? list_jobs(request) : method_not_allowed("GET");
  if (!path.starts_with("/v1/jobs/")) return net::error_response(40400, "no such path");

  std::string_view rest = path.substr(kJobs.size() + 1);
  const std::size_t slash = rest.find('/');
  const JobId id{std::string(rest.substr(0, slash))};
  if (slash == std::string_view::npos) {
    return read ? show_job(request, id) : method_not_allowed("GET");
  }
  const std::string_view verb = rest.substr(slash + 1);
  if (verb != "retry" && verb != "replay") return net::error_response(40400, "no such path");
  return request.method == "POST" ? change_job(request, id, verb) : method_not_allowed("POST");
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

HttpResponse AdminDoor::list_jobs(const HttpRequest& request) {
  const auto filter = read_filter(request, clock_.wall_ms());
  if (!filter) return error_of(filter.error());
  const auto found = store_.list(*filter);
  if (!found) return error_of(found.error());
  json items = json::array();
  for (const jobs::Job& job : *found) items.push_back(to_json(job, false));
  return json_response(200, {{"jobs", std::move(items)}});
}

HttpResponse AdminDoor::show_job(const HttpRequest& request, const JobId& id) {
  const auto job = store_.get(id);
  if (!job) return error_of(job.error());
  return json_response(200, to_json(*job, request.query("payload") == "1"));
}

HttpResponse AdminDoor::change_job(const HttpRequest& request, const JobId& id,
                                   std::string_view verb) {
  if (verb == "retry") {
    const auto done = store_.retry_now(id, "admin:" + request.peer_address, "");
    if (!done) return error_of(done.error());
    return json_response(200, {{"job", id.str()}});
  }
  json options = json::object();
  if (!request.body.empty()) {
    auto parsed = parse_json(request.body);
    if (!parsed || !parsed->is_object()) {
      return net::error_response(40001, "the body is not a JSON object");
    }
    options = std::move(*parsed);
  }
  const auto made = store_.replay(id, bool_at(options, "again"), "admin:" + request.peer_address,
                                  string_at(options, "reason"));
  if (!made) return error_of(made.error());
  return json_response(200, {{"job", made->str()}});
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
}

}  // namespace deskwire::cli
