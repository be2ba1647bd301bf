#include "cli/jobs_door.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/admin_request.h"
#include "cli/admin_response.h"
#include "cli/audit_text.h"
#include "cli/halt_text.h"
#include "cli/job_selection.h"
#include "cli/job_text.h"
#include "cli/lineage.h"
#include "cli/reason_look_up.h"
#include "cli/time_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using Type = BodyField::Type;

constexpr std::size_t kMaxListed = 1000;
constexpr std::string_view kJobs = "/v1/jobs";

/// @errors kInvalid: not 1..1000.
Status read_limit(const HttpRequest& request, std::size_t& into) {
  const std::string limit = request.query("limit");
  if (limit.empty()) return {};
  const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), into);
  const bool whole = error == std::errc() && end == limit.data() + limit.size();
  if (whole && into >= 1 && into <= kMaxListed) return {};
  return fail(ErrorCode::kInvalid, "limit: is not 1.." + std::to_string(kMaxListed));
}

/// @errors kInvalid naming the parameter.
Result<jobs::JobFilter> filter_of(const HttpRequest& request, std::int64_t now_ms) {
  jobs::JobFilter filter;
  filter.kind = request.query("kind");
  if (Status known = check_kind_field(filter.kind); !known) return fail(std::move(known).error());
  filter.lane = conversation_of_argument(request.query("conversation"));
  filter.error_code = request.query("error");
  if (const std::string state = request.query("state"); !state.empty()) {
    filter.state = jobs::job_state_of(state);
    if (!filter.state) return fail(ErrorCode::kInvalid, "state: no such job state");
  }
  for (const auto& [name, into] :
       {std::pair{"since", &filter.since_ms}, std::pair{"until", &filter.until_ms}}) {
    const std::string moment = request.query(name);
    if (moment.empty()) continue;
    const auto at = parse_since(moment, now_ms);
    if (!at) return fail(Error(at.error()).prefixed(name));
    *into = *at;
  }
  if (Status limit = read_limit(request, filter.limit); !limit) return fail(limit.error());
  return filter;
}

/// @errors kInvalid: none, or several, of what can be named.
Result<jobs::HaltTarget> target_of(const json& body, bool park) {
  const std::string kind = string_at(body, "kind");
  const std::string conversation =
      conversation_of_argument(id_at(body, "conversation").value_or(""));
  const bool all = bool_at(body, "all");
  if (park) {
    if (!conversation.empty()) return jobs::HaltTarget{jobs::HaltScope::kParked, conversation};
    return fail(ErrorCode::kInvalid, "conversation: its key is needed");
  }
  const int named = int{all} + int{!kind.empty()} + int{!conversation.empty()};
  if (named != 1) {
    return fail(ErrorCode::kInvalid, "one of all, kind and conversation is needed");
  }
  if (all) return jobs::HaltTarget{};
  if (!kind.empty()) {
    // A pause of what does not exist would look like one that works.
    if (Status known = check_kind_field(kind); !known) return fail(std::move(known).error());
    return jobs::HaltTarget{jobs::HaltScope::kKind, kind};
  }
  return jobs::HaltTarget{jobs::HaltScope::kConversation, conversation};
}

}  // namespace

HttpResponse JobsDoor::answer(const HttpRequest& request) {
  std::string_view rest = request.path().substr(kJobs.size());
  if (rest.empty()) return is_read(request) ? list(request) : method_not_allowed("GET");
  rest.remove_prefix(1);
  constexpr std::array<std::string_view, 4> kHalts{"pause", "resume", "park", "unpark"};
  if (std::find(kHalts.begin(), kHalts.end(), rest) != kHalts.end()) {
    return request.method == "POST" ? halt(request, rest) : method_not_allowed("POST");
  }
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) {
    if (!is_read(request)) return method_not_allowed("GET");
    if (rest == "stats") return stats();
    if (rest == "why") return why(request);
    if (rest == "audit") return audit(request);
    return show(request, JobId(std::string(rest)));
  }
  const std::string_view verb = rest.substr(slash + 1);
  if (verb != "retry" && verb != "replay" && verb != "drop") {
    return net::error_response(40400, "no such path");
  }
  if (request.method != "POST") return method_not_allowed("POST");
  return change(request, JobId(std::string(rest.substr(0, slash))), verb);
}

HttpResponse JobsDoor::list(const HttpRequest& request) {
  const auto filter = filter_of(request, clock_.wall_ms());
  if (!filter) return error_of(filter.error());
  const auto found = store_.list(*filter);
  if (!found) return error_of(found.error());
  json items = json::array();
  for (const jobs::Job& job : *found) items.push_back(to_json(job, false));
  return json_response(200, {{"jobs", std::move(items)}});
}

HttpResponse JobsDoor::stats() {
  const auto counts = store_.counts();
  if (!counts) return error_of(counts.error());
  const auto kinds = store_.counts_by_kind();
  if (!kinds) return error_of(kinds.error());
  const auto halts = operators_.halts();
  if (!halts) return error_of(halts.error());
  json out(*counts);
  out["kinds"] = *kinds;
  out["halts"] = to_json(*halts);
  return json_response(200, out);
}

HttpResponse JobsDoor::why(const HttpRequest& request) {
  const std::string of = request.query("of");
  if (of.empty()) return net::error_response(40001, "of: a conversation or a job is needed", "of");
  const auto found = look_up_reason(store_, operators_, of);
  if (!found) return error_of(found.error());
  return json_response(200, to_json(*found));
}

HttpResponse JobsDoor::audit(const HttpRequest& request) {
  jobs::AuditFilter filter;
  if (const std::string since = request.query("since"); !since.empty()) {
    const auto at = parse_since(since, clock_.wall_ms());
    if (!at) return error_of(Error(at.error()).prefixed("since"));
    filter.since_ms = *at;
  }
  if (Status limit = read_limit(request, filter.limit); !limit) return error_of(limit.error());
  const auto entries = operators_.audit(filter);
  if (!entries) return error_of(entries.error());
  return json_response(200, {{"entries", to_json(*entries)}});
}

HttpResponse JobsDoor::halt(const HttpRequest& request, std::string_view verb) {
  const auto body = body_of(request, {{"all", Type::kFlag}, {"kind"}, {"conversation", Type::kId}});
  if (!body) return error_of(body.error());
  const auto target = target_of(*body, verb == "park" || verb == "unpark");
  if (!target) return error_of(target.error());
  const jobs::Operator by = operator_of(request, *body);
  const bool begins = verb == "pause" || verb == "park";
  const auto changed = begins ? operators_.halt(*target, by) : operators_.resume(*target, by);
  if (!changed) return error_of(changed.error());
  const auto halts = operators_.halts();
  if (!halts) return error_of(halts.error());
  return json_response(200, {{"changed", *changed}, {"halts", to_json(*halts)}});
}

HttpResponse JobsDoor::show(const HttpRequest& request, const JobId& id) {
  const auto job = store_.get(id);
  if (!job) return error_of(job.error());
  const auto history = operators_.history(id);
  if (!history) return error_of(history.error());
  const auto line = lineage_of(store_, *job);
  if (!line) return error_of(line.error());
  json out = to_json(*job, request.query("payload") == "1");
  out["history"] = to_json(*history);
  out["line"] = lineage_json(*line);
  return json_response(200, out);
}

HttpResponse JobsDoor::change(const HttpRequest& request, const JobId& id, std::string_view verb) {
  const auto body = body_of(request, {{"again", Type::kFlag}});
  if (!body) return error_of(body.error());
  const jobs::Operator by = operator_of(request, *body);
  if (verb == "replay") {
    const auto made = store_.replay(id, bool_at(*body, "again"), by.actor, by.reason);
    if (!made) return error_of(made.error());
    return json_response(200, {{"job", made->str()}});
  }
  const Status done =
      verb == "drop" ? operators_.drop(id, by) : store_.retry_now(id, by.actor, by.reason);
  if (!done) return error_of(done.error());
  return json_response(200, {{"job", id.str()}});
}

}  // namespace deskwire::cli
