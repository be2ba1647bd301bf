#include "publishers/hub.h"

#include <utility>

#include "core/ids.h"
#include "core/json.h"
#include "core/log.h"

namespace deskwire::publishers {

namespace {

/// Typing ends within an eighth of its time to live after it is due.
constexpr int kTicksPerTypingTtl = 8;
/// More between two events than this is not repaired event by event.
constexpr std::size_t kMaxRepaired = 10'000;

/// As the script of presence would have published it, without lastSeen: nobody knows that here.
HubEventPtr missed_presence(const std::string& channel, const PresenceView::Change& change,
                            std::int64_t now_ms) {
  const std::string now = std::to_string(now_ms);
  Event event;
  event.channel = channel;
  event.name = change.event;
  event.client_id = change.member.client_id;
  event.id = "p-" + derived_id(change.event, channel + " " + change.member.client_id, now);
  event.timestamp = now_ms;
  event.data = R"({"clientId":)" + json_quote(change.member.client_id) + R"(,"data":)" +
               change.member.data + R"(,"timestamp":)" + now + "}";
  return HubEvent::make(event);
}

}  // namespace

Hub::Hub(Options options, ChannelLog& log, Presence& presence, const std::vector<net::Loop*>& loops,
         const Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      log_(log),
      presence_(presence),
      clock_(clock),
      typing_(options_.typing_ttl) {
  for (net::Loop* loop : loops) {
    locals_.push_back(
        std::make_shared<LocalHub>(*this, locals_.size(), *loop, log, presence, metrics));
  }
  redis::Subscriber::Callbacks callbacks;
  callbacks.on_message = [this](std::string_view topic, std::string_view payload) {
    on_message(topic, payload);
  };
  callbacks.on_subscribed = [this](std::string_view topic) { on_subscribed(topic); };
  callbacks.on_restored = [] { log::info("bus_restored"); };
  bus_ = std::make_unique<redis::Subscriber>(options_.bus, std::move(callbacks));
}

Hub::~Hub() { stop(); }

void Hub::start() {
  bus_->start();
  locals_.front()->gate()->post([this] { beat(); });
}

void Hub::stop() {
  // The gates first: a bus thread that waits for room in an inbox must be let go.
  for (const auto& local : locals_) local->close();
  bus_->stop();
}

LocalHub& Hub::local(const net::Loop& loop) {
  for (const auto& one : locals_) {
    if (&one->loop() == &loop) return *one;
  }
  return *locals_.front();
}

void Hub::open(const std::string& channel, std::size_t index, std::function<void(Status)> ready) {
  {
    const MutexLock lock(mutex_);
    const auto [entry, made] = channels_.try_emplace(channel);
    Channel& opened = entry->second;
    opened.loops |= std::uint64_t{1} << index;
    if (made) {
      opened.generation = ++generations_;
      // Under the lock: the order of our subscriptions must be that of the bus's commands.
      bus_->subscribe(ChannelLog::topic_of(channel));
    }
    if (!opened.feed.live()) {
      opened.waiting.emplace_back(index, std::move(ready));
      return;
    }
  }
  ready({});
}

void Hub::close(const std::string& channel, std::size_t index) {
  const MutexLock lock(mutex_);
  const auto entry = channels_.find(channel);
  if (entry == channels_.end()) return;
  entry->second.loops &= ~(std::uint64_t{1} << index);
  if (entry->second.loops != 0) return;
  channels_.erase(entry);
  typing_.forget(channel);
  presence_.watch(channel, false);
  bus_->unsubscribe(ChannelLog::topic_of(channel));
}

void Hub::on_message(std::string_view topic, std::string_view payload) {
  for (const auto& local : locals_) local->wait_for_room();
  const HubEventPtr event = HubEvent::parse(std::string(payload));
  const std::string name(ChannelLog::channel_of(topic));
  if (!event || event->channel() != name) {
    log::warn("bus_message_refused", {{"bytes", std::uint64_t{payload.size()}}});
    return;
  }
  std::optional<Fetch> wanted;
  {
    const MutexLock lock(mutex_);
    const auto entry = channels_.find(name);
    if (entry == channels_.end()) return;
    wanted = apply(name, entry->second, entry->second.feed.arrived(event));
  }
  fetch(wanted);
}

void Hub::on_subscribed(std::string_view topic) {
  const std::string name(ChannelLog::channel_of(topic));
  std::optional<Fetch> wanted;
  {
    const MutexLock lock(mutex_);
    const auto entry = channels_.find(name);
    if (entry == channels_.end()) return;
    wanted = apply(name, entry->second, entry->second.feed.confirmed());
    if (std::exchange(entry->second.confirmed, true)) compare_presence(name, entry->second);
  }
  fetch(wanted);
}

std::optional<Hub::Fetch> Hub::apply(const std::string& name, Channel& channel,
                                     ChannelFeed::Step step) {
  if (step.lost) {
    log::warn("position_lost", {{"channel", name}});
    for (const auto& local : locals_) local->push_lost(name);
  }
  for (const HubEventPtr& event : step.deliver) emit(channel, event);
  if (channel.feed.live()) answer_waiting(channel, {});
  if (!step.fetch) return std::nullopt;
  return Fetch{name, channel.generation, std::move(step.from)};
}

void Hub::emit(Channel& channel, const HubEventPtr& event) {
  channel.present.told(*event);
  HubEventPtr more;
  if (event->is_typing()) {
    more = typing_.note(event, clock_.monotonic(), clock_.wall_ms());
    arm_tick();
  } else if (event->name() == "presence:enter") {
    presence_.watch(std::string(event->channel()), true);
  }
  for (std::size_t i = 0; i < locals_.size(); ++i) {
    if ((channel.loops >> i & 1U) == 0) continue;
    locals_[i]->push(event);
    if (more) locals_[i]->push(more);
  }
}

void Hub::answer_waiting(Channel& channel, const Status& status) {
  for (auto& [index, ready] : std::exchange(channel.waiting, {})) {
    locals_[index]->gate()->post([ready = std::move(ready), status] { ready(status); });
  }
}

void Hub::fetch(const std::optional<Fetch>& wanted) {
  if (!wanted) return;
  log_.read_after(
      wanted->channel, wanted->from, kMaxRepaired,
      LoopGate::returning<Result<ChannelLogPage>>(
          locals_.front()->gate(),
          [this, wanted = *wanted](const Result<ChannelLogPage>& page) { on_page(wanted, page); }));
}

void Hub::on_page(const Fetch& fetched, const Result<ChannelLogPage>& page) {
  std::optional<Fetch> wanted;
  {
    const MutexLock lock(mutex_);
    const auto entry = channels_.find(fetched.channel);
    if (entry == channels_.end() || entry->second.generation != fetched.generation) return;
    Channel& channel = entry->second;
    wanted = apply(fetched.channel, channel, channel.feed.fetched(page ? &*page : nullptr));
    if (!page) {
      answer_waiting(channel, fail(page.error()));
      broken_ = true;
      arm_tick();
    }
  }
  fetch(wanted);
}

void Hub::listed(const std::string& channel, const Presence::Members& members) {
  const MutexLock lock(mutex_);
  const auto entry = channels_.find(channel);
  if (entry != channels_.end()) entry->second.present.listed(members);
}

void Hub::compare_presence(const std::string& name, Channel& channel) {
  channel.comparison = ++generations_;
  channel.present.begin();
  presence_.list(name, LoopGate::returning<Result<Presence::Members>>(
                           locals_.front()->gate(), [this, name, comparison = channel.comparison](
                                                        const Result<Presence::Members>& members) {
                             on_members(name, comparison, members);
                           }));
}

void Hub::on_members(const std::string& name, std::uint64_t comparison,
                     const Result<Presence::Members>& members) {
  const MutexLock lock(mutex_);
  const auto entry = channels_.find(name);
  // Gone, or asked again since.
  if (entry == channels_.end() || entry->second.comparison != comparison) return;
  if (!members) {
    uncompared_.insert(name);
    return arm_tick();
  }
  const std::int64_t now_ms = clock_.wall_ms();
  for (const PresenceView::Change& change : entry->second.present.settle(*members)) {
    emit(entry->second, missed_presence(name, change, now_ms));
  }
}

void Hub::arm_tick() {
  if (std::exchange(ticking_, true)) return;
  const Milliseconds delay = std::min(options_.retry, options_.typing_ttl / kTicksPerTypingTtl);
  locals_.front()->gate()->post(
      [this, delay] { tick_timer_ = locals_.front()->loop().after(delay, [this] { tick(); }); });
}

void Hub::tick() {
  std::vector<Fetch> wanted;
  {
    const MutexLock lock(mutex_);
    ticking_ = false;
    for (const HubEventPtr& stop : typing_.expire(clock_.monotonic(), clock_.wall_ms())) {
      const auto entry = channels_.find(std::string(stop->channel()));
      if (entry != channels_.end()) emit(entry->second, stop);
    }
    if (std::exchange(broken_, false)) {
      for (auto& [name, channel] : channels_) {
        if (!channel.feed.broken()) continue;
        if (auto fetch_again = apply(name, channel, channel.feed.retry())) {
          wanted.push_back(std::move(*fetch_again));
        }
      }
    }
    for (const std::string& name : std::exchange(uncompared_, {})) {
      const auto entry = channels_.find(name);
      if (entry != channels_.end()) compare_presence(name, entry->second);
    }
    if (!typing_.empty() || broken_) arm_tick();
  }
  for (const Fetch& one : wanted) fetch(one);
}

void Hub::beat() {
  presence_.beat();
  beat_timer_ = locals_.front()->loop().after(options_.presence_beat, [this] { beat(); });
}

}  // namespace deskwire::publishers
