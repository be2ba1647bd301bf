#include "publishers/sinks/sinks.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <optional>

#include "core/hash.h"
#include "core/mutex.h"

namespace deskwire::publishers {
namespace {

constexpr std::chrono::milliseconds kDefaultRetry{5000};
constexpr std::int64_t kMaxRetryS = 3600;

/// Alertmanager forgets after five minutes; three calls fit into the time.
constexpr std::chrono::milliseconds kAlertmanagerMemory{300000};
constexpr std::int64_t kEndsAfterMs = 900000;

constexpr const char* kPagerdutyUrl = "https://events.pagerduty.com";
constexpr std::int64_t kSlackPauseMs = 1000;

std::chrono::milliseconds retry_after(const std::string& header) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (header.empty() || error != std::errc() || end != header.data() + header.size()) {
    return kDefaultRetry;
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 1, kMaxRetryS));
}

Status post(HttpPoster& poster, const HttpPost& request, std::string_view what) {
  const auto answer = poster.post(request);
  // The address may be a secret (Slack): the error says what was called, not where.
  if (!answer) return fail(answer.error().code, std::string(what) + ": no answer");
  return verdict(*answer, what);
}

/// Every member of a cluster is told; one that is away hears of it from the others and with the
/// next call, so one success is enough.
class AlertmanagerSink final : public AlertSink {
 public:
  AlertmanagerSink(const config::SlaSink& settings, HttpPoster& poster)
      : settings_(settings), poster_(poster) {}

  Status send(const Alert& alert) override {
    // It has no notion of an acknowledgement.
    if (alert.action == Alert::Action::kAcknowledge) return {};
    const bool over = alert.action == Alert::Action::kResolve;
    const std::string body =
        alertmanager_body(alert, over ? alert.now_ms : alert.now_ms + kEndsAfterMs);
    std::optional<Error> failure;
    bool told = false;
    for (const std::string& url : settings_.urls) {
      const Status one = post(poster_,
                              {.url = trimmed(url) + "/api/v2/alerts",
                               .headers = {},
                               .body = body,
                               .timeout = settings_.request_timeout},
                              "alertmanager POST alerts");
      if (one) told = true;
      // While one of them may take it later, it is not given up.
      if (!one && (!failure || is_temporary(one.error().code))) failure = one.error();
    }
    if (told || !failure) return {};
    return fail(std::move(*failure));
  }

  std::chrono::milliseconds memory() const override { return kAlertmanagerMemory; }
  bool groups_itself() const override { return true; }

 private:
  static std::string trimmed(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
  }

  const config::SlaSink settings_;
  HttpPoster& poster_;
};

class PagerdutySink final : public AlertSink {
 public:
  PagerdutySink(const config::SlaSink& settings, HttpPoster& poster)
      : settings_(settings), poster_(poster) {}

  Status send(const Alert& alert) override {
    std::string url(settings_.url.empty() ? kPagerdutyUrl : settings_.url.reveal());
    while (url.ends_with('/')) url.pop_back();
    return post(poster_,
                {.url = url + "/v2/enqueue",
                 .headers = {},
                 .body = pagerduty_body(alert, settings_.key.reveal()),
                 .timeout = settings_.request_timeout},
                "pagerduty POST enqueue");
  }

 private:
  const config::SlaSink settings_;
  HttpPoster& poster_;
};

/// At most one call a second, as Slack asks for; what comes sooner is told to wait.
class SlackSink final : public AlertSink {
 public:
  SlackSink(const config::SlaSink& settings, HttpPoster& poster, const Clock& clock)
      : settings_(settings), poster_(poster), clock_(clock) {}

  Status send(const Alert& alert) override {
    if (const std::int64_t wait = take_turn(); wait > 0) {
      return fail(Error{ErrorCode::kRateLimited, "slack POST: one message a second",
                        std::chrono::milliseconds(wait)});
    }
    return post(poster_,
                {.url = std::string(settings_.url.reveal()),
                 .headers = {},
                 .body = slack_body(alert),
                 .timeout = settings_.request_timeout},
                "slack POST");
  }

 private:
  /// Milliseconds to wait; 0: the turn is taken.
  std::int64_t take_turn() {
    const MutexLock lock(mutex_);
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic().time_since_epoch())
            .count();
    if (now < next_ms_) return next_ms_ - now;
    next_ms_ = now + kSlackPauseMs;
    return 0;
  }

  const config::SlaSink settings_;
  HttpPoster& poster_;
  const Clock& clock_;
  Mutex mutex_;
  std::int64_t next_ms_ DW_GUARDED_BY(mutex_) = 0;
};

class WebhookSink final : public AlertSink {
 public:
  WebhookSink(const config::SlaSink& settings, HttpPoster& poster, const Clock& clock)
      : settings_(settings), poster_(poster), clock_(clock) {}

  Status send(const Alert& alert) override {
    const std::string body = webhook_body(alert);
    const std::int64_t now_s = clock_.wall_ms() / 1000;
    const std::string signature = standard_signature(settings_.key.reveal(), alert.id, now_s, body);
    return post(poster_,
                {.url = std::string(settings_.url.reveal()),
                 .headers = {{"webhook-id", alert.id},
                             {"webhook-timestamp", std::to_string(now_s)},
                             {"webhook-signature", signature}},
                 .body = body,
                 .timeout = settings_.request_timeout},
                "webhook POST");
  }

 private:
  const config::SlaSink settings_;
  HttpPoster& poster_;
  const Clock& clock_;
};

}  // namespace

std::string_view name_of(Alert::Action action) {
  switch (action) {
    case Alert::Action::kTrigger:
      return "trigger";
    case Alert::Action::kAcknowledge:
      return "acknowledge";
    case Alert::Action::kResolve:
      return "resolve";
  }
  return "trigger";
}

bool is_temporary(ErrorCode code) {
  return code == ErrorCode::kRateLimited || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kTimeout || code == ErrorCode::kUnknownOutcome ||
         code == ErrorCode::kFull || code == ErrorCode::kCancelled;
}

Status verdict(const HttpAnswer& answer, std::string_view what) {
  const int status = answer.status;
  if (status >= 200 && status < 300) return {};
  std::string message = std::string(what) + ": " + std::to_string(status);
  if (status == 429 || (status == 503 && !answer.retry_after.empty())) {
    return fail(
        Error{ErrorCode::kRateLimited, std::move(message), retry_after(answer.retry_after)});
  }
  if (status >= 500 || status == 408) return fail(ErrorCode::kUnavailable, std::move(message));
  if (status == 401) return fail(ErrorCode::kUnauthorized, message + "; check the key");
  if (status == 403) return fail(ErrorCode::kDenied, message + "; it is not allowed there");
  if (status == 404 || status == 410) {
    return fail(ErrorCode::kNotFound, message + "; the address is gone, check sla.sinks");
  }
  if (status == 413) return fail(ErrorCode::kTooLarge, std::move(message));
  return fail(ErrorCode::kInvalid, std::move(message));
}

std::string standard_signature(std::string_view key, std::string_view id, std::int64_t now_s,
                               std::string_view body) {
  constexpr std::string_view kPrefix = "whsec_";
  std::string bytes(key);
  if (key.starts_with(kPrefix)) {
    if (const auto decoded = base64_decode(key.substr(kPrefix.size()))) bytes = *decoded;
  }
  std::string signed_text(id);
  signed_text.append(".").append(std::to_string(now_s)).append(".").append(body);
  return "v1," + base64_encode(hmac(HashAlgorithm::kSha256, bytes, signed_text));
}

std::unique_ptr<AlertSink> make_sink(const config::SlaSink& settings, HttpPoster& poster,
                                     const Clock& clock) {
  switch (settings.type) {
    case config::SinkType::kAlertmanager:
      return std::make_unique<AlertmanagerSink>(settings, poster);
    case config::SinkType::kPagerduty:
      return std::make_unique<PagerdutySink>(settings, poster);
    case config::SinkType::kSlack:
      return std::make_unique<SlackSink>(settings, poster, clock);
    case config::SinkType::kWebhook:
      return std::make_unique<WebhookSink>(settings, poster, clock);
  }
  return nullptr;
}

}  // namespace deskwire::publishers
