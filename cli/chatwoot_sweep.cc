#include "cli/chatwoot_sweep.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/log.h"

namespace deskwire::cli {
namespace {

constexpr std::int64_t kSettleS = 30;
/// Looked at again, because Chatwoot's clock and ours differ.
constexpr std::int64_t kOverlapS = 120;
constexpr const char* kFoundHelp = "Messages whose webhooks never came, found at the helpdesk.";
constexpr const char* kFailedHelp = "Looks for missing messages that could not be finished.";

}  // namespace

ChatwootSweep::Account::Account(const config::Source& settings, Metrics& metrics)
    : source(settings),
      reader(settings),
      found(metrics.counter("deskwire_sweep_found_total", kFoundHelp, {{"source", settings.name}})),
      failed(metrics.counter("deskwire_sweep_failed_total", kFailedHelp,
                             {{"source", settings.name}})) {}

ChatwootSweep::ChatwootSweep(const config::Config& config, jobs::JobStore& store,
                             const Clock& clock, Metrics& metrics)
    : settings_(config.receiver.sweep),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      rules_(std::make_shared<const webhooks::JobRules>(webhooks::job_rules(config))),
      accounts_(accounts_of(config, {})) {}

ChatwootSweep::Accounts ChatwootSweep::accounts_of(const config::Config& config,
                                                   const Accounts& before) const {
  Accounts accounts;
  for (const config::Source& source : config.sources) {
    if (!worker::ChatwootReader::can_read(source)) continue;
    accounts.push_back(std::make_shared<Account>(source, metrics_));
    for (const auto& old : before) {
      if (old->source.name != source.name) continue;
      accounts.back()->seen_until_s = old->seen_until_s.load();
    }
  }
  return accounts;
}

void ChatwootSweep::reload(const config::Config& config) {
  rules_.replace(std::make_shared<const webhooks::JobRules>(webhooks::job_rules(config)));
  {
    const MutexLock lock(mutex_);
    accounts_ = accounts_of(config, accounts_);
  }
  if (started_) start();
}

ChatwootSweep::~ChatwootSweep() { stop(); }

void ChatwootSweep::start() {
  started_ = true;
  if (settings_.interval_s == 0 || thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    if (accounts_.empty() || stopping_) return;
  }
  thread_ = std::thread([this] { run(); });
}

void ChatwootSweep::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    if (looked_at_) looked_at_->reader.stop();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ChatwootSweep::run() {
  log::name_thread("sweep");
  while (true) {
    look();
    const auto next = std::chrono::steady_clock::now() + std::chrono::seconds(settings_.interval_s);
    MutexLock lock(mutex_);
    while (!stopping_ && std::chrono::steady_clock::now() < next) changed_.wait_until(mutex_, next);
    if (stopping_) return;
  }
}

bool ChatwootSweep::look() {
  bool whole = true;
  Accounts accounts;
  {
    const MutexLock lock(mutex_);
    accounts = accounts_;
  }
  for (const auto& account : accounts) {
    {
      const MutexLock lock(mutex_);
      if (stopping_) return false;
      looked_at_ = account;
    }
    const Status looked = look_at(*account, clock_.wall_ms());
    {
      const MutexLock lock(mutex_);
      looked_at_.reset();
    }
    if (looked) continue;
    whole = false;
    if (looked.error().code == ErrorCode::kCancelled) continue;
    account->failed.add();
    log::warn("sweep_failed", {{"source", account->source.name},
                               {"code", name_of(looked.error().code)},
                               {"cause", looked.error().message}});
  }
  return whole;
}

Status ChatwootSweep::look_at(Account& account, std::int64_t now_ms) {
  const std::int64_t now_s = now_ms / 1000;
  const std::int64_t until_s = now_s - kSettleS;
  const std::int64_t since_s =
      std::max(now_s - settings_.lookback_s, account.seen_until_s.load() - kOverlapS);
  if (since_s >= until_s) return {};
  auto bodies = account.reader.messages_between(since_s, until_s);
  if (!bodies) return fail(std::move(bodies).error());
  std::int64_t found = 0;
  for (const std::string& body : *bodies) {
    auto is_new = take_in(account.source, body, now_ms);
    if (!is_new) return fail(std::move(is_new).error());
    if (*is_new) ++found;
  }
  account.seen_until_s = until_s;
  if (found == 0) return {};
  account.found.add(static_cast<double>(found));
  log::warn("sweep_found", {{"source", account.source.name},
                            {"messages", found},
                            {"next", "look why their webhooks did not arrive"}});
  return {};
}

Result<bool> ChatwootSweep::take_in(const config::Source& source, const std::string& body,
                                    std::int64_t now_ms) {
  const auto delivery = webhooks::understand(source, body, {}, now_ms, *rules_.read());
  // The helpdesk's own answer in an unknown shape: a dead letter of it would help nobody.
  if (!delivery || !delivery->unparsable.empty()) return false;
  const auto known = store_.conversation(delivery->lane());
  if (!known) return fail(known.error());
  const jobs::HelpdeskEvent& event = delivery->event;
  const bool for_the_bot = event.status == "pending" || event.assignee_type == "bot";
  if (known->status.empty() && !for_the_bot) return false;
  const auto taken = store_.enqueue(delivery->request(body));
  if (!taken) return fail(taken.error());
  return !taken->duplicate;
}

}  // namespace deskwire::cli
