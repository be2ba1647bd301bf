#include "cli/job_operations.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cli/admin_request.h"
#include "cli/admin_response.h"
#include "cli/batch_run.h"
#include "cli/fsck_text.h"
#include "cli/job_access.h"
#include "cli/job_selection.h"
#include "cli/job_text.h"
#include "cli/replay_forecast.h"
#include "core/json.h"
#include "core/log.h"
#include "jobs/fsck.h"

namespace deskwire::cli {
namespace {

using jobs::ReplayBatch;
using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using Type = BodyField::Type;

constexpr std::string_view kJobs = "/v1/jobs/";
constexpr std::string_view kBatches = "batches/";
constexpr std::size_t kBatchesWaiting = 16;
constexpr std::int64_t kMaxJobs = 100000;
constexpr std::int64_t kMaxRate = 100000;
constexpr std::int64_t kDefaultRate = 100;

/// @errors kInvalid: not an integer of the range.
Result<std::size_t> number_of(const json& body, const char* key, std::int64_t fallback,
                              std::int64_t least, std::int64_t most) {
  if (!body.contains(key)) return static_cast<std::size_t>(fallback);
  const auto given = integer_at(body, key);
  if (given && *given >= least && *given <= most) return static_cast<std::size_t>(*given);
  return fail(ErrorCode::kInvalid,
              std::string(key) + ": is not " + std::to_string(least) + ".." + std::to_string(most));
}

FilterOptions filter_of(const json& body, std::size_t limit) {
  FilterOptions filter;
  filter.state = string_at(body, "state");
  filter.kind = string_at(body, "kind");
  filter.conversation = id_at(body, "conversation").value_or("");
  filter.error = string_at(body, "error");
  filter.since = string_at(body, "since");
  filter.until = string_at(body, "until");
  filter.limit = limit;
  return filter;
}

std::vector<std::string> ids_of(const json& body) {
  std::vector<std::string> ids;
  const auto found = body.find("ids");
  if (found == body.end() || !found->is_array()) return ids;
  for (const json& id : *found) {
    if (id.is_string()) ids.push_back(id.get<std::string>());
  }
  return ids;
}

json counts_of(const std::vector<Forecast>& forecasts) {
  std::map<std::string, std::size_t> counts;
  for (const Forecast& one : forecasts) ++counts[one.would];
  return counts;
}

json forecast_json(const std::vector<Forecast>& forecasts) {
  json items = json::array();
  for (const Forecast& one : forecasts) {
    json item = to_json(one.job, false);
    item["would"] = one.would;
    item["left_out"] = one.left_out;
    items.push_back(std::move(item));
  }
  return {{"dry_run", true}, {"counts", counts_of(forecasts)}, {"jobs", std::move(items)}};
}

const char* name_of(ReplayBatch::State state) {
  switch (state) {
    case ReplayBatch::State::kRunning:
      return "running";
    case ReplayBatch::State::kDone:
      return "done";
    case ReplayBatch::State::kCancelled:
      break;
  }
  return "cancelled";
}

}  // namespace

JobOperations::JobOperations(const Snapshot<const config::Config>& config, redis::Client& client,
                             const redis::Client::Options& connection, jobs::JobStore& store,
                             const Clock& clock)
    : config_(config),
      client_(client),
      store_(store),
      clock_(clock),
      batches_(client, clock, lane_limits(*config.read())),
      tail_(client, connection),
      bulk_("admin-bulk", kBatchesWaiting),
      fsck_("admin-fsck", 1) {}

JobOperations::~JobOperations() { stop(); }

void JobOperations::start() {
  stopping_ = false;
  bulk_.start();
  fsck_.start();
}

void JobOperations::stop() {
  stopping_ = true;
  tail_.stop();
  bulk_.stop();
  fsck_.stop();
}

std::optional<HttpResponse> JobOperations::answer(const HttpRequest& request) {
  std::string_view rest = request.path();
  if (!rest.starts_with(kJobs)) return std::nullopt;
  rest.remove_prefix(kJobs.size());
  if (rest == "replay") {
    return request.method == "POST" ? replay(request) : method_not_allowed("POST");
  }
  if (rest == "fsck") return fsck(request);
  if (rest == "tail") return is_read(request) ? tail(request) : method_not_allowed("GET");
  if (rest.starts_with(kBatches)) return batch(request, rest.substr(kBatches.size()));
  return std::nullopt;
}

HttpResponse JobOperations::replay(const HttpRequest& request) {
  const auto body = body_of(request, {{"ids", Type::kIds},
                                      {"state"},
                                      {"kind"},
                                      {"conversation", Type::kId},
                                      {"error"},
                                      {"since"},
                                      {"until"},
                                      {"limit", Type::kInteger},
                                      {"rate", Type::kInteger},
                                      {"again", Type::kFlag},
                                      {"dry_run", Type::kFlag}});
  if (!body) return error_of(body.error());
  const auto limit = number_of(*body, "limit", kMaxJobs, 1, kMaxJobs);
  if (!limit) return error_of(limit.error());
  const auto rate = number_of(*body, "rate", kDefaultRate, 0, kMaxRate);
  if (!rate) return error_of(rate.error());
  const FilterOptions filter = filter_of(*body, *limit);
  if (const Status known = check_kind_field(filter.kind); !known) return error_of(known.error());
  const std::vector<std::string> ids = ids_of(*body);
  if (ids.empty() && !filter.any()) {
    return net::error_response(40001,
                               "ids or a filter (state, kind, conversation, error, since, "
                               "until) is needed");
  }
  const std::int64_t now_ms = clock_.wall_ms();
  const auto selected = select_jobs(store_, ids, filter, jobs::JobState::kDead, now_ms);
  if (!selected) return error_of(selected.error());
  const auto prospects = batches_.prospects(*selected);
  if (!prospects) return error_of(prospects.error());
  const bool again = bool_at(*body, "again");
  const std::vector<Forecast> forecasts =
      forecast(*prospects, *config_.read(), {.again = again, .by_name = !filter.any()}, now_ms);
  if (bool_at(*body, "dry_run")) return json_response(200, forecast_json(forecasts));

  const ReplayChoice choice = choose_for_replay(forecasts);
  if (choice.chosen.empty()) {
    json nothing{{"batch", nullptr}, {"total", 0}, {"left_out", counts_of(choice.left_out)}};
    return json_response(200, nothing);
  }
  const auto made = batches_.create(choice.chosen, again, operator_of(request, *body));
  if (!made) return error_of(made.error());
  json answer = describe(*made);
  answer["left_out"] = counts_of(choice.left_out);
  answer["here"] = run_later(*made, *rate);
  return json_response(202, answer);
}

HttpResponse JobOperations::batch(const HttpRequest& request, std::string_view rest) {
  const std::size_t slash = rest.find('/');
  const std::string id(rest.substr(0, slash));
  if (slash == std::string_view::npos) {
    if (!is_read(request)) return method_not_allowed("GET");
    const auto found = batches_.find(id);
    return found ? json_response(200, describe(*found)) : error_of(found.error());
  }
  const std::string_view verb = rest.substr(slash + 1);
  if (verb != "resume" && verb != "cancel") return net::error_response(40400, "no such path");
  if (request.method != "POST") return method_not_allowed("POST");
  const auto body = body_of(request, {{"rate", Type::kInteger}});
  if (!body) return error_of(body.error());
  if (verb == "cancel") {
    const auto cancelled = batches_.cancel(id, operator_of(request, *body));
    return cancelled ? json_response(200, describe(*cancelled)) : error_of(cancelled.error());
  }
  const auto rate = number_of(*body, "rate", kDefaultRate, 0, kMaxRate);
  if (!rate) return error_of(rate.error());
  const auto found = batches_.find(id);
  if (!found) return error_of(found.error());
  if (found->state != ReplayBatch::State::kRunning) {
    return net::error_response(40900, "batch=" + id + ": it is " + name_of(found->state));
  }
  if (!run_later(*found, *rate)) {
    return net::error_response(50300, "too many batches wait in this process");
  }
  return json_response(202, describe(*found));
}

bool JobOperations::run_later(ReplayBatch batch, std::size_t rate) {
  {
    const MutexLock lock(mutex_);
    if (!here_.insert(batch.id).second) return true;
  }
  const std::string id = batch.id;
  const bool posted = bulk_.post([this, batch = std::move(batch), rate]() mutable {
    const Status ran = run_batch(batches_, batch, rate,
                                 [this](const JobId& /*job*/, const Result<JobId>& /*made*/,
                                        std::size_t /*dealt_with*/) { return !stopping_; });
    if (!ran) {
      log::warn("batch_interrupted", {{"batch", batch.id},
                                      {"left", static_cast<std::int64_t>(batch.left)},
                                      {"cause", ran.error().message},
                                      {"next", "POST /v1/jobs/batches/{id}/resume"}});
    }
    const MutexLock lock(mutex_);
    here_.erase(batch.id);
  });
  if (!posted) {
    const MutexLock lock(mutex_);
    here_.erase(id);
  }
  return posted;
}

json JobOperations::describe(const ReplayBatch& batch) {
  bool here = false;
  {
    const MutexLock lock(mutex_);
    here = here_.count(batch.id) > 0;
  }
  return {{"batch", batch.id},
          {"state", name_of(batch.state)},
          {"total", batch.total},
          {"left", batch.left},
          {"replayed", batch.replayed},
          {"failed", batch.failed},
          {"again", batch.again},
          {"actor", batch.by.actor},
          {"reason", batch.by.reason},
          {"created_at_ms", batch.created_at_ms},
          {"here", here}};
}

HttpResponse JobOperations::fsck(const HttpRequest& request) {
  if (request.method != "POST") {
    if (!is_read(request)) return method_not_allowed("GET, POST");
    const MutexLock lock(mutex_);
    json report = nullptr;
    if (auto parsed = parse_json(checked_)) report = std::move(*parsed);
    return json_response(200, {{"running", checking_}, {"report", std::move(report)}});
  }
  const auto body = body_of(request, {{"repair", Type::kFlag}});
  if (!body) return error_of(body.error());
  {
    const MutexLock lock(mutex_);
    if (checking_) return net::error_response(40900, "a check is under way: GET /v1/jobs/fsck");
    checking_ = true;
  }
  const jobs::Operator by = operator_of(request, *body);
  const bool posted = fsck_.post([this, by, repair = bool_at(*body, "repair")] {
    const auto found = jobs::fsck(client_, repair, by);
    const json outcome = found ? to_json(*found) : json{{"error", found.error().message}};
    const MutexLock lock(mutex_);
    checked_ = dump_json(outcome);
    checking_ = false;
  });
  if (posted) return json_response(202, {{"running", true}});
  const MutexLock lock(mutex_);
  checking_ = false;
  return net::error_response(50300, "the process is stopping");
}

HttpResponse JobOperations::tail(const HttpRequest& request) {
  std::optional<std::uint64_t> after;
  if (const std::string given = request.query("after"); !given.empty()) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
    if (error != std::errc() || end != given.data() + given.size()) {
      return net::error_response(40001, "after: is not the `next` of an answer before", "after");
    }
    after = number;
  }
  FilterOptions options;
  options.state = request.query("state");
  options.kind = request.query("kind");
  options.conversation = request.query("conversation");
  options.error = request.query("error");
  const auto filter = read_filter(options, clock_.wall_ms());
  if (!filter) return error_of(filter.error());
  const TailFeed::Page page = tail_.read(after);
  json items = json::array();
  for (const jobs::Job& job : page.jobs) {
    if (fits(job, *filter)) items.push_back(to_json(job, false));
  }
  return json_response(200,
                       {{"jobs", std::move(items)}, {"next", page.next}, {"missed", page.missed}});
}

}  // namespace deskwire::cli
