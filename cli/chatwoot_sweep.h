#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "webhooks/understood_delivery.h"
#include "worker/helpdesks/chatwoot_reader.h"

namespace deskwire::cli {

/// Finds messages that Chatwoot told its webhooks of once and we never got, and takes them in by
/// the same path as a delivery: what is known already drops out as a duplicate of its logical key.
///
/// Runs at the start and then every config receiver.sweep.interval_s, for sources of type chatwoot
/// with account_id and user_token. Looks no further back than the dedupe remembers. A message gets
/// half a minute in which its webhook may still come. Conversations that we have never heard of are
/// taken in only while they are the bot's to answer: a bot may be connected to one inbox of many.
///
/// Thread safety: start, reload and stop from one thread.
class ChatwootSweep {
 public:
  ChatwootSweep(const config::Config& config, jobs::JobStore& store, const Clock& clock,
                Metrics& metrics);
  ~ChatwootSweep();  ///< Calls stop().
  ChatwootSweep(const ChatwootSweep&) = delete;
  ChatwootSweep& operator=(const ChatwootSweep&) = delete;

  void start();
  void stop();
  /// Other tokens for the next look; one that runs ends with the old ones. A source is still the
  /// same account, so what was seen of it stays seen.
  void reload(const config::Config& config) DW_EXCLUDES(mutex_);
  /// One look at every source; false when one of them could not be finished.
  bool look();

 private:
  struct Account {
    Account(const config::Source& settings, Metrics& metrics);
    config::Source source;
    worker::ChatwootReader reader;
    /// Everything older has been looked at; 0: nothing has.
    std::atomic<std::int64_t> seen_until_s{0};
    Metrics::Counter& found;
    Metrics::Counter& failed;
  };
  using Accounts = std::vector<std::shared_ptr<Account>>;
  Accounts accounts_of(const config::Config& config, const Accounts& before) const;
  void run() DW_EXCLUDES(mutex_);
  Status look_at(Account& account, std::int64_t now_ms);
  /// @return Whether it was new.
  Result<bool> take_in(const config::Source& source, const std::string& body, std::int64_t now_ms);

  const config::Sweep settings_;
  jobs::JobStore& store_;
  const Clock& clock_;
  Metrics& metrics_;
  Snapshot<const webhooks::JobRules> rules_;
  Mutex mutex_;
  CondVar changed_;
  Accounts accounts_ DW_GUARDED_BY(mutex_);
  std::shared_ptr<Account> looked_at_ DW_GUARDED_BY(mutex_);  ///< Of a look under way.
  bool stopping_ DW_GUARDED_BY(mutex_) = false;
  bool started_ = false;
  std::thread thread_;
};

}  // namespace deskwire::cli
