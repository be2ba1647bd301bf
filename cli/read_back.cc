#include "cli/read_back.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "core/channel.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mutex.h"
#include "core/timestamp.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;

/// Conversations of one page that are asked for at a time.
constexpr std::size_t kReaders = 4;
/// Chatwoot's clock and ours differ.
constexpr std::int64_t kOverlapMs = 120'000;
/// Logical keys are remembered until the end of the next day, an hour of which is for the clocks.
constexpr std::int64_t kLookbackMs = 23LL * 3600 * 1000;
constexpr const char* kReadHelp = "Conversations to be read back before a page, by result.";
constexpr const char* kFoundHelp =
    "What webhooks had not told, found at the helpdesk before somebody was paged.";

/// The look's own limit is the only one.
config::Source with_timeout(config::Source source, Milliseconds limit) {
  source.request_timeout = limit;
  return source;
}

}  // namespace

ConversationReadBack::Account::Account(const config::Source& settings, Milliseconds limit,
                                       Metrics& metrics)
    : source(settings),
      reader(with_timeout(settings, limit)),
      found(metrics.counter("deskwire_oncall_read_back_found_total", kFoundHelp,
                            {{"source", settings.name}})) {}

ConversationReadBack::ConversationReadBack(const config::Config& config, jobs::JobStore& store,
                                           const Clock& clock, Metrics& metrics)
    : limit_(std::chrono::seconds(config.sla.on_call.read_back_s)),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      live_(live_of(config)),
      read_(metrics.counter("deskwire_oncall_read_back_total", kReadHelp, {{"result", "read"}})),
      unread_(
          metrics.counter("deskwire_oncall_read_back_total", kReadHelp, {{"result", "unread"}})) {}

std::shared_ptr<const ConversationReadBack::Live> ConversationReadBack::live_of(
    const config::Config& config) const {
  auto live = std::make_shared<Live>();
  live->rules = webhooks::job_rules(config);
  for (const config::Source& source : config.sources) {
    if (limit_.count() == 0 || !worker::ChatwootReader::can_read(source)) continue;
    live->accounts.push_back(std::make_unique<Account>(source, limit_, metrics_));
  }
  return live;
}

void ConversationReadBack::reload(const config::Config& config) { live_.replace(live_of(config)); }

void ConversationReadBack::stop() {
  stopped_ = true;
  for (const auto& account : live_.read()->accounts) account->reader.stop();
}

std::vector<ConversationReadBack::Question> ConversationReadBack::questions_of(
    const Live& live, const std::vector<json>& alerts) const {
  const std::int64_t oldest_ms = clock_.wall_ms() - kLookbackMs;
  std::vector<Question> questions;
  for (const json& data : alerts) {
    const auto conversation = integer_at(data, "conversation");
    if (!conversation) continue;  // Chatwoot numbers them.
    const std::string account = id_at(data, "account").value_or("");
    const std::string channel = string_at(data, "channel");
    const auto started_ms = parse_iso8601_ms(string_at(data, "started_at"));
    for (const auto& one : live.accounts) {
      std::string lane = conversation_key(one->source.name_space, std::to_string(*conversation));
      if (one->source.account_id != account || channel != conversation_channel(lane)) continue;
      questions.push_back({one.get(), *conversation, std::move(lane),
                           std::max(oldest_ms, started_ms.value_or(0) - kOverlapMs)});
    }
  }
  // Several clocks of one conversation are one question.
  std::sort(questions.begin(), questions.end(), [](const Question& a, const Question& b) {
    return std::tie(a.lane, a.since_ms) < std::tie(b.lane, b.since_ms);
  });
  const auto last =
      std::unique(questions.begin(), questions.end(),
                  [](const Question& a, const Question& b) { return a.lane == b.lane; });
  questions.erase(last, questions.end());
  return questions;
}

publishers::ReadBack ConversationReadBack::look(const std::vector<json>& alerts,
                                                Milliseconds limit) {
  const MonotonicTime begun = std::chrono::steady_clock::now();
  const auto live = live_.read();
  const std::vector<Question> questions = questions_of(*live, alerts);
  publishers::ReadBack outcome;
  if (questions.empty()) return outcome;
  outcome.read = ask_all(*live, questions, begun + limit);
  outcome.unread = questions.size() - outcome.read;
  outcome.stopped = stopped_;
  outcome.spent =
      std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - begun);
  read_.add(static_cast<double>(outcome.read));
  unread_.add(static_cast<double>(outcome.unread));
  return outcome;
}

std::size_t ConversationReadBack::ask_all(const Live& live, const std::vector<Question>& questions,
                                          MonotonicTime deadline) {
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> answered{0};
  Mutex mutex;
  std::optional<Error> first;
  const auto work = [&] {
    for (std::size_t i = next++; i < questions.size(); i = next++) {
      Status asked = ask(live, questions[i], deadline);
      if (asked) {
        ++answered;
        continue;
      }
      const MutexLock lock(mutex);
      if (!first) first = std::move(asked).error();
    }
  };
  std::vector<std::thread> others;
  while (others.size() + 1 < std::min(kReaders, questions.size())) {
    others.emplace_back([&work] {
      log::name_thread("read-back");
      work();
    });
  }
  work();
  for (std::thread& other : others) other.join();
  if (first && !stopped_) {
    log::warn("read_back_failed", {{"conversations", questions.size()},
                                   {"read", answered.load()},
                                   {"code", name_of(first->code)},
                                   {"cause", first->message}});
  }
  return answered;
}

Status ConversationReadBack::ask(const Live& live, const Question& question,
                                 MonotonicTime deadline) {
  if (stopped_) return fail(ErrorCode::kCancelled, "read back: stopped");
  if (std::chrono::steady_clock::now() >= deadline) {
    return fail(ErrorCode::kTimeout, "read back: no time was left to ask");
  }
  const auto known = store_.conversation(question.lane);
  if (!known) return fail(known.error());
  const auto bodies = question.account->reader.conversation(
      {question.conversation, known->status, question.since_ms / 1000, deadline});
  if (!bodies) return fail(bodies.error());
  const config::Source& source = question.account->source;
  std::int64_t found = 0;
  for (const std::string& body : *bodies) {
    const auto delivery = webhooks::understand(source, body, {}, clock_.wall_ms(), live.rules);
    // The helpdesk's own answer in an unknown shape: a dead letter of it would help nobody.
    if (!delivery || !delivery->unparsable.empty()) continue;
    const auto taken = store_.enqueue(delivery->request(body));
    if (!taken) return fail(taken.error());
    // How the conversation stands is new each time, and mostly nothing that anybody has missed.
    const bool stands = delivery->event.kind == jobs::HelpdeskEvent::Kind::kConversationUpdated;
    if (!taken->duplicate && !stands) ++found;
  }
  if (found == 0) return {};
  question.account->found.add(static_cast<double>(found));
  log::warn("read_back_found", {{"source", source.name},
                                {"conversation", question.lane},
                                {"found", found},
                                {"next", "look why their webhooks did not arrive"}});
  return {};
}

}  // namespace deskwire::cli
