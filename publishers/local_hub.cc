#include "publishers/local_hub.h"

#include <chrono>
#include <utility>

#include "publishers/hub.h"

namespace deskwire::publishers {

namespace {

constexpr std::size_t kMaxInboxBytes = 32U << 20U;
constexpr Milliseconds kLongestWait{1000};
/// A connection that is just being made gets its chance; while Redis is away clients hear so soon.
constexpr Milliseconds kJoinTimeout{2000};
constexpr std::size_t kMaxReplayed = 10'000;
/// Live events kept for a subscriber that waits for its answer.
constexpr std::size_t kMaxEarly = 1000;

}  // namespace

/// A subscription on its way: the topic confirmed, then log and presence read side by side.
struct LocalHub::Join {
  std::weak_ptr<Subscription> subscription;
  std::optional<StreamPosition> from;
  Done done;
  std::shared_ptr<void> timeout;
  std::optional<ChannelLogPage> page;
  std::optional<Presence::Members> presence;

  void answer(Result<Subscribed> result) {
    timeout.reset();
    const auto callback = std::exchange(done, nullptr);
    if (!callback) return;
    if (subscription.expired()) result = fail(ErrorCode::kCancelled, "subscribe: ended meanwhile");
    callback(std::move(result));
  }
};

Subscription::~Subscription() { hub_->leave(*this); }

void Subscription::deliver(const HubEventPtr& event) {
  if (!joined_) {
    if (early_.size() < kMaxEarly) {
      early_.push_back(event);
    } else if (event->kept()) {
      early_lost_ = true;
    }
    return;
  }
  if (event->kept()) {
    const bool same_epoch = event->epoch() == position_.epoch;
    if (same_epoch && event->offset() <= position_.offset) return;
    if (!same_epoch) position_.epoch = event->epoch();
    position_.offset = event->offset();
  }
  subscriber_.on_event(*this, event, false);
}

LocalHub::LocalHub(Hub& hub, std::size_t index, net::Loop& loop, ChannelLog& log,
                   Presence& presence, Metrics& metrics)
    : hub_(hub),
      index_(index),
      loop_(loop),
      log_(log),
      presence_(presence),
      gate_(std::make_shared<LoopGate>(loop)),
      delivered_(metrics.counter("deskwire_events_delivered_total",
                                 "Events handed to subscribed sessions")) {}

std::shared_ptr<Subscription> LocalHub::subscribe(const std::string& channel,
                                                  std::optional<StreamPosition> from,
                                                  Subscriber& subscriber, Done done) {
  std::shared_ptr<Subscription> subscription(
      new Subscription(shared_from_this(), channel, subscriber));
  std::vector<Subscription*>& list = channels_[channel];
  subscription->index_ = list.size();
  list.push_back(subscription.get());

  const auto join = std::make_shared<Join>();
  join->subscription = subscription;
  join->from = std::move(from);
  join->done = std::move(done);
  join->timeout = loop_.after(kJoinTimeout, [weak = std::weak_ptr(join)] {
    if (const auto late = weak.lock()) {
      late->answer(fail(ErrorCode::kTimeout, "subscribe: redis did not confirm in time"));
    }
  });
  hub_.open(channel, index_, [self = shared_from_this(), join](Status opened) {
    if (!opened) {
      join->answer(fail(std::move(opened.error())));
    } else if (join->subscription.expired()) {
      join->answer(fail(ErrorCode::kCancelled, "subscribe: ended meanwhile"));
    } else if (join->done) {
      self->read_log(join);
    }
  });
  return subscription;
}

void LocalHub::read_log(const std::shared_ptr<Join>& join) {
  const std::string channel = join->subscription.lock()->channel();
  log_.read_after(channel, join->from, kMaxReplayed,
                  LoopGate::returning<Result<ChannelLogPage>>(
                      gate_, [self = shared_from_this(), join](Result<ChannelLogPage> page) {
                        if (!page) {
                          join->answer(fail(std::move(page.error())));
                          return;
                        }
                        join->page = std::move(*page);
                        self->advance(join);
                      }));
  presence_.list(channel,
                 LoopGate::returning<Result<Presence::Members>>(
                     gate_, [self = shared_from_this(), join](Result<Presence::Members> members) {
                       if (!members) {
                         join->answer(fail(std::move(members.error())));
                         return;
                       }
                       join->presence = std::move(*members);
                       self->advance(join);
                     }));
}

void LocalHub::advance(const std::shared_ptr<Join>& join) {
  const auto subscription = join->subscription.lock();
  if (!join->page || !join->presence || !join->done) return;
  if (!subscription || subscription->early_lost_) {
    join->answer(fail(ErrorCode::kUnavailable, "subscribe: too much arrived meanwhile"));
    return;
  }
  if (!join->presence->empty()) {
    presence_.watch(subscription->channel(), true);
    hub_.listed(subscription->channel(), *join->presence);
  }
  const ChannelLogPage page = std::move(*join->page);
  subscription->joined_ = true;
  subscription->position_ = page.top;
  join->answer(Subscribed{page.top, page.recovered, std::move(*join->presence)});
  for (const ChannelLogPage::Entry& entry : page.entries) {
    if (const auto event = HubEvent::parse(entry.envelope)) {
      subscription->subscriber_.on_event(*subscription, event, true);
    }
  }
  delivered_.add(static_cast<double>(page.entries.size()));
  for (const HubEventPtr& event : std::exchange(subscription->early_, {})) {
    subscription->deliver(event);
  }
}

void LocalHub::leave(Subscription& subscription) {
  const auto found = channels_.find(subscription.channel());
  std::vector<Subscription*>& list = found->second;
  list.back()->index_ = subscription.index_;
  list[subscription.index_] = list.back();
  list.pop_back();
  if (!list.empty()) return;
  channels_.erase(found);
  hub_.close(subscription.channel(), index_);
}

void LocalHub::push(const HubEventPtr& event) {
  push_item(Item{event, {}}, event->envelope().size());
}

void LocalHub::push_lost(std::string channel) { push_item(Item{nullptr, std::move(channel)}, 0); }

void LocalHub::push_item(Item item, std::size_t bytes) {
  bool first = false;
  {
    const MutexLock lock(mutex_);
    if (closed_) return;
    first = inbox_.empty();
    inbox_.push_back(std::move(item));
    inbox_bytes_ += bytes;
  }
  if (first) gate_->post([self = shared_from_this()] { self->deliver_inbox(); });
}

void LocalHub::deliver_inbox() {
  std::vector<Item> items;
  {
    const MutexLock lock(mutex_);
    items.swap(inbox_);
    inbox_bytes_ = 0;
  }
  room_.notify_all();
  std::size_t delivered = 0;
  for (const Item& item : items) {
    const auto found =
        channels_.find(item.event ? item.event->channel() : std::string_view(item.lost_channel));
    if (found == channels_.end()) continue;
    for (Subscription* subscription : found->second) {
      if (item.event) {
        subscription->deliver(item.event);
      } else {
        subscription->subscriber_.on_position_lost(*subscription);
      }
    }
    if (item.event) delivered += found->second.size();
  }
  if (delivered > 0) delivered_.add(static_cast<double>(delivered));
}

void LocalHub::wait_for_room() {
  const auto deadline = std::chrono::steady_clock::now() + kLongestWait;
  const MutexLock lock(mutex_);
  while (!closed_ && inbox_bytes_ > kMaxInboxBytes) {
    if (!room_.wait_until(mutex_, deadline)) return;
  }
}

void LocalHub::close() {
  gate_->close();
  std::vector<Item> dropped;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    dropped.swap(inbox_);
  }
  room_.notify_all();
}

}  // namespace deskwire::publishers
