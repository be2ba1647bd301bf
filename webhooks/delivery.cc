// One delivery's way, on its connection's loop thread until the store is asked, then on the store's
// callback thread:
//
//   route → content type → authenticate (raw bytes) → parse → [look up our message id] → enqueue
//                                                                 │ deliveries wait in the spool,
//                                                                 ▼ or the store does not answer
//                                                               spool
//
// Nothing before the enqueue has an effect, and the enqueue is one atomic step, so that whatever
// goes wrong in between the sender may simply send again.

#include "webhooks/delivery.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/hash.h"
#include "core/log.h"
#include "webhooks/authenticate.h"
#include "webhooks/handshake.h"
#include "webhooks/signature_report.h"
#include "webhooks/source_parser.h"
#include "webhooks/source_scheme.h"
#include "webhooks/understood_delivery.h"

namespace deskwire::webhooks {
namespace {

using jobs::EnqueueResult;
using jobs::HelpdeskEvent;
using net::HttpRequest;
using net::HttpResponder;
using net::HttpResponse;

constexpr std::size_t kLoggedIdLength = 64;
constexpr int kRetryAfterLeastSeconds = 5;
constexpr int kRetryAfterSpreadSeconds = 51;

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
  // A full lane, or the connection's queue: the same overload from the sender's side.
  if (code == ErrorCode::kFull || code == ErrorCode::kTooLarge || code == ErrorCode::kRateLimited) {
    return "full";
  }
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

HttpResponse spooled(const std::string& job) {
  HttpResponse response;
  response.status = 202;
  response.body = (job.empty() ? R"({"job":null)" : R"({"job":")" + job + '"') +
                  R"(,"duplicate":null,"spooled":true})";
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
        begun_(door_->clock.monotonic()),
        book_(door_->book.read()) {}

  void run() {
    if (!route()) return;
    if (request_.method != "POST") {
      HttpResponse response = net::error_response(40500, "only POST is possible here");
      response.headers.emplace_back("Allow", "POST");
      return refuse(std::move(response), "method");
    }
    // A decoded body is not what was signed, and a bomb once decoded is too late to refuse.
    if (request_.header_count("Content-Encoding") > 0) {
      return refuse(net::error_response(41500, "content encodings are not accepted"),
                    "content_encoding");
    }
    if (!is_json_type(request_.header("Content-Type"))) {
      return refuse(net::error_response(41500, "Content-Type must be application/json"),
                    "content_type");
    }
    const std::string_view refusal =
        authenticate(*source_, request_, path_token_, door_->clock.wall_ms() / 1000,
                     book_->signature_tolerance_s);
    if (refusal != "none") {
      return refuse(net::error_response(40110, "signature refused"), refusal);
    }
    if (auto challenge = handshake_answer(*source_, request_)) {
      HttpResponse response;
      response.body = std::move(*challenge);
      finish(std::move(response), "ignored", "handshake");
      log::info("delivery_handshake", {{"source", source_->name}});
      return;
    }
    const SignatureScheme& scheme = scheme_of(*source_, request_);
    auto body = with_event(*source_, request_);
    auto understood =
        understand(*source_, body ? *body : request_.body, request_.header(scheme.delivery_header),
                   door_->clock.wall_ms(), book_->rules);
    if (!understood) return refuse_body();
    if (body) request_.body = std::move(*body);
    delivery_ = std::move(*understood);
    if (of_another_account(*source_, delivery_.event)) {
      finish(answer(200, {}, false), "ignored", "other_account");
      log::info("delivery_ignored", {{"source", source_->name}, {"reason", "other_account"}});
      return;
    }
    take_in();
  }

 private:
  bool route() {
    const SourceBook::Route found = book_->route(request_.path());
    source_ = found.source;
    path_token_ = found.token;
    if (source_ != nullptr) return true;
    refuse(net::error_response(40400, "no such source"), "unknown_source");
    return false;
  }

  void take_in() {
    if (door_->spool.holds_back()) return spool("behind", Error{});
    look_up_mapping(door_->store, delivery_, [self = shared_from_this()](const Status& looked_up) {
      if (!looked_up) return self->not_taken(looked_up.error());
      self->enqueue(true);
    });
  }

  void enqueue(bool may_repeat) {
    // Made anew for a repeat: it is pure, and most deliveries never need the copy.
    jobs::EnqueueRequest request = delivery_.request(request_.body);
    if (too_large(request)) return;
    auto self = shared_from_this();
    door_->store.enqueue_async(std::move(request),
                               [self, may_repeat](const Result<EnqueueResult>& result) {
                                 if (result) return self->taken(*result);
                                 // It may have been stored. The same receipt makes the repeat
                                 // recognise itself, so the answer names the right job instead of
                                 // calling the sender's only delivery a duplicate.
                                 const bool repeat = may_repeat && !self->door_->spool.enabled();
                                 if (result.error().code == ErrorCode::kTimeout && repeat)
                                   return self->enqueue(false);
                                 self->not_taken(result.error());
                               });
  }

  bool too_large(const jobs::EnqueueRequest& request) {
    if (request.payload.size() <= door_->max_payload_bytes) return false;
    refuse(net::error_response(41300, "the delivery is too large to be kept"), "too_large");
    return true;
  }

  void not_taken(const Error& error) {
    const bool away = error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout;
    if (!away || !door_->spool.enabled()) return throttle(error);
    spool(throttle_reason(error.code), error);
  }

  /// @param cause  Why the store does not have it; without a message: others wait before it.
  void spool(std::string_view reason, const Error& cause) {
    const jobs::EnqueueRequest request = delivery_.request(request_.body);
    if (too_large(request)) return;
    const std::string job = request.kind.empty() ? std::string() : request.receipt;
    const SpooledDelivery kept{delivery_.context.now_ms, source_->name, request.receipt,
                               delivery_.context.delivery_id, request_.body};
    auto on_disk = [self = shared_from_this(), reason, cause, job](const Status& written) {
      if (!written) return self->throttle(cause.message.empty() ? written.error() : cause);
      self->finish(spooled(job), "spooled", reason);
      self->log_taken("delivery_spooled", job);
    };
    door_->spool.append(kept, std::move(on_disk));
  }

  void taken(const EnqueueResult& result) {
    if (result.duplicate) {
      finish(answer(200, result.job, true), "duplicate", "none");
      log_taken("delivery_duplicate", result.job);
    } else if (!delivery_.unparsable.empty()) {
      finish(answer(202, result.job, false), "unparsable", "shape");
      // The cause is our own text about the shape; it never holds a value of the payload.
      log::warn("delivery_unparsable", {{"source", source_->name},
                                        {"delivery", logged_delivery()},
                                        {"job", result.job},
                                        {"cause", delivery_.unparsable}});
    } else if (result.job.empty()) {
      const bool effect =
          delivery_.event.kind != HelpdeskEvent::Kind::kOther && !delivery_.event.activity;
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
        {"vendor_event", delivery_.event.vendor_event},
        {"job", job.empty() ? std::string("none") : job},
        {"bytes", std::uint64_t{request_.body.size()}}};
    // What made no job (typing, receipts) comes too often to be news.
    delivery_.event.kind == HelpdeskEvent::Kind::kMessageCreated ? log::info(event, fields)
                                                                 : log::debug(event, fields);
  }

  void refuse_body() {
    refuse(net::error_response(40000, "the body is no JSON object"), "not_json");
  }

  void refuse(HttpResponse response, std::string_view reason) {
    log_refusal(*door_, source_ == nullptr ? "unknown" : source_->name, reason, response.status,
                request_.body.size());
    finish(std::move(response), "refused", reason);
    // Of sources that we know; anything else is a stranger's knocking at random doors.
    if (source_ != nullptr && request_.method == "POST") quarantine(std::string(reason));
  }

  void quarantine(const std::string& reason) {
    if (!door_->quarantine.wants(source_->name, reason, request_.body.size())) return;
    RefusedDelivery refused;
    refused.at_ms = door_->clock.wall_ms();
    refused.source = source_->name;
    refused.reason = reason;
    refused.method = request_.method;
    refused.target = request_.target;
    refused.headers = deciding_headers(request_, *source_);
    refused.body = std::move(request_.body);
    door_->quarantine.keep(std::move(refused));
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
    return std::string_view(delivery_.context.delivery_id).substr(0, kLoggedIdLength);
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
  const std::shared_ptr<const SourceBook> book_;  ///< Holds `source_`.
  const config::Source* source_ = nullptr;
  std::string_view path_token_;
  UnderstoodDelivery delivery_;
};

}  // namespace

Door::Door(const config::Config& config, jobs::JobStore& job_store, const Clock& system_clock,
           Metrics& metrics)
    : book(std::make_shared<const SourceBook>(config)),
      max_payload_bytes(config.jobs.max_payload_bytes),
      store(job_store),
      clock(system_clock),
      counters(config.sources, metrics),
      ack_seconds(metrics.histogram("deskwire_delivery_ack_seconds",
                                    "From a delivery's last byte to its answer.")),
      spool({config.data_dir + "/spool", config.receiver.spool.max_bytes,
             config.receiver.spool.drain_batch},
            config, job_store, system_clock, metrics),
      quarantine({config.data_dir + "/quarantine", config.receiver.quarantine.max_bytes,
                  config.receiver.quarantine.max_age_s,
                  static_cast<std::uint64_t>(config.receiver.quarantine.max_per_minute)},
                 system_clock, metrics),
      refusal_lines(static_cast<std::uint64_t>(config.receiver.refusal_lines_per_minute)) {}

void Door::reload(const config::Config& config) {
  auto changed = std::make_shared<const SourceBook>(config);
  book.replace(changed);
  spool.reload(std::move(changed));
}

void log_refusal(Door& door, std::string_view source, std::string_view reason, int status,
                 std::size_t bytes) {
  const auto left_out = door.refusal_lines.take(door.clock.monotonic());
  if (!left_out) return;
  log::warn("delivery_refused", {{"source", source},
                                 {"reason", reason},
                                 {"status", status},
                                 {"bytes", std::uint64_t{bytes}},
                                 {"left_out", *left_out}});
}

void take_delivery(std::shared_ptr<Door> door, HttpRequest request, HttpResponder responder) {
  std::make_shared<Delivery>(std::move(door), std::move(request), std::move(responder))->run();
}

}  // namespace deskwire::webhooks
