#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/mutex.h"
#include "core/result.h"
#include "publishers/rights_service.h"
#include "publishers/token.h"

namespace deskwire::publishers {

/// What the service says about a client.
struct Rights {
  Capability capability;
  std::optional<std::string> name;  ///< nullopt: as in the token.
  std::optional<std::string> role;
};

/// Asks an issuer's service for the rights of a token (docs/tokens.md). Every failure denies:
/// no answer in time, another status than 200, a body that is no rights.
///
/// One question a token at a time, however many ask; at most max_in_flight at once, on threads
/// ("rights") that start with the first question; 1000 may wait. Answers are kept for cache_s,
/// refusals for 5 s at most.
///
/// Thread safety: every method may be called concurrently. `done` runs on one of the threads, or
/// within stop().
class RightsLookup {
 public:
  using Done = std::function<void(const Result<Rights>&)>;

  RightsLookup(const config::Issuer& issuer, std::unique_ptr<RightsService> service,
               const Clock& clock, Metrics& metrics);
  ~RightsLookup();  ///< Calls stop().
  RightsLookup(const RightsLookup&) = delete;
  RightsLookup& operator=(const RightsLookup&) = delete;

  /// @param token_hash  SHA-256 of the token: what answers are kept under.
  /// @param body        The question (rights_question).
  /// @return The answer that is kept; nullopt: `done` is called later, once.
  /// @errors kUnauthorized: refused, or not answered in time. kFull: too many questions wait.
  ///         kCancelled: stopped.
  std::optional<Result<Rights>> ask(const std::string& token_hash, std::string body, Done done);
  void stop();

 private:
  struct Question {
    std::string token_hash;
    std::string body;
    MonotonicTime deadline;
  };
  struct Kept {
    Result<Rights> rights;
    MonotonicTime until;
  };

  void work();
  Result<Rights> answer(const Question& question);
  void tell(bool works, std::string_view why);
  void settle(const std::string& token_hash, const Result<Rights>& rights);
  void keep(const std::string& token_hash, const Result<Rights>& rights) DW_REQUIRES(mutex_);

  const std::string issuer_;
  const config::RightsCallback settings_;
  const std::string signing_key_;
  const std::unique_ptr<RightsService> service_;
  const Clock& clock_;
  std::atomic<bool> works_{true};
  Metrics::Counter& answered_;
  Metrics::Counter& refused_;
  Metrics::Counter& failed_;

  Mutex mutex_;
  CondVar wanted_;
  bool stopping_ DW_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ DW_GUARDED_BY(mutex_);
  std::deque<Question> waiting_ DW_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::vector<Done>> asking_ DW_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Kept> kept_ DW_GUARDED_BY(mutex_);
  std::deque<std::string> kept_order_ DW_GUARDED_BY(mutex_);  ///< Oldest first.
};

/// `{"issuer","clientId","name","role","claims":{…}}`
std::string rights_question(const std::string& issuer, const Claims& claims,
                            const nlohmann::json& token_claims);

/// Reads `{"capability":{…},"name"?,"role"?}`. @errors kUnauthorized: anything else.
Result<Rights> read_rights(std::string_view body);

}  // namespace deskwire::publishers
