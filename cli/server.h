#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/admin_door.h"
#include "cli/chatwoot_sweep.h"
#include "cli/job_operations.h"
#include "cli/on_call_role.h"
#include "cli/redis_facts.h"
#include "cli/reloads.h"
#include "cli/roles.h"
#include "cli/self_watch.h"
#include "cli/worker_role.h"
#include "config/config.h"
#include "core/channel_log.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/redis/redis_client.h"
#include "core/result.h"
#include "core/snapshot.h"
#include "jobs/alert_desk.h"
#include "jobs/redis_job_store.h"
#include "jobs/redis_operator_store.h"
#include "publishers/gateway.h"
#include "webhooks/receiver.h"

namespace deskwire::cli {

/// The object graph of one `serve`: the only place that knows every concrete class.
///
/// Start: Redis connection, gateway (bus and sockets), workers, receiver, admin; the doors that
/// take work come last. Stop is the reverse: no more work comes in, what is held finishes or goes
/// back, sockets are told to reconnect elsewhere.
///
/// Thread safety: main thread only.
class Server {
 public:
  /// @param connection  Of the configured or embedded Redis.
  Server(const config::Config& config, const Roles& roles,
         const redis::Client::Options& connection);
  ~Server();  ///< Calls stop().
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Connects, and refuses a Redis that would lose work or whose data is another version's. One
  /// that does not answer yet is waited for later: deliveries wait in the spool and /readyz says
  /// 503 meanwhile.
  /// @errors kUnsupported, kInvalid: see check_redis_facts. kUnsupported, kCorrupt: see
  ///         jobs::claim_data_layout.
  Status connect();
  /// Opens the doors. @errors as HttpServer::start; what had started is stopped again.
  Status start();
  /// The check of connect(), once Redis answers for the first time. To be called now and then.
  Status check_late_redis();
  /// Takes in what can be changed while everything runs (with_changes); names in the log what
  /// cannot. What would break a rule changes nothing.
  void reload(const config::Config& config);
  /// Within about config jobs.shutdown_grace + gateway.drain_ms. Twice, unstarted: fine.
  void stop();

  /// The address of a door with the port that it really has; empty when its role does not run.
  std::string receiver_address() const;
  std::string gateway_address() const;
  std::string admin_address() const;

 private:
  Status check_redis();
  void warn_of(const RedisFacts& facts) const;
  Status start_roles();
  void add_reloads();

  const config::Config config_;  ///< As of the start.
  Snapshot<const config::Config> live_;
  const Roles roles_;
  const redis::Client::Options connection_;
  SystemClock clock_;
  Metrics metrics_;
  redis::Client client_;
  std::unique_ptr<redis::Client> confirmed_;  ///< Only with redis.wait_replicas.
  ChannelLog log_;
  jobs::RedisJobStore store_;
  jobs::RedisOperatorStore operators_;
  jobs::AlertDesk alerts_;
  std::optional<publishers::Gateway> gateway_;
  std::optional<WorkerRole> worker_;
  std::optional<OnCallRole> on_call_;  ///< Only where somebody is to be told.
  std::optional<webhooks::Receiver> receiver_;
  std::optional<ChatwootSweep> sweep_;
  std::optional<JobOperations> operations_;
  std::optional<AdminDoor> admin_;
  Reloads reloads_;
  SelfWatch self_watch_;
  bool redis_checked_ = false;
  bool stopped_ = false;
};

}  // namespace deskwire::cli
