#include "publishers/operations.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "publishers/outgoing.h"

namespace deskwire::publishers {

namespace {

constexpr std::size_t kMaxHistoryBytes = 256U << 10U;
constexpr const char* kPublishedHelp = "Events published through the gateway";

/// Turns a lower layer's result into the client's, on the gate's loop.
template <typename From, typename To, typename Convert>
std::function<void(Result<From>)> answering(const LoopGatePtr& gate,
                                            std::function<void(Answer<To>)> done, Convert convert) {
  return LoopGate::returning<Result<From>>(
      gate, [done = std::move(done), convert = std::move(convert)](Result<From> result) {
        if (!result) {
          done(tl::unexpected(refusal_of(result.error())));
        } else {
          done(convert(std::move(*result)));
        }
      });
}

template <typename T>
void refuse_later(const LoopGatePtr& gate, const std::function<void(Answer<T>)>& done,
                  Refusal refusal) {
  gate->post([done, refusal = std::move(refusal)] { done(tl::unexpected(refusal)); });
}

/// Shortens a page that would fill a session's outbox, at the end that the next page begins with.
void cut_page(ChannelLogPage& page, bool forwards) {
  std::size_t bytes = 0;
  std::size_t kept = 0;
  for (const std::size_t count = page.entries.size(); kept < count; ++kept) {
    bytes += page.entries[forwards ? kept : count - 1 - kept].envelope.size();
    if (kept > 0 && bytes > kMaxHistoryBytes) break;
  }
  if (kept == page.entries.size()) return;
  page.more = true;
  const auto border = static_cast<std::ptrdiff_t>(forwards ? kept : page.entries.size() - kept);
  if (forwards) {
    page.entries.erase(page.entries.begin() + border, page.entries.end());
  } else {
    page.entries.erase(page.entries.begin(), page.entries.begin() + border);
  }
}

/// Status as a Result with something in it, so that one path serves both.
std::function<void(Status)> as_status(std::function<void(Result<bool>)> done) {
  return [done = std::move(done)](const Status& status) {
    if (status) {
      done(true);
    } else {
      done(fail(status.error()));
    }
  };
}

}  // namespace

Operations::Operations(const Snapshot<const config::Config>& config, ChannelLog& log,
                       jobs::JobStore& store, Presence& presence, const Clock& clock,
                       Metrics& metrics)
    : config_(config),
      log_(log),
      store_(store),
      presence_(presence),
      clock_(clock),
      published_by_client_(
          metrics.counter("deskwire_events_published_total", kPublishedHelp, {{"by", "client"}})),
      published_by_server_(
          metrics.counter("deskwire_events_published_total", kPublishedHelp, {{"by", "server"}})) {}

void Operations::publish(const Principal& principal, Publication publication,
                         const nlohmann::json& data, bool once, const LoopGatePtr& gate,
                         Done<Published> done) {
  publication.now_ms = clock_.wall_ms();
  auto event =
      prepare_publication(principal, publication, data, config_.read()->gateway.open_prefixes);
  if (!event) {
    refuse_later<Published>(gate, done, std::move(event.error()));
    return;
  }
  event->once = once;
  (principal.server ? published_by_server_ : published_by_client_).add();
  log_.append(*event,
              answering<ChannelLog::Appended, Published>(
                  gate, std::move(done), [id = event->id](const ChannelLog::Appended& appended) {
                    return Published{id, appended.position.offset, appended.duplicate};
                  }));
}

void Operations::send(const Principal& principal, const Outgoing& message, const LoopGatePtr& gate,
                      Done<Sent> done) {
  auto prepared = prepare_message(principal, message, *config_.read(), clock_.wall_ms());
  if (!prepared) {
    refuse_later<Sent>(gate, done, std::move(prepared.error()));
    return;
  }
  published_by_client_.add();
  // Shared, because callbacks of the loop have to be copyable.
  auto ready = std::make_shared<PreparedMessage>(std::move(*prepared));
  if (!ready->into_helpdesk) return enqueue(ready, gate, std::move(done));
  store_.conversation_async(ready->request.lane,
                            LoopGate::returning<Result<jobs::ConversationState>>(
                                gate, [this, gate, ready, done = std::move(done)](
                                          const Result<jobs::ConversationState>& state) {
                                  if (!state)
                                    return done(tl::unexpected(refusal_of(state.error())));
                                  if (auto refusal = check_inbox(*state))
                                    return done(tl::unexpected(*refusal));
                                  enqueue(ready, gate, done);
                                }));
}

void Operations::enqueue(const std::shared_ptr<PreparedMessage>& prepared, const LoopGatePtr& gate,
                         Done<Sent> done) {
  store_.enqueue_async(
      std::move(prepared->request),
      answering<jobs::EnqueueResult, Sent>(
          gate, std::move(done),
          [id = prepared->message_id,
           into_helpdesk = prepared->into_helpdesk](const jobs::EnqueueResult& result) {
            // A repeat is told the first one's id, which follows from its receipt.
            const bool repeat = result.duplicate && !result.job.empty();
            return Sent{repeat ? repeated_message_id(result.receipt, into_helpdesk) : id,
                        result.job, result.offsets.empty() ? 0 : result.offsets.front()};
          }));
}

void Operations::history(const Principal& principal, const std::string& channel,
                         const LogRange& range, const LoopGatePtr& gate,
                         Done<ChannelLogPage> done) {
  if (!principal.can(channel, "history")) {
    refuse_later<ChannelLogPage>(gate, done, denied("history", channel));
    return;
  }
  log_.history(
      channel, range,
      answering<ChannelLogPage, ChannelLogPage>(
          gate, std::move(done), [forwards = range.after.has_value()](ChannelLogPage page) {
            cut_page(page, forwards);
            return page;
          }));
}

void Operations::members(const Principal& principal, const std::string& channel,
                         const LoopGatePtr& gate, Done<Presence::Members> done) {
  if (!principal.can(channel, "presence") && !principal.can(channel, "subscribe")) {
    refuse_later<Presence::Members>(gate, done, denied("presence", channel));
    return;
  }
  presence_.list(channel,
                 answering<Presence::Members, Presence::Members>(
                     gate, std::move(done), [](Presence::Members members) { return members; }));
}

void Operations::enter(const Principal& principal, const std::string& channel,
                       const std::string& session, const nlohmann::json& data, bool update,
                       const LoopGatePtr& gate, Done<std::string> done) {
  if (!principal.can(channel, "presence")) {
    refuse_later<std::string>(gate, done, denied("presence", channel));
    return;
  }
  const std::string text = dump_json(data);
  if (text.size() > Presence::kMaxData) {
    refuse_later<std::string>(
        gate, done, Refusal{ReplyCode::kTooLarge, "presence data is over 4096 bytes", "data"});
    return;
  }
  presence_.enter(channel, session, principal.claims.client_id, text, update,
                  as_status(answering<bool, std::string>(gate, std::move(done),
                                                         [](bool) { return std::string("{}"); })));
}

void Operations::leave(const std::string& client_id, const std::string& channel,
                       const std::string& session, const LoopGatePtr& gate,
                       Done<std::string> done) {
  presence_.leave(channel, session, client_id,
                  as_status(answering<bool, std::string>(gate, std::move(done),
                                                         [](bool) { return std::string("{}"); })));
}

std::string encode(const Published& published) {
  std::string out = R"({"id":)" + json_quote(published.id);
  if (published.offset > 0) out += R"(,"offset":)" + std::to_string(published.offset);
  if (published.duplicate) out += R"(,"duplicate":true)";
  return out + "}";
}

std::string encode(const Sent& sent) {
  std::string out = R"({"messageId":)" + json_quote(sent.message_id) + R"(,"job":)" +
                    (sent.job.empty() ? "null" : json_quote(sent.job));
  if (sent.offset > 0) out += R"(,"offset":)" + std::to_string(sent.offset);
  return out + "}";
}

std::string encode(const ChannelLogPage& page) {
  std::string out = R"({"events":[)";
  for (std::size_t i = 0; i < page.entries.size(); ++i) {
    if (i > 0) out += ',';
    out += page.entries[i].envelope;
  }
  out += R"(],"epoch":)" + json_quote(page.top.epoch) + R"(,"more":)";
  return out + (page.more ? "true}" : "false}");
}

std::string encode(const Presence::Members& members) {
  std::string out = "[";
  for (const Presence::Member& member : members) {
    if (out.size() > 1) out += ',';
    out += R"({"clientId":)" + json_quote(member.client_id) + R"(,"data":)" + member.data + "}";
  }
  return out + "]";
}

}  // namespace deskwire::publishers
