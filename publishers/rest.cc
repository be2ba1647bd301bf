#include "publishers/rest.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/load.h"
#include "core/channel.h"
#include "core/ids.h"
#include "core/json.h"
#include "publishers/client_address.h"
#include "publishers/dialects/plain_protocol.h"
#include "publishers/issue_token.h"
#include "publishers/rest_suggestions.h"
#include "publishers/websocket_handshake.h"

namespace deskwire::publishers {

namespace {

using nlohmann::json;

constexpr std::string_view kChannels = "/v1/channels/";
constexpr std::size_t kMaxIdempotencyKey = 200;
constexpr std::int64_t kMaxHistory = 200;
constexpr std::int64_t kDefaultPollSeconds = 25;
constexpr std::int64_t kMaxPollSeconds = 55;

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// An integer parameter in a range; absent: the fallback.
Answer<std::int64_t> integer_parameter(const net::HttpRequest& request, const char* name,
                                       std::int64_t fallback, std::int64_t low, std::int64_t high) {
  const std::string text = request.query(name);
  if (text.empty()) return fallback;
  const auto value = to_integer(text);
  if (!value || *value < low || *value > high) {
    return refuse(ReplyCode::kBadField,
                  std::string(name) + " must be an integer from " + std::to_string(low) + " to " +
                      std::to_string(high),
                  name);
  }
  return *value;
}

/// The offset that the query names, if it does.
Answer<std::optional<std::uint64_t>> offset_parameter(const net::HttpRequest& request,
                                                      const char* name) {
  if (request.query(name).empty()) return std::optional<std::uint64_t>();
  const auto value = integer_parameter(request, name, 0, 0, std::int64_t{1} << 53U);
  if (!value) return tl::unexpected(value.error());
  return static_cast<std::uint64_t>(*value);
}

/// "epoch:offset", as SSE ids are written.
std::optional<StreamPosition> parse_position(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 64) return std::nullopt;
  const auto offset = to_integer(text.substr(colon + 1));
  if (!offset || *offset < 0) return std::nullopt;
  return StreamPosition{std::string(text.substr(0, colon)), static_cast<std::uint64_t>(*offset)};
}

}  // namespace

Answer<json> json_body(const net::HttpRequest& request, bool optional) {
  if (optional && request.body.empty()) return json::object();
  auto body = parse_json(request.body, JsonLimits{1U << 20U, 32, false, false});
  if (!body || !body->is_object()) {
    return refuse(ReplyCode::kWrongShape, "the body must be a JSON object");
  }
  return std::move(*body);
}

std::optional<std::string> decode_segment(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      out.push_back(segment[i]);
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= segment.size()) return std::nullopt;
    const char* const digits = segment.data() + i + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  return out;
}

Rest::Rest(const Context& context) : context_(context) {}

void Rest::handle(net::HttpRequest&& request, net::HttpResponder responder) {
  const auto asked = std::make_shared<const net::HttpRequest>(std::move(request));
  if (!origin_allowed(*asked, context_.config.gateway)) {
    Exchange(std::move(responder), {})
        .refuse({ReplyCode::kOriginForbidden, "this origin is not in gateway.origins"});
    return;
  }
  route(asked, Exchange(std::move(responder), std::string(asked->header("Origin"))));
}

void Rest::with_principal(const RequestPtr& request, const Exchange& exchange,
                          std::function<void(Principal)> allowed) {
  const auto decide = [exchange, allowed = std::move(allowed)](Answer<Principal> answer) {
    if (!answer) return exchange.refuse(answer.error());
    allowed(std::move(*answer));
  };
  auto answer = context_.gatekeeper.admit(
      *request, context_.hub.gate(), [this, decide](Answer<Principal> late) {
        // It may have been revoked while we waited.
        if (late) {
          if (auto refusal = context_.gatekeeper.objection(*late)) {
            late = tl::unexpected(std::move(*refusal));
          }
        }
        decide(std::move(late));
      });
  if (answer) decide(std::move(*answer));
}

void Rest::route(const RequestPtr& asked, const Exchange& exchange) {
  const net::HttpRequest& request = *asked;
  const std::string_view path = request.path();
  if (request.method == "OPTIONS") {
    net::HttpResponse response;
    response.status = 204;
    response.headers = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
                        {"Access-Control-Allow-Headers",
                         "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"},
                        {"Access-Control-Max-Age", "600"}};
    exchange.send(std::move(response));
  } else if (path.starts_with(kChannels)) {
    channel_route(asked, exchange);
  } else if (path.starts_with("/v1/sla/")) {
    sla_route(asked, exchange);
  } else if (path == "/v1/tokens" || path == "/v1/sandbox/sessions") {
    if (request.method != "POST") {
      exchange.allow_only("POST");
    } else if (path == "/v1/tokens") {
      with_principal(asked, exchange, [this, asked, exchange](const Principal& principal) {
        post_token(*asked, principal, exchange);
      });
    } else {
      post_sandbox_session(request, exchange);
    }
  } else if (is_suggestions_path(path)) {
    if (request.method != "GET") return exchange.allow_only("GET");
    with_principal(asked, exchange, [this, asked, exchange](const Principal& principal) {
      get_suggestions(context_, *asked, principal, exchange);
    });
  } else if (path == "/v1/ws") {
    refuse_handshake(request, exchange);
  } else if (!get_page(request, exchange)) {
    exchange.refuse({ReplyCode::kNotFound, "no such address"});
  }
}

/// Upgrades that were fine have been taken before.
void Rest::refuse_handshake(const net::HttpRequest& request, const Exchange& exchange) {
  const Handshake handshake = check_handshake(request);
  const bool upgrades = lists_token(request.header("Upgrade"), "websocket");
  const int status = upgrades ? handshake.status : 426;
  net::HttpResponse response = net::error_response(
      status * 100, upgrades ? handshake.reason : "this is a WebSocket address");
  if (status == 426) {
    response.headers = {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}};
  }
  exchange.send(std::move(response));
}

bool Rest::get_page(const net::HttpRequest& request, const Exchange& exchange) {
  const auto page = context_.pages.find(std::string(request.path()));
  if (page == context_.pages.end()) return false;
  if (request.method != "GET" && request.method != "HEAD") {
    exchange.allow_only("GET, HEAD");
    return true;
  }
  net::HttpResponse response;
  response.content_type = page->second.content_type;
  response.body = page->second.body;
  response.headers = {{"Cache-Control", "no-cache"}, {"Referrer-Policy", "no-referrer"}};
  exchange.send(std::move(response));
  return true;
}

void Rest::channel_route(const RequestPtr& asked, const Exchange& exchange) {
  const net::HttpRequest& request = *asked;
  const std::string_view rest = request.path().substr(kChannels.size());
  const std::size_t slash = rest.find('/');
  auto channel = decode_segment(rest.substr(0, slash));
  const std::string_view what = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  if (!channel || !validate_channel(*channel)) {
    exchange.refuse({ReplyCode::kBadField, "not a channel name", "channel"});
    return;
  }
  const bool posts = request.method == "POST";
  if (what != "messages" && what != "presence" && what != "poll" && what != "events") {
    exchange.refuse({ReplyCode::kNotFound, "no such address"});
    return;
  }
  if (posts ? what != "messages" : request.method != "GET") {
    exchange.allow_only(what == "messages" ? "GET, POST" : "GET");
    return;
  }
  with_principal(asked, exchange,
                 [this, asked, exchange, channel = std::move(*channel), what](Principal principal) {
                   // `what` lies within the request, which is kept.
                   channel_request({*asked, channel, std::move(principal), exchange}, what);
                 });
}

void Rest::channel_request(const ChannelRequest& asked, std::string_view what) {
  if (asked.request.method == "POST") {
    post_message(asked);
  } else if (what == "messages") {
    get_messages(asked);
  } else if (what == "presence") {
    get_presence(asked);
  } else if (what == "poll") {
    get_poll(asked);
  } else {
    get_events(asked);
  }
}

std::optional<Refusal> Rest::over_rate(const Principal& principal) {
  if (principal.server) return std::nullopt;
  const auto delay = context_.rates.delay(principal.claims.client_id, context_.clock.monotonic());
  if (!delay) return std::nullopt;
  return Refusal{ReplyCode::kRate, "too many publishes", {}, delay};
}

void Rest::post_message(const ChannelRequest& asked) {
  auto body = json_body(asked.request, false);
  if (!body) return asked.exchange.refuse(body.error());
  if (const auto refusal = over_rate(asked.principal)) return asked.exchange.refuse(*refusal);
  const std::string_view key = asked.request.header("Idempotency-Key");
  if (key.size() > kMaxIdempotencyKey) {
    return asked.exchange.refuse({ReplyCode::kBadField, "Idempotency-Key is over 200 bytes"});
  }
  if (!body->contains("event") && body->contains("content")) {
    return send_message(asked, std::move(*body), key);
  }
  const auto data = body->find("data");
  if (data != body->end() && !data->is_object()) {
    return asked.exchange.refuse({ReplyCode::kBadField, "data must be an object", "data"});
  }
  Publication publication;
  publication.channel = asked.channel;
  publication.event = string_at(*body, "event");
  // The same key means the same event, for the same publisher on the same channel.
  publication.event_id =
      key.empty()
          ? derived_id("rest", new_ulid(context_.clock.wall_ms()))
          : derived_id("rest", asked.principal.claims.client_id + '\n' + asked.channel, key);
  context_.operations.publish(asked.principal, std::move(publication),
                              data == body->end() ? json::object() : *data, !key.empty(),
                              context_.hub.gate(),
                              [exchange = asked.exchange](const Answer<Published>& published) {
                                if (!published) return exchange.refuse(published.error());
                                exchange.send(published->duplicate ? 200 : 201, encode(*published));
                              });
}

/// The verb `send`, for clients that cannot open a WebSocket.
void Rest::send_message(const ChannelRequest& asked, json body, std::string_view key) {
  if (asked.principal.server) {
    return asked.exchange.refuse(
        {ReplyCode::kBadField, "a server key speaks for nobody: name the event", "event"});
  }
  body["channel"] = asked.channel;
  if (!key.empty() && !body.contains("clientMessageId")) body["clientMessageId"] = key;
  auto send = plain::parse_send(body);
  if (!send) return asked.exchange.refuse(send.error());
  const Outgoing message{std::move(send->channel), std::move(send->content),
                         std::move(send->client_message_id), std::string(),
                         std::move(send->simulate)};
  context_.operations.send(asked.principal, message, context_.hub.gate(),
                           [exchange = asked.exchange](const Answer<Sent>& sent) {
                             if (!sent) return exchange.refuse(sent.error());
                             exchange.send(sent->offset > 0 ? 201 : 200, encode(*sent));
                           });
}

void Rest::get_messages(const ChannelRequest& asked) {
  const auto limit = integer_parameter(asked.request, "limit", 50, 1, kMaxHistory);
  if (!limit) return asked.exchange.refuse(limit.error());
  const auto before = offset_parameter(asked.request, "before");
  if (!before) return asked.exchange.refuse(before.error());
  const auto after = offset_parameter(asked.request, "after");
  if (!after) return asked.exchange.refuse(after.error());
  if (*before && *after) {
    return asked.exchange.refuse(
        {ReplyCode::kBadField, "before and after exclude each other", "after"});
  }
  const LogRange range{static_cast<std::size_t>(*limit), *before, *after};
  context_.operations.history(asked.principal, asked.channel, range, context_.hub.gate(),
                              [exchange = asked.exchange](const Answer<ChannelLogPage>& page) {
                                if (!page) return exchange.refuse(page.error());
                                exchange.send(200, encode(*page));
                              });
}

void Rest::get_presence(const ChannelRequest& asked) {
  context_.operations.members(asked.principal, asked.channel, context_.hub.gate(),
                              [exchange = asked.exchange](const Answer<Presence::Members>& list) {
                                if (!list) return exchange.refuse(list.error());
                                exchange.send(200, R"({"presence":)" + encode(*list) + "}");
                              });
}

Answer<Listening> Rest::listening(const ChannelRequest& asked) const {
  constexpr auto kServerLifetime = std::chrono::hours(24);
  const Principal& listener = asked.principal;
  const Milliseconds left(listener.claims.expires_ms - context_.clock.wall_ms());
  auto seat = context_.counts.seat(client_address(asked.request, context_.config.gateway),
                                   listener.claims.client_id, context_.clock.monotonic());
  constexpr Milliseconds kLater{5000};
  if (!seat) {
    return tl::unexpected(Refusal{ReplyCode::kRate,
                                  "too many event streams and polls stay open, see gateway.limits",
                                  {},
                                  kLater});
  }
  return Listening{listener, asked.exchange, listener.server ? Milliseconds(kServerLifetime) : left,
                   std::move(seat)};
}

void Rest::get_poll(const ChannelRequest& asked) {
  if (!asked.principal.can(asked.channel, "subscribe")) {
    return asked.exchange.refuse(denied("subscribe", asked.channel));
  }
  const auto wait =
      integer_parameter(asked.request, "wait", kDefaultPollSeconds, 0, kMaxPollSeconds);
  if (!wait) return asked.exchange.refuse(wait.error());
  std::optional<StreamPosition> from;
  if (const std::string epoch = asked.request.query("epoch"); !epoch.empty()) {
    from = parse_position(epoch + ":" + asked.request.query("offset"));
    if (!from) {
      return asked.exchange.refuse(
          {ReplyCode::kBadField, "offset must be an integer of 0 or more", "offset"});
    }
  }
  auto listens = listening(asked);
  if (!listens) return asked.exchange.refuse(listens.error());
  make_long_poll({context_.hub, streams_}, std::move(*listens), std::chrono::seconds(*wait))
      ->start(asked.channel, std::move(from));
}

void Rest::get_events(const ChannelRequest& asked) {
  if (!asked.principal.can(asked.channel, "subscribe")) {
    return asked.exchange.refuse(denied("subscribe", asked.channel));
  }
  std::string last(asked.request.header("Last-Event-ID"));
  if (last.empty()) last = asked.request.query("lastEventId");
  std::optional<StreamPosition> from;
  if (!last.empty()) {
    from = parse_position(last);
    if (!from) {
      return asked.exchange.refuse(
          {ReplyCode::kBadField, "Last-Event-ID must be epoch:offset", "Last-Event-ID"});
    }
  }
  auto listens = listening(asked);
  if (!listens) return asked.exchange.refuse(listens.error());
  make_event_stream({context_.hub, streams_}, std::move(*listens), context_.config.gateway.ping)
      ->start(asked.channel, std::move(from));
}

void Rest::post_token(const net::HttpRequest& request, const Principal& principal,
                      const Exchange& exchange) {
  const auto body = json_body(request, false);
  if (!body) return exchange.refuse(body.error());
  auto issued =
      issue_token(*body, principal, *context_.gatekeeper.settings(), context_.clock.wall_ms());
  if (!issued) return exchange.refuse(issued.error());
  exchange.send(200, std::move(*issued));
}

void Rest::post_sandbox_session(const net::HttpRequest& request, const Exchange& exchange) {
  if (!config::is_loopback(request.peer_address)) {
    return exchange.refuse({ReplyCode::kNotFound, "the sandbox is for this machine only"});
  }
  const auto body = json_body(request, true);
  if (!body) return exchange.refuse(body.error());
  auto session = open_sandbox_session(*body, context_.config.sources,
                                      *context_.gatekeeper.settings(), context_.clock.wall_ms());
  if (!session) return exchange.refuse(session.error());
  exchange.send(200, std::move(*session));
}

}  // namespace deskwire::publishers
