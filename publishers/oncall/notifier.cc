#include "publishers/oncall/notifier.h"

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/log.h"

namespace deskwire::publishers {
namespace {

constexpr int kSenders = 4;
constexpr std::size_t kTasksAtOnce = 2;
constexpr std::size_t kEventsAtOnce = 200;
constexpr Milliseconds kPoll{250};

/// Waits for what `call` passes to its callback.
template <typename Call>
Result<ChannelLogPage> ask(Call call) {
  auto promise = std::make_shared<std::promise<Result<ChannelLogPage>>>();
  auto answer = promise->get_future();
  call([promise](Result<ChannelLogPage> page) { promise->set_value(std::move(page)); });
  return answer.get();
}

}  // namespace

OnCallNotifier::OnCallNotifier(ChannelLog& log, OnCallStore& store, OnCallDesk& desk,
                               Milliseconds lease, Metrics& metrics)
    : log_(log),
      store_(store),
      desk_(desk),
      lease_(lease),
      alive_(metrics.gauge("deskwire_oncall_alive_timestamp_seconds",
                           "When the on-call notifier last looked for what is due.")),
      lost_(metrics.counter("deskwire_oncall_events_lost_total",
                            "Events that left the channel's log before they were read.")) {}

OnCallNotifier::~OnCallNotifier() { stop(); }

void OnCallNotifier::start() {
  if (!threads_.empty()) return;
  {
    const MutexLock lock(mutex_);
    stopping_ = false;
  }
  threads_.emplace_back([this] { follow(); });
  for (int i = 0; i < kSenders; ++i) threads_.emplace_back([this] { work(); });
}

void OnCallNotifier::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool OnCallNotifier::rest() {
  const MutexLock lock(mutex_);
  if (!stopping_) wake_.wait_until(mutex_, std::chrono::steady_clock::now() + kPoll);
  return !stopping_;
}

void OnCallNotifier::work() {
  log::name_thread("page");
  bool started = false;
  do {
    // More may be due than is taken at once.
    while (true) {
      const auto taken = store_.take(kTasksAtOnce, lease_.count());
      if (!taken) break;
      now_ms_ = taken->now_ms;
      alive_.set(static_cast<double>(taken->now_ms) / 1000);
      if (!started) started = desk_.begin_heartbeat(taken->now_ms).has_value();
      const auto begun = std::chrono::steady_clock::now();
      for (const DueTask& task : taken->tasks) {
        const auto passed = std::chrono::steady_clock::now() - begun;
        desk_.run(task, taken->now_ms + std::chrono::duration_cast<Milliseconds>(passed).count());
      }
      if (taken->tasks.empty()) break;
      const MutexLock lock(mutex_);
      if (stopping_) return;
    }
  } while (rest());
}

void OnCallNotifier::follow() {
  log::name_thread("oncall");
  do {
    for (const char* channel : {"oncall", "ops"}) {
      // Until the store has told its time nothing can be scheduled.
      while (now_ms_ != 0 && read(channel)) {
        const MutexLock lock(mutex_);
        if (stopping_) return;
      }
    }
  } while (rest());
}

Result<ChannelLogPage> OnCallNotifier::page_after(const std::string& channel,
                                                  const LogPosition& from) {
  return ask([&](auto done) {
    log_.history(channel, {.limit = kEventsAtOnce, .after = from.offset}, done);
  });
}

bool OnCallNotifier::read(const std::string& channel) {
  const auto position = store_.position(channel);
  if (!position) return false;
  if (!*position) {
    // The first start ever: what was before it wakes nobody, what comes from now on does.
    const auto top = ask([&](auto done) { log_.read_after(channel, std::nullopt, 1, done); });
    if (!top || top->top.epoch.empty()) return false;
    const LogPosition now{top->top.epoch, top->top.offset};
    const auto taken = desk_.take_event({channel, std::nullopt, now}, "", {}, now_ms_);
    if (taken.value_or(false)) log::info("on_call_begins", {{"channel", channel}});
    return false;
  }
  const LogPosition from = **position;
  const auto page = page_after(channel, from);
  if (!page || page->top.epoch.empty()) return false;
  if (page->top.epoch != from.epoch) {
    log::warn("on_call_log_replaced", {{"channel", channel}});
    const LogPosition begin{page->top.epoch, 0};
    return desk_.take_event({channel, from, begin}, "", {}, now_ms_).value_or(false);
  }
  return take(channel, from, *page);
}

bool OnCallNotifier::take(const std::string& channel, const LogPosition& from,
                          const ChannelLogPage& page) {
  LogPosition last = from;
  for (const ChannelLogPage::Entry& entry : page.entries) {
    if (entry.offset > last.offset + 1) {
      lost_.add(static_cast<double>(entry.offset - last.offset - 1));
      log::error("on_call_events_lost", {{"channel", channel},
                                         {"after", static_cast<std::uint64_t>(last.offset)},
                                         {"next", static_cast<std::uint64_t>(entry.offset)}});
    }
    const auto envelope = parse_json(entry.envelope).value_or(nlohmann::json::object());
    const std::string name = string_at(envelope, "event");
    // Queue waits are told on both channels: one of them is enough.
    const bool ours = channel == "oncall" || name.starts_with("alert:");
    const LogPosition to{from.epoch, entry.offset};
    const auto taken = desk_.take_event({channel, last, to}, ours ? std::string_view(name) : "",
                                        object_at(envelope, "data"), now_ms_);
    if (!taken || !*taken) return false;
    last = to;
  }
  return !page.entries.empty();
}

}  // namespace deskwire::publishers
