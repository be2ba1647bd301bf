#include "publishers/dialects/plain_session.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/hash.h"
#include "core/json.h"

namespace deskwire::publishers {

namespace {

/// Beyond it the session is not read any more until some are answered.
constexpr std::size_t kMaxInFlight = 64;
constexpr std::size_t kSessionIdBytes = 10;

/// Events as `{"push":…}` text frames.
class PushFormat final : public FrameFormat {
 public:
  std::size_t slot() const override { return 0; }
  std::string encode(const HubEvent& event) const override {
    return make_frame(Opcode::kText, plain::encode_push(event.envelope()));
  }
};

const PushFormat& push_format() {
  static const PushFormat format;
  return format;
}

}  // namespace

PlainSession::PlainSession(SessionContext& context, std::shared_ptr<Connection> connection,
                           bool batch)
    : context_(context),
      id_("s-" + base32_encode(random_bytes(kSessionIdBytes))),
      connection_(std::move(connection)),
      publishes_(context.settings.publish_per_s, context.settings.publish_burst,
                 context.clock.monotonic()),
      batch_(batch) {}

void PlainSession::start(std::string response, std::string leftover, std::string_view token) {
  connection_->start(weak_from_this(), std::move(response), std::move(leftover));
  if (token.empty()) {
    timer_ = connection_->loop().after(context_.settings.hello_timeout, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->end(CloseCode::kTokenRefused, "no token in time");
    });
    return;
  }
  admit(0, token, &PlainSession::greet);
}

void PlainSession::admit(std::int64_t id, std::string_view token, Admitted then) {
  auto answer = context_.gatekeeper.admit(
      token, context_.hub.gate(), [weak = weak_from_this(), id, then](Answer<Principal> late) {
        const auto self = weak.lock();
        if (!self || !self->is_open()) return;
        self->asking_ = false;
        ((*self).*then)(id, std::move(late));
        self->check_admission();  // It may have been revoked while we waited.
        for (const std::string& text : std::exchange(self->deferred_, {})) self->take_in(text);
        if (!self->asking_) self->connection_->resume_reading();
      });
  if (answer) return (this->*then)(id, std::move(*answer));
  asking_ = true;
}

void PlainSession::greet(std::int64_t id, Answer<Principal> principal) {
  if (!principal) {
    end(CloseCode::kTokenRefused, principal.error().message);
    return;
  }
  if (!context_.owner.on_session_connected(id_, principal->claims.client_id)) {
    end(CloseCode::kTooManyConnections, "too many connections of this client");
    return;
  }
  principal_ = std::move(*principal);
  connected_ = true;
  ok(id, R"({"session":)" + json_quote(id_) + R"(,"clientId":)" +
             json_quote(principal_.claims.client_id) + R"(,"ping_ms":)" +
             std::to_string(context_.settings.ping.count()) + R"(,"expires":)" +
             std::to_string(principal_.claims.expires_ms) + "}");
  watch_expiry();
}

void PlainSession::watch_expiry() {
  const auto left = Milliseconds(principal_.claims.expires_ms - context_.clock.wall_ms());
  timer_ = connection_->loop().after(std::max(left, Milliseconds(0)), [weak = weak_from_this()] {
    const auto self = weak.lock();
    // The wall clock may have been set back meanwhile.
    if (self && self->check_token()) self->watch_expiry();
  });
}

/// False, and the session expires, when the token is not valid any more.
bool PlainSession::check_token() {
  if (!expired_ && context_.clock.wall_ms() >= principal_.claims.expires_ms) expire();
  return !expired_;
}

void PlainSession::expire() {
  expired_ = true;
  end_subscriptions();
  leave_everywhere();
  timer_ = connection_->loop().after(context_.settings.hello_timeout, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->end(CloseCode::kTokenExpired, "token expired");
  });
}

void PlainSession::check_admission() {
  if (!connected_ || !is_open()) return;
  if (const auto refusal = context_.gatekeeper.objection(principal_)) {
    end(CloseCode::kTokenRefused, refusal->message);
  }
}

void PlainSession::end_subscriptions() { subscriptions_.clear(); }

void PlainSession::leave_everywhere() {
  for (const std::string& channel : std::exchange(entered_, {})) {
    context_.operations.leave(principal_.claims.client_id, channel, id_, context_.hub.gate(),
                              [](const Answer<std::string>&) {});
  }
}

void PlainSession::on_closed(std::uint16_t code) {
  timer_.reset();
  end_subscriptions();
  leave_everywhere();
  context_.owner.on_session_closed(id_, code);
}

std::string PlainSession::farewell(CloseCode code, std::string_view reason) {
  return plain::encode_disconnect(code, reason, retry_after_);
}

void PlainSession::on_event(Subscription& /*subscription*/, const HubEventPtr& event, bool replay) {
  if (event->is_typing()) {
    if (!event->is_from(id_)) connection_->send(event->frame(push_format()), Priority::kDroppable);
    return;
  }
  connection_->send(event->frame(push_format()), replay ? Priority::kReplay : Priority::kNormal);
}

void PlainSession::on_position_lost(Subscription& /*subscription*/) {
  end(CloseCode::kServerError, "position lost");
}

void PlainSession::on_message(WireMessage message) {
  if (message.opcode == Opcode::kBinary) {
    end(CloseCode::kBinary, "binary messages are not understood");
    return;
  }
  take_in(message.payload);
}

void PlainSession::take_in(std::string_view text) {
  while (connection_->is_open()) {
    if (asking_) {
      // What follows a token may depend on it.
      deferred_.emplace_back(text);
      connection_->pause_reading();
      return;
    }
    const std::size_t newline = batch_ ? text.find('\n') : std::string_view::npos;
    const std::string_view line = text.substr(0, newline);
    // A batch may hold empty lines; without it an empty frame is no command.
    if (!batch_ || !line.empty()) handle(line);
    if (newline == std::string_view::npos) break;
    text.remove_prefix(newline + 1);
  }
  if (in_flight_ >= kMaxInFlight) connection_->pause_reading();
}

void PlainSession::handle(std::string_view text) {
  auto command = plain::parse_command(text);
  if (!command) {
    const plain::BadCommand& bad = command.error();
    if (!bad.id) {
      end(CloseCode::kNotUnderstood, bad.refusal.message);
    } else {
      error(*bad.id, bad.refusal);
    }
    return;
  }
  const bool connects = std::holds_alternative<plain::Connect>(command->verb);
  if (!connected_ && !connects) {
    end(CloseCode::kTokenRefused, "the first command must be connect");
    return;
  }
  const bool needs_token = !connects && !std::holds_alternative<plain::Refresh>(command->verb) &&
                           !std::holds_alternative<plain::Ping>(command->verb);
  if (needs_token && !check_token()) {
    error(command->id, {ReplyCode::kTokenExpired, "token expired; send refresh"});
    return;
  }
  std::visit([&](auto& verb) { obey(command->id, verb); }, command->verb);
}

std::optional<Refusal> PlainSession::over_rate() {
  if (publishes_.take(context_.clock.monotonic())) return std::nullopt;
  return Refusal{ReplyCode::kRate, "too many publishes", {}, publishes_.delay()};
}

void PlainSession::ok(std::int64_t id, std::string_view result) {
  connection_->send_text(plain::encode_ok(id, result), Priority::kReplay);
}

void PlainSession::error(std::int64_t id, const Refusal& refusal) {
  connection_->send_text(plain::encode_error(id, refusal), Priority::kReplay);
}

void PlainSession::command_finished(std::size_t weight) {
  const bool was_many = in_flight_ > kMaxInFlight / 2;
  in_flight_ -= weight;
  if (was_many && in_flight_ <= kMaxInFlight / 2) connection_->resume_reading();
}

}  // namespace deskwire::publishers
