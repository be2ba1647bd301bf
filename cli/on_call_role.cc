#include "cli/on_call_role.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/ids.h"
#include "publishers/sinks/sinks.h"

namespace deskwire::cli {
namespace {

constexpr Milliseconds kLeaseMargin{10000};

/// Links to the helpdesk's own page, where no other were configured.
config::Sla with_links(const config::Config& config) {
  config::Sla sla = config.sla;
  for (const config::Source& source : config.sources) {
    if (!sla.on_call.conversation_url.empty()) break;
    if (source.type != config::SourceType::kChatwoot) continue;
    sla.on_call.conversation_url =
        source.base_url + "/app/accounts/{account}/conversations/{conversation}";
  }
  return sla;
}

std::shared_ptr<const std::map<std::string, worker::Calendar>> calendars_of(
    const config::Sla& sla) {
  std::map<std::string, worker::Calendar> calendars;
  for (const auto& [name, versions] : sla.calendars) {
    // Zones were checked when the config was read.
    if (auto calendar = worker::Calendar::make(versions)) calendars.emplace(name, *calendar);
  }
  return std::make_shared<const std::map<std::string, worker::Calendar>>(std::move(calendars));
}

std::map<std::string, std::unique_ptr<publishers::AlertSink>> sinks_of(const config::Sla& sla,
                                                                       SinkPoster& poster,
                                                                       const Clock& clock) {
  std::map<std::string, std::unique_ptr<publishers::AlertSink>> sinks;
  for (const auto& [name, settings] : sla.sinks) {
    sinks[name] = publishers::make_sink(settings, poster, clock);
  }
  return sinks;
}

/// Two tasks are held at a time, and each may have to ask several members in turn. Reading back
/// ends for both when the time of the later one is over.
Milliseconds lease_of(const config::Sla& sla) {
  Milliseconds longest{0};
  for (const auto& [name, sink] : sla.sinks) {
    const auto calls = std::max<std::size_t>(1, sink.urls.size());
    longest = std::max(longest, sink.request_timeout * static_cast<int>(calls));
  }
  return kLeaseMargin + 2 * longest + std::chrono::seconds(sla.on_call.read_back_s);
}

double random_share() {
  std::uint32_t number = 0;
  const std::string bytes = random_bytes(sizeof number);
  std::memcpy(&number, bytes.data(), sizeof number);
  return static_cast<double>(number) / UINT32_MAX;
}

}  // namespace

OnCallRole::OnCallRole(const config::Config& config, redis::Client& client, ChannelLog& log,
                       jobs::JobStore& jobs, const Clock& clock, Metrics& metrics)
    : sla_(with_links(config)),
      calendars_(calendars_of(sla_)),
      read_back_(config, jobs, clock, metrics),
      sinks_(sinks_of(sla_, poster_, clock)),
      store_(client, sla_.on_call.max_log, sla_.on_call.max_dead),
      desk_(sla_, ports(log, clock, metrics)),
      notifier_(log, store_, desk_, lease_of(sla_), metrics) {}

OnCallRole::~OnCallRole() { stop(); }

publishers::OnCallDesk::Ports OnCallRole::ports(ChannelLog& log, const Clock& clock,
                                                Metrics& metrics) {
  return {.store = store_,
          .sinks = sinks_,
          .next_open = [this](const std::string& name,
                              std::int64_t at_ms) -> std::optional<std::int64_t> {
            const auto calendars = calendars_.read();
            const auto found = calendars->find(name);
            return found == calendars->end() ? std::nullopt : found->second.next_open(at_ms);
          },
          .publish = [&log](const Event& event) { log.append(event, [](const auto&) {}); },
          .new_id = [&clock] { return new_ulid(clock.wall_ms()); },
          .random = random_share,
          .count =
              [&metrics](const std::string& sink, const char* result) {
                // Names of sinks come from the config, not from outside.
                metrics
                    .counter("deskwire_oncall_notifications_total",
                             "Attempts to send a page, by sink and result.",
                             {{"sink", sink}, {"result", result}})
                    .add();
              },
          .read_back = [this](const std::vector<nlohmann::json>& alerts,
                              Milliseconds limit) { return read_back_.look(alerts, limit); }};
}

void OnCallRole::reload(const config::Config& config) {
  read_back_.reload(config);
  calendars_.replace(calendars_of(config.sla));
  desk_.set_policies(config.sla.policies);
}

void OnCallRole::start() { notifier_.start(); }

void OnCallRole::stop() {
  // Calls under way end; what they were about stays due.
  read_back_.stop();
  poster_.stop();
  notifier_.stop();
}

}  // namespace deskwire::cli
