#include "worker/responders/chain_responder.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/log.h"
#include "worker/guards/language.h"

namespace deskwire::worker {
namespace {

/// The same question may be answered later.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::kTimeout || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kRateLimited;
}

}  // namespace

struct ChainResponder::Link {
  Link(std::string its_name, Responder& its_responder, const Clock& clock,
       CircuitBreaker::Options options, Metrics& metrics)
      : name(std::move(its_name)),
        responder(its_responder),
        breaker(clock, options),
        first_token(metrics.histogram("deskwire_reply_first_token_seconds",
                                      "Until the first piece of an answer.",
                                      {{"responder", name}})),
        latency(metrics.histogram("deskwire_reply_answer_seconds", "Until the whole answer.",
                                  {{"responder", name}})),
        tokens(metrics.counter("deskwire_reply_tokens_total", "Tokens that answers cost.",
                               {{"responder", name}})),
        failures(metrics.counter("deskwire_reply_fallbacks_total",
                                 "Times that a responder was passed over or failed.",
                                 {{"responder", name}})) {}

  const std::string name;
  Responder& responder;
  CircuitBreaker breaker;
  Metrics::Histogram& first_token;
  Metrics::Histogram& latency;
  Metrics::Counter& tokens;
  Metrics::Counter& failures;
  Mutex mutex;
  std::optional<MonotonicTime> down_since DW_GUARDED_BY(mutex);
};

ChainResponder::ChainResponder(const config::Replies& replies, const Clock& clock, Metrics& metrics)
    : settings_(replies), clock_(clock), metrics_(metrics) {}

void ChainResponder::add(std::string name, Responder& responder) {
  const CircuitBreaker::Options options{.failures_to_open = settings_.circuit_failures,
                                        .open_for = settings_.circuit_open};
  links_.push_back(std::make_shared<Link>(std::move(name), responder, clock_, options, metrics_));
}

bool ChainResponder::reads_history() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const auto& link) { return link->responder.reads_history(); });
}

bool ChainResponder::is_down_for_long(Link& link) {
  const MutexLock lock(link.mutex);
  return link.down_since &&
         clock_.monotonic() - *link.down_since > settings_.hand_off.circuit_limit;
}

Result<Answer> ChainResponder::ask(Link& link, const ReplyContext& context, DraftSink& draft,
                                   Cancellation& cancellation) {
  if (const auto hold = link.breaker.admit()) {
    // For longer than its limit: nobody should wait for it any more.
    const bool for_long = is_down_for_long(link);
    return fail(Error{for_long ? ErrorCode::kStale : ErrorCode::kRateLimited,
                      link.name + ": its circuit is open after failures", *hold});
  }
  const MonotonicTime begun = clock_.monotonic();
  auto answer = link.responder.reply(context, draft, cancellation);
  const MonotonicTime ended = clock_.monotonic();
  if (answer) {
    link.breaker.succeeded();
    const MutexLock lock(link.mutex);
    link.down_since.reset();
    answer->responder = link.name;
    link.latency.observe_seconds(std::chrono::duration<double>(ended - begun).count());
    if (answer->first_token.count() > 0) {
      link.first_token.observe_seconds(std::chrono::duration<double>(answer->first_token).count());
    }
    link.tokens.add(static_cast<double>(answer->tokens));
    return answer;
  }
  const ErrorCode code = answer.error().code;
  if (code == ErrorCode::kTimeout || code == ErrorCode::kUnavailable) {
    link.breaker.failed();
    const MutexLock lock(link.mutex);
    if (!link.down_since) link.down_since = ended;
  } else if (code != ErrorCode::kCancelled && code != ErrorCode::kFull) {
    link.breaker.succeeded();  // It answers, if not what we hoped for.
  }
  return answer;
}

Result<Answer> ChainResponder::reply(const ReplyContext& context, DraftSink& draft,
                                     Cancellation& cancellation) {
  std::optional<Error> worth_repeating;
  Error last{ErrorCode::kUnsupported, "reply: no responder", std::nullopt};
  for (const auto& link : links_) {
    auto answer = ask(*link, context, draft, cancellation);
    if (answer) {
      const bool checked =
          settings_.guards.keep_language && link->name != "template" && answer->hand_off.empty();
      if (!checked || !languages_differ(context.language, language_of(answer->text))) return answer;
      answer = fail(ErrorCode::kConflict,
                    link->name + ": its answer is in another language than the customer's");
    }
    if (answer.error().code == ErrorCode::kCancelled) return answer;
    link->failures.add();
    log::warn("responder_failed", {{"conversation", context.conversation},
                                   {"responder", link->name},
                                   {"code", name_of(answer.error().code)},
                                   {"cause", answer.error().message}});
    last = answer.error();
    if (!worth_repeating && is_passing(last.code)) worth_repeating = last;
  }
  return fail(worth_repeating.value_or(std::move(last)));
}

}  // namespace deskwire::worker
