// What each verb of the plain dialect does. The session's life is in plain_session.cc.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "publishers/dialects/plain_session.h"

namespace deskwire::publishers {

namespace {
/// How many commands' worth of what is worked on at once: a replay may be megabytes, a page of
/// history a quarter of one.
constexpr std::size_t kRecoveryWeight = 16;
constexpr std::size_t kHistoryWeight = 4;
}  // namespace

template <typename T, typename Encode>
Operations::Done<T> PlainSession::answering(std::int64_t id, Encode encode_result,
                                            std::size_t weight) {
  in_flight_ += weight;
  return [weak = weak_from_this(), id, weight,
          encode_result = std::move(encode_result)](const Answer<T>& answer) {
    const auto self = weak.lock();
    if (!self) return;
    self->command_finished(weight);
    if (answer) {
      self->ok(id, encode_result(*answer));
    } else {
      self->error(id, answer.error());
    }
  };
}

void PlainSession::obey(std::int64_t id, plain::Connect& connect) {
  if (connected_) {
    error(id, {ReplyCode::kConflict, "already connected; use refresh for a new token"});
    return;
  }
  timer_.reset();
  admit(id, connect.token, &PlainSession::greet);
}

void PlainSession::obey(std::int64_t id, plain::Refresh& refresh) {
  admit(id, refresh.token, &PlainSession::refreshed);
}

void PlainSession::refreshed(std::int64_t id, Answer<Principal> principal) {
  if (!principal) {
    end(CloseCode::kTokenRefused, principal.error().message);
    return;
  }
  if (principal->claims.client_id != principal_.claims.client_id) {
    end(CloseCode::kForbidden, "the new token is another client's");
    return;
  }
  principal_ = std::move(*principal);
  expired_ = false;
  watch_expiry();
  // What the new token does not allow any more ends now.
  nlohmann::json ended = nlohmann::json::array();
  std::erase_if(subscriptions_, [&](const std::shared_ptr<Subscription>& subscription) {
    if (principal_.can(subscription->channel(), "subscribe")) return false;
    ended.push_back(subscription->channel());
    return true;
  });
  std::erase_if(entered_, [&](const std::string& channel) {
    if (principal_.can(channel, "presence")) return false;
    context_.operations.leave(principal_.claims.client_id, channel, id_, context_.hub.gate(),
                              [](const Answer<std::string>&) {});
    return true;
  });
  ok(id, dump_json({{"clientId", principal_.claims.client_id},
                    {"expires", principal_.claims.expires_ms},
                    {"ended", std::move(ended)}}));
}

void PlainSession::obey(std::int64_t id, plain::Ping& /*ping*/) { ok(id, "{}"); }

void PlainSession::obey(std::int64_t id, plain::Subscribe& subscribe) {
  const std::string& channel = subscribe.channel;
  if (!principal_.can(channel, "subscribe")) {
    error(id, denied("subscribe", channel));
    return;
  }
  const bool known = std::any_of(subscriptions_.begin(), subscriptions_.end(),
                                 [&](const auto& one) { return one->channel() == channel; });
  if (known) {
    error(id, {ReplyCode::kConflict, "already subscribed to " + channel});
    return;
  }
  if (subscriptions_.size() >= context_.settings.max_channels_per_session) {
    error(id, {ReplyCode::kTooLarge, "too many channels on this connection"});
    return;
  }
  const std::size_t weight = subscribe.recover ? kRecoveryWeight : 1;
  in_flight_ += weight;
  subscriptions_.push_back(context_.hub.subscribe(
      channel, std::move(subscribe.recover), *this,
      [weak = weak_from_this(), id, channel, weight](Result<Subscribed> subscribed) {
        if (const auto self = weak.lock()) {
          self->on_subscribed(id, channel, weight, std::move(subscribed));
        }
      }));
}

void PlainSession::on_subscribed(std::int64_t id, const std::string& channel, std::size_t weight,
                                 Result<Subscribed> subscribed) {
  command_finished(weight);
  if (!subscribed && subscribed.error().code == ErrorCode::kCancelled) {
    error(id, {ReplyCode::kConflict, "the subscription ended before it began"});
    return;
  }
  if (!subscribed) {
    std::erase_if(subscriptions_, [&](const auto& one) { return one->channel() == channel; });
    error(id, refusal_of(subscribed.error()));
    return;
  }
  ok(id, R"({"channel":)" + json_quote(channel) + R"(,"epoch":)" +
             json_quote(subscribed->top.epoch) + R"(,"offset":)" +
             std::to_string(subscribed->top.offset) + R"(,"recovered":)" +
             (subscribed->recovered ? "true" : "false") + R"(,"presence":)" +
             encode(subscribed->presence) + "}");
}

void PlainSession::obey(std::int64_t id, plain::Unsubscribe& unsubscribe) {
  const std::size_t ended = std::erase_if(
      subscriptions_, [&](const auto& one) { return one->channel() == unsubscribe.channel; });
  if (ended == 0) {
    error(id, {ReplyCode::kNotFound, "not subscribed to " + unsubscribe.channel});
  } else {
    ok(id, "{}");
  }
}

void PlainSession::obey(std::int64_t id, plain::Publish& publish) {
  if (const auto refusal = over_rate()) {
    error(id, *refusal);
    return;
  }
  Publication publication;
  publication.channel = std::move(publish.channel);
  publication.event = std::move(publish.event);
  publication.event_id = published_event_id(id_, ++published_);
  publication.connection = id_;
  context_.operations.publish(
      principal_, std::move(publication), *publish.data, false, context_.hub.gate(),
      answering<Published>(id, [](const Published& published) { return encode(published); }));
}

void PlainSession::obey(std::int64_t id, plain::Send& send) {
  if (const auto refusal = over_rate()) {
    error(id, *refusal);
    return;
  }
  Outgoing message;
  message.channel = std::move(send.channel);
  message.content = std::move(send.content);
  message.client_message_id = std::move(send.client_message_id);
  message.connection = id_;
  message.simulate = std::move(send.simulate);
  context_.operations.send(principal_, message, context_.hub.gate(),
                           answering<Sent>(id, [](const Sent& sent) { return encode(sent); }));
}

void PlainSession::obey(std::int64_t id, plain::History& history) {
  context_.operations.history(
      principal_, history.channel, history.range, context_.hub.gate(),
      answering<ChannelLogPage>(
          id, [](const ChannelLogPage& page) { return encode(page); }, kHistoryWeight));
}

void PlainSession::obey(std::int64_t id, plain::Presence& presence) {
  context_.operations.members(principal_, presence.channel, context_.hub.gate(),
                              answering<Presence::Members>(id, [](const Presence::Members& list) {
                                return R"({"presence":)" + encode(list) + "}";
                              }));
}

void PlainSession::obey(std::int64_t id, plain::Enter& enter) {
  if (const auto refusal = over_rate()) {
    error(id, *refusal);
    return;
  }
  const bool known = std::find(entered_.begin(), entered_.end(), enter.channel) != entered_.end();
  if (!known && entered_.size() >= context_.settings.max_channels_per_session) {
    error(id, {ReplyCode::kTooLarge, "too many channels on this connection"});
    return;
  }
  if (!known && principal_.can(enter.channel, "presence")) entered_.push_back(enter.channel);
  context_.operations.enter(
      principal_, enter.channel, id_, *enter.data, enter.update, context_.hub.gate(),
      answering<std::string>(id, [](const std::string& result) { return result; }));
}

void PlainSession::obey(std::int64_t id, plain::Leave& leave) {
  const std::size_t left =
      std::erase_if(entered_, [&](const std::string& one) { return one == leave.channel; });
  if (left == 0) {
    error(id, {ReplyCode::kNotFound, "not present in " + leave.channel});
    return;
  }
  context_.operations.leave(
      principal_.claims.client_id, leave.channel, id_, context_.hub.gate(),
      answering<std::string>(id, [](const std::string& result) { return result; }));
}

}  // namespace deskwire::publishers
