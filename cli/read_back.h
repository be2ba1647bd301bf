#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "publishers/oncall/read_back.h"
#include "webhooks/understood_delivery.h"
#include "worker/helpdesks/chatwoot_reader.h"

namespace deskwire::cli {

/// Asks Chatwoot about the conversations of a page before somebody is woken, and takes in what its
/// webhooks have not told, by the same path as a delivery: what is known already drops out as a
/// duplicate of its logical key.
///
/// For sources of type chatwoot with account_id and user_token; other conversations cannot be asked
/// for. Messages are read from the start of the alert's clock, and no further back than the dedupe
/// surely remembers.
///
/// Thread safety: every method may be called concurrently.
class ConversationReadBack {
 public:
  ConversationReadBack(const config::Config& config, jobs::JobStore& store, const Clock& clock,
                       Metrics& metrics);
  ConversationReadBack(const ConversationReadBack&) = delete;
  ConversationReadBack& operator=(const ConversationReadBack&) = delete;

  /// Other tokens and rules for looks that begin from now on.
  void reload(const config::Config& config);
  /// As publishers::ReadBackPort.
  publishers::ReadBack look(const std::vector<nlohmann::json>& alerts, Milliseconds limit);
  /// Looks under way end soon, later ones at once.
  void stop();

 private:
  struct Account {
    Account(const config::Source& settings, Milliseconds limit, Metrics& metrics);
    config::Source source;
    worker::ChatwootReader reader;
    Metrics::Counter& found;
  };
  struct Question {
    Account* account = nullptr;
    std::int64_t conversation = 0;
    std::string lane;
    std::int64_t since_ms = 0;
  };

  /// Of one config.
  struct Live {
    webhooks::JobRules rules;
    std::vector<std::unique_ptr<Account>> accounts;
  };

  std::shared_ptr<const Live> live_of(const config::Config& config) const;
  std::vector<Question> questions_of(const Live& live,
                                     const std::vector<nlohmann::json>& alerts) const;
  /// @return How many were answered.
  std::size_t ask_all(const Live& live, const std::vector<Question>& questions,
                      MonotonicTime deadline);
  Status ask(const Live& live, const Question& question, MonotonicTime deadline);

  const Milliseconds limit_;  ///< Of the start.
  jobs::JobStore& store_;
  const Clock& clock_;
  Metrics& metrics_;
  Snapshot<const Live> live_;
  Metrics::Counter& read_;
  Metrics::Counter& unread_;
  std::atomic<bool> stopped_{false};
};

}  // namespace deskwire::cli
