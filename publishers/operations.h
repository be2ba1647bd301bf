#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/snapshot.h"
#include "jobs/job_store.h"
#include "publishers/access.h"
#include "publishers/codes.h"
#include "publishers/loop_gate.h"
#include "publishers/presence.h"
#include "publishers/publish_rules.h"

namespace deskwire::publishers {

/// A customer's or agent's message that is to become a durable job.
struct Outgoing {
  std::string channel;
  std::string content;
  std::string client_message_id;                   ///< Empty: never a repeat.
  std::string connection;                          ///< The session.
  std::shared_ptr<const nlohmann::json> simulate;  ///< Sandbox only; null: none.
};

struct PreparedMessage;

struct Published {
  std::string id;
  std::uint64_t offset = 0;  ///< 0: not kept.
  bool duplicate = false;
};

struct Sent {
  std::string message_id;
  std::string job;           ///< Empty for an agent's message: nobody has to answer it.
  std::uint64_t offset = 0;  ///< 0: a repeat, its event is in the log already.
};

/// What clients may ask for, whatever dialect they speak: checks rights, then asks Redis. Refusals
/// are decided before anything is sent.
///
/// Thread safety: every method may be called concurrently. `done` runs on the gate's loop, later.
class Operations {
 public:
  template <typename T>
  using Done = std::function<void(Answer<T>)>;

  /// @param config  Of now. Outlives this.
  Operations(const Snapshot<const config::Config>& config, ChannelLog& log, jobs::JobStore& store,
             Presence& presence, const Clock& clock, Metrics& metrics);

  /// @param once  The event id is derived from the request: a repeat appends nothing.
  void publish(const Principal& principal, Publication publication, const nlohmann::json& data,
               bool once, const LoopGatePtr& gate, Done<Published> done);
  /// Idempotent by (client id, client_message_id) for a day. Into a conversation of a Chatwoot API
  /// inbox the message goes as a job; refused with 40301 elsewhere in a helpdesk.
  void send(const Principal& principal, const Outgoing& message, const LoopGatePtr& gate,
            Done<Sent> done);
  void history(const Principal& principal, const std::string& channel, const LogRange& range,
               const LoopGatePtr& gate, Done<ChannelLogPage> done);
  void members(const Principal& principal, const std::string& channel, const LoopGatePtr& gate,
               Done<Presence::Members> done);
  void enter(const Principal& principal, const std::string& channel, const std::string& session,
             const nlohmann::json& data, bool update, const LoopGatePtr& gate,
             Done<std::string> done);
  void leave(const std::string& client_id, const std::string& channel, const std::string& session,
             const LoopGatePtr& gate, Done<std::string> done);

 private:
  void enqueue(const std::shared_ptr<PreparedMessage>& prepared, const LoopGatePtr& gate,
               Done<Sent> done);

  const Snapshot<const config::Config>& config_;
  ChannelLog& log_;
  jobs::JobStore& store_;
  Presence& presence_;
  const Clock& clock_;
  Metrics::Counter& published_by_client_;
  Metrics::Counter& published_by_server_;
};

/// Results as JSON texts, the same over WebSocket and REST.
std::string encode(const Published& published);
std::string encode(const Sent& sent);
std::string encode(const ChannelLogPage& page);
std::string encode(const Presence::Members& members);

}  // namespace deskwire::publishers
