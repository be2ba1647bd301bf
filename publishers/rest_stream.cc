#include "publishers/rest_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/json.h"

namespace deskwire::publishers {

namespace {

/// A long replay is cut into several answers: the client comes back with the position it has got.
/// The HTTP server lets at most 1 MiB wait for a reader.
constexpr std::size_t kMaxAnswerBytes = 512U << 10U;

/// Events as lines of an event stream.
class SseFormat final : public FrameFormat {
 public:
  std::size_t slot() const override { return 1; }
  std::string encode(const HubEvent& event) const override {
    std::string out;
    if (event.kept()) {
      out.append("id: ").append(event.epoch()).append(":");
      out.append(std::to_string(event.offset())).append("\n");
    }
    return out.append("data: ").append(event.envelope()).append("\n\n");
  }
};

const SseFormat& sse_format() {
  static const SseFormat format;
  return format;
}

std::string position_json(const StreamPosition& position, bool recovered) {
  return R"("epoch":)" + json_quote(position.epoch) + R"(,"offset":)" +
         std::to_string(position.offset) + R"(,"recovered":)" + (recovered ? "true" : "false");
}

/// Shared by both kinds. An event must not end its subscription, so ends are posted.
class OpenAnswer : public RestStream {
 public:
  OpenAnswer(const RestStreamContext& context, Listening listening)
      : context_(context),
        exchange_(std::move(listening.exchange)),
        listener_(std::move(listening.listener)),
        lifetime_(listening.lifetime),
        seat_(std::move(listening.seat)) {}

  void start(const std::string& channel, std::optional<StreamPosition> from) override {
    context_.streams.add(shared_from_this());
    asked_ = from.has_value();
    subscription_ = context_.hub.subscribe(
        channel, std::move(from), *this, [weak = weak_from_this()](Result<Subscribed> subscribed) {
          const auto self = weak.lock();
          if (self) static_cast<OpenAnswer&>(*self).answered(std::move(subscribed));
        });
  }

  void end() override {
    if (std::exchange(ended_, true)) return;
    finish();
    context_.hub.loop().post([self = shared_from_this()] {
      auto& answer = static_cast<OpenAnswer&>(*self);
      answer.timer_.reset();
      answer.keep_alive_timer_.reset();
      answer.subscription_.reset();
      answer.seat_.reset();
      answer.context_.streams.remove(self);
    });
  }

  const Principal& listener() const override { return listener_; }
  void on_position_lost(Subscription& /*subscription*/) override { end(); }

 protected:
  virtual void subscribed(const Subscribed& result) = 0;
  virtual void finish() = 0;

  void end_after(Milliseconds delay) {
    timer_ = context_.hub.loop().after(delay, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->end();
    });
  }

  RestStreamContext context_;
  Exchange exchange_;
  const Principal listener_;
  const Milliseconds lifetime_;
  std::shared_ptr<void> seat_;
  std::shared_ptr<Subscription> subscription_;
  std::shared_ptr<void> timer_;
  std::shared_ptr<void> keep_alive_timer_;
  bool asked_ = false;    ///< A position was given.
  bool refused_ = false;  ///< The answer has been an error.
  bool ended_ = false;

 private:
  void answered(Result<Subscribed> result) {
    if (ended_) return;
    if (!result) {
      refused_ = true;
      exchange_.refuse(refusal_of(result.error()));
      end();
      return;
    }
    subscribed(*result);
  }
};

class EventStream final : public OpenAnswer {
 public:
  EventStream(const RestStreamContext& context, Listening listening, Milliseconds keep_alive)
      : OpenAnswer(context, std::move(listening)), keep_alive_(keep_alive) {}

  void on_event(Subscription& /*subscription*/, const HubEventPtr& event, bool replay) override {
    if (ended_) return;
    if (replay && replayed_bytes_ > kMaxAnswerBytes) {
      end();
      return;
    }
    const SharedFrame& frame = event->frame(sse_format());
    if (replay) replayed_bytes_ += frame->size();
    exchange_.responder().stream_write(*frame);
  }

 private:
  void subscribed(const Subscribed& result) override {
    net::HttpResponse head;
    head.content_type = "text/event-stream";
    head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    exchange_.begin_stream(std::move(head), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->end();
    });
    begun_ = true;
    const bool replays = asked_ && result.recovered;
    std::string hello;
    // Before a replay the position is still the client's own: it must not resume behind it.
    if (!replays) {
      hello = "id: " + result.top.epoch + ":" + std::to_string(result.top.offset) + "\n";
    }
    hello += "event: subscribed\ndata: {" + position_json(result.top, result.recovered) + "}\n\n";
    exchange_.responder().stream_write(std::move(hello));
    end_after(lifetime_);
    stay_alive();
  }

  void finish() override {
    if (begun_) {
      exchange_.responder().stream_end();
    } else if (!refused_) {
      exchange_.refuse({ReplyCode::kRedisAway, "ending; come back", {}, Milliseconds(1000)});
    }
  }

  void stay_alive() {
    keep_alive_timer_ = context_.hub.loop().after(keep_alive_, [weak = weak_from_this()] {
      const auto self = std::static_pointer_cast<EventStream>(weak.lock());
      if (!self || self->ended_) return;
      self->exchange_.responder().stream_write(": ping\n\n");
      self->stay_alive();
    });
  }

  Milliseconds keep_alive_;
  std::size_t replayed_bytes_ = 0;
  bool begun_ = false;
};

class LongPoll final : public OpenAnswer {
 public:
  LongPoll(const RestStreamContext& context, Listening listening, Milliseconds wait)
      : OpenAnswer(context, std::move(listening)), wait_(std::min(wait, lifetime_)) {}

  void on_event(Subscription& /*subscription*/, const HubEventPtr& event,
                bool /*replay*/) override {
    // What does not fit is for the next poll, and so is everything behind it.
    if (ended_ || bytes_ > kMaxAnswerBytes) return;
    bytes_ += event->envelope().size();
    events_.push_back(event);
    if (event->kept()) position_ = {std::string(event->epoch()), event->offset()};
    // Posted, so that everything that has come together is answered together.
    if (std::exchange(leaving_, true)) return;
    context_.hub.loop().post([self = shared_from_this()] { self->end(); });
  }

 private:
  void subscribed(const Subscribed& result) override {
    recovered_ = result.recovered;
    // A replay moves the position event by event; it may be cut before the top.
    position_ = result.top;
    if (asked_ && !result.recovered) {
      end();
    } else {
      end_after(wait_);
    }
  }

  void finish() override {
    if (refused_) return;
    std::string body = R"({"events":[)";
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (i > 0) body += ',';
      body += events_[i]->envelope();
    }
    exchange_.send(200, body + "]," + position_json(position_, recovered_) + "}");
  }

  Milliseconds wait_;
  std::vector<HubEventPtr> events_;
  std::size_t bytes_ = 0;
  StreamPosition position_;
  bool recovered_ = false;
  bool leaving_ = false;
};

}  // namespace

void RestStreams::end_all() {
  const auto open = open_;
  for (const auto& stream : open) stream->end();
}

void RestStreams::check_admissions(const Gatekeeper& gatekeeper) {
  const auto open = open_;
  for (const auto& stream : open) {
    if (gatekeeper.objection(stream->listener())) stream->end();
  }
}

std::shared_ptr<RestStream> make_event_stream(const RestStreamContext& context, Listening listening,
                                              Milliseconds keep_alive) {
  return std::make_shared<EventStream>(context, std::move(listening), keep_alive);
}

std::shared_ptr<RestStream> make_long_poll(const RestStreamContext& context, Listening listening,
                                           Milliseconds wait) {
  return std::make_shared<LongPoll>(context, std::move(listening), wait);
}

}  // namespace deskwire::publishers
