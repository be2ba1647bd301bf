#include "webhooks/receiver.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/channel.h"
#include "core/hash.h"
#include "core/ids.h"
#include "core/log.h"
#include "core/net/http_server.h"
#include "jobs/event_table.h"
#include "webhooks/authenticate.h"
#include "webhooks/delivery_counters.h"
#include "webhooks/source_parser.h"

// One delivery's way, on its connection's loop thread until the store is asked, then on the store's
// callback thread:
//
//   route → content type → authenticate (raw bytes) → parse → [look up our message id] → enqueue
//
// Nothing before the enqueue has an effect, and the enqueue is one atomic step, so that whatever
// goes wrong in between the sender may simply send again.

namespace deskwire::webhooks {
namespace {

using jobs::EnqueueResult;
using jobs::HelpdeskEvent;
using net::HttpRequest;
using net::HttpResponder;
using net::HttpResponse;

constexpr std::string_view kPathPrefix = "/webhooks/";
// Chatwoot waits five seconds for an answer; whoever is being answered shall get it.
constexpr Milliseconds kDrainGrace{5000};
constexpr std::size_t kLoggedIdLength = 64;
constexpr int kRetryAfterLeastSeconds = 5;
constexpr int kRetryAfterSpreadSeconds = 51;

/// What all deliveries share. Callbacks of the store hold it, so it outlives the Receiver.
struct Door {
  Door(const config::Config& config, jobs::JobStore& job_store, const Clock& system_clock,
       Metrics& metrics)
      : sources(config.sources),
        settings(config.receiver),
        max_attempts(config.jobs.max_attempts),
        debounce(jobs::debounce_of(config.replies.debounce)),
        max_payload_bytes(config.jobs.max_payload_bytes),
        store(job_store),
        clock(system_clock),
        counters(config.sources, metrics),
        ack_seconds(metrics.histogram("deskwire_delivery_ack_seconds",
                                      "From a delivery's last byte to its answer.")) {}

  const config::Source* find(std::string_view name) const {
    const auto found = std::find_if(sources.begin(), sources.end(),
                                    [name](const config::Source& s) { return s.name == name; });
    return found == sources.end() ? nullptr : &*found;
  }

  const std::vector<config::Source> sources;
  const config::Receiver settings;
  const int max_attempts;
  const std::optional<jobs::Debounce> debounce;
  const std::size_t max_payload_bytes;
  jobs::JobStore& store;
  const Clock& clock;
  DeliveryCounters counters;
  Metrics::Histogram& ack_seconds;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// application/json, with no other charset than UTF-8.
bool is_json_type(std::string_view header) {
  const std::size_t end = header.find(';');
  if (lower(trimmed(header.substr(0, end))) != "application/json") return false;
  while (end != std::string_view::npos && !header.empty()) {
    const std::size_t semicolon = header.find(';');
    if (semicolon == std::string_view::npos) break;
    header.remove_prefix(semicolon + 1);
    const std::string parameter = lower(trimmed(header.substr(0, header.find(';'))));
    if (!parameter.starts_with("charset=")) continue;
    if (parameter != "charset=utf-8" && parameter != "charset=\"utf-8\"") return false;
  }
  return true;
}

std::string_view throttle_reason(ErrorCode code) {
  if (code == ErrorCode::kUnavailable) return "unavailable";
  if (code == ErrorCode::kTimeout) return "timeout";
  // The connection's queue is full: the same overload from the sender's side.
  if (code == ErrorCode::kFull || code == ErrorCode::kTooLarge) return "full";
  return "other";
}

HttpResponse too_busy() {
  HttpResponse response = net::error_response(42900, "overloaded, send again later");
  // Spread, so that all who were refused do not come back together.
  const auto random = static_cast<unsigned char>(random_bytes(1)[0]);
  response.headers.emplace_back(
      "Retry-After", std::to_string(kRetryAfterLeastSeconds + random % kRetryAfterSpreadSeconds));
  return response;
}

HttpResponse answer(int status, const std::string& job, bool duplicate) {
  HttpResponse response;
  response.status = status;
  response.body =
      job.empty() ? R"({"job":null,"duplicate":)" : R"({"job":")" + job + R"(","duplicate":)";
  response.body += duplicate ? "true}" : "false}";
  return response;
}

/// One delivery, from its last byte to its answer.
///
/// Thread safety: used by one thread at a time; ownership moves into the store's callbacks.
class Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  Delivery(std::shared_ptr<Door> door, HttpRequest request, HttpResponder responder)
      : door_(std::move(door)),
        request_(std::move(request)),
        responder_(std::move(responder)),
        begun_(door_->clock.monotonic()) {}

  void run() {
    if (!route()) return;
    if (request_.method != "POST") {
      HttpResponse response = net::error_response(40500, "only POST is possible here");
      response.headers.emplace_back("Allow", "POST");
      return refuse(std::move(response), "method");
    }
    if (!is_json_type(request_.header("Content-Type"))) {
      return refuse(net::error_response(41500, "Content-Type must be application/json"),
                    "content_type");
    }
    const SourceParser& parser = parser_for(source_->type);
    const std::string_view refusal =
        authenticate(*source_, parser.scheme(), request_, path_token_,
                     door_->clock.wall_ms() / 1000, door_->settings.signature_tolerance_s);
    if (refusal != "none") {
      return refuse(net::error_response(40110, "signature refused"), refusal);
    }
    read_context(parser.scheme());
    Result<HelpdeskEvent> event = parser.parse(request_.body);
    if (event) {
      event_ = std::move(*event);
      if (jobs::needs_body_digest(event_)) context_.body_sha256 = sha256(request_.body);
      return take_in();
    }
    if (event.error().code != ErrorCode::kCorrupt) return refuse_body(event.error());
    unparsable_ = event.error().message;
    context_.body_sha256 = sha256(request_.body);
    mint_receipt(HelpdeskEvent{});
    enqueue(true);
  }

 private:
  bool route() {
    const std::string_view path = request_.path();
    if (path.starts_with(kPathPrefix)) {
      const std::string_view rest = path.substr(kPathPrefix.size());
      const std::size_t slash = rest.find('/');
      source_ = door_->find(rest.substr(0, slash));
      if (slash != std::string_view::npos) path_token_ = rest.substr(slash + 1);
      const bool token_path = slash != std::string_view::npos;
      if (source_ != nullptr && (!token_path || source_->auth == config::SourceAuth::kUrlToken)) {
        return true;
      }
      source_ = nullptr;
    }
    refuse(net::error_response(40400, "no such source"), "unknown_source");
    return false;
  }

  void read_context(const SignatureScheme& scheme) {
    context_.source = source_->name;
    context_.name_space = source_->name_space;
    context_.delivery_id = request_.header(scheme.delivery_header);
    context_.now_ms = door_->clock.wall_ms();
    context_.max_attempts = door_->max_attempts;
    context_.debounce = door_->debounce;
  }

  void mint_receipt(const HelpdeskEvent& event) {
    const std::string lane = jobs::lane_of(event, source_->name, source_->name_space);
    context_.receipt = new_job_id(context_.now_ms, shard_of_lane(lane)).str();
  }

  void take_in() {
    const bool other = !source_->account_id.empty() && !event_.account_id.empty() &&
                       event_.account_id != source_->account_id;
    if (other) {
      finish(answer(200, {}, false), "ignored", "other_account");
      log::info("delivery_ignored", {{"source", source_->name}, {"reason", "other_account"}});
      return;
    }
    mint_receipt(event_);
    if (!jobs::needs_mapping(event_)) return enqueue(true);
    auto self = shared_from_this();
    door_->store.mapped_message_async(jobs::lane_of(event_, source_->name, source_->name_space),
                                      event_.object_id, [self](Result<std::string> ours) {
                                        // Without the mapping people would see an event about a
                                        // message they do not know.
                                        if (!ours) return self->throttle(ours.error());
                                        self->context_.mapped_message_id = std::move(*ours);
                                        self->enqueue(true);
                                      });
  }

  void enqueue(bool may_repeat) {
    // Made anew for a repeat: to_enqueue is pure, and most deliveries never need the copy.
    jobs::EnqueueRequest request = unparsable_.empty()
                                       ? jobs::to_enqueue(event_, context_)
                                       : jobs::to_unparsable(request_.body, unparsable_, context_);
    if (request.payload.size() > door_->max_payload_bytes) {
      return refuse(net::error_response(41300, "the delivery is too large to be kept"),
                    "too_large");
    }
    auto self = shared_from_this();
    door_->store.enqueue_async(std::move(request),
                               [self, may_repeat](Result<EnqueueResult> result) {
                                 if (result) return self->taken(*result);
                                 // It may have been stored. The same receipt makes the repeat
                                 // recognise itself, so the answer names the right job instead of
                                 // calling the sender's only delivery a duplicate.
                                 if (result.error().code == ErrorCode::kTimeout && may_repeat) {
                                   return self->enqueue(false);
                                 }
                                 self->throttle(result.error());
                               });
  }

  void taken(const EnqueueResult& result) {
    if (result.duplicate) {
      finish(answer(200, result.job, true), "duplicate", "none");
      log_taken("delivery_duplicate", result.job);
    } else if (!unparsable_.empty()) {
      finish(answer(202, result.job, false), "unparsable", "shape");
      // The cause is our own text about the shape; it never holds a value of the payload.
      log::warn("delivery_unparsable", {{"source", source_->name},
                                        {"delivery", logged_delivery()},
                                        {"job", result.job},
                                        {"cause", unparsable_}});
    } else if (result.job.empty()) {
      const bool effect = event_.kind != HelpdeskEvent::Kind::kOther && !event_.activity;
      finish(answer(200, {}, false), effect ? "accepted" : "ignored",
             effect ? "none" : "no_effect");
      log_taken("delivery_accepted", {});
    } else {
      finish(answer(202, result.job, false), "accepted", "none");
      log_taken("delivery_accepted", result.job);
    }
  }

  void log_taken(std::string_view event, const std::string& job) const {
    const std::initializer_list<log::Field> fields = {
        {"source", source_->name},
        {"delivery", logged_delivery()},
        {"vendor_event", event_.vendor_event},
        {"job", job.empty() ? std::string("none") : job},
        {"bytes", std::uint64_t{request_.body.size()}}};
    // What made no job (typing, receipts) comes too often to be news.
    event_.kind == HelpdeskEvent::Kind::kMessageCreated ? log::info(event, fields)
                                                        : log::debug(event, fields);
  }

  void refuse_body(const Error& error) {
    const bool deep = error.code == ErrorCode::kTooLarge;
    refuse(net::error_response(
               40000, deep ? "the body is nested too deeply" : "the body is no JSON object"),
           deep ? "too_deep" : "not_json");
  }

  void refuse(HttpResponse response, std::string_view reason) {
    const std::string source = source_ == nullptr ? "unknown" : source_->name;
    log::warn("delivery_refused", {{"source", source},
                                   {"reason", reason},
                                   {"status", response.status},
                                   {"bytes", std::uint64_t{request_.body.size()}}});
    finish(std::move(response), "refused", reason);
  }

  void throttle(const Error& error) {
    const std::string_view reason = throttle_reason(error.code);
    finish(too_busy(), "throttled", reason);
    const std::initializer_list<log::Field> fields = {{"source", source_->name},
                                                      {"delivery", logged_delivery()},
                                                      {"code", deskwire::name_of(error.code)},
                                                      {"cause", error.message}};
    // "other" is no overload but a defect or foreign data under our keys: somebody must look.
    reason == "other" ? log::error("delivery_throttled", fields)
                      : log::warn("delivery_throttled", fields);
  }

  std::string_view logged_delivery() const {
    return std::string_view(context_.delivery_id).substr(0, kLoggedIdLength);
  }

  void finish(HttpResponse response, std::string_view result, std::string_view reason) {
    door_->counters.count(source_ == nullptr ? "unknown" : source_->name, result, reason);
    const std::chrono::duration<double> taken = door_->clock.monotonic() - begun_;
    door_->ack_seconds.observe_seconds(taken.count());
    responder_.send(std::move(response));
  }

  std::shared_ptr<Door> door_;
  HttpRequest request_;
  HttpResponder responder_;
  MonotonicTime begun_;
  const config::Source* source_ = nullptr;
  std::string_view path_token_;
  jobs::EventContext context_;
  HelpdeskEvent event_;
  std::string unparsable_;  ///< Why; empty: it was understood.
};

net::HttpServer::Options server_options(const config::Receiver& settings) {
  net::HttpServer::Options options;
  options.name = "http";
  options.listen = settings.listen;
  options.listen_key = "receiver.listen";
  options.hosts = settings.hosts;
  options.threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()),
                               settings.threads_min, settings.threads_max);
  options.max_body_bytes = settings.max_body_bytes;
  options.head_timeout = settings.head_timeout;
  options.body_timeout = settings.body_timeout;
  options.max_connections = settings.max_connections;
  // A decoded body is not what was signed, and a bomb once decoded is too late to refuse.
  options.refuse_content_encoding = true;
  return options;
}

std::string_view server_refusal(int status) {
  if (status == 408) return "too_slow";
  if (status == 413) return "too_large";
  if (status == 415) return "content_type";
  return "other";
}

}  // namespace

class Receiver::Impl {
 public:
  Impl(const config::Config& config, jobs::JobStore& store, const Clock& clock, Metrics& metrics)
      : door_(std::make_shared<Door>(config, store, clock, metrics)),
        server_(
            server_options(config.receiver),
            [door = door_](HttpRequest&& request, HttpResponder responder) {
              std::make_shared<Delivery>(door, std::move(request), std::move(responder))->run();
            },
            nullptr,
            [door = door_](int status, std::string_view reason) {
              door->counters.count("unknown", "refused", server_refusal(status));
              log::warn("delivery_refused",
                        {{"source", "unknown"}, {"status", status}, {"reason", reason}});
            }) {}

  net::HttpServer& server() { return server_; }

 private:
  std::shared_ptr<Door> door_;
  net::HttpServer server_;
};

Receiver::Receiver(const config::Config& config, jobs::JobStore& store, const Clock& clock,
                   Metrics& metrics)
    : impl_(std::make_unique<Impl>(config, store, clock, metrics)) {}
Receiver::~Receiver() { stop(); }

Status Receiver::start() { return impl_->server().start(); }
void Receiver::drain() { impl_->server().drain(kDrainGrace); }
void Receiver::stop() { impl_->server().stop(); }
std::uint16_t Receiver::port() const { return impl_->server().port(); }

}  // namespace deskwire::webhooks
