#include "webhooks/spool_drain.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/channel.h"
#include "core/log.h"
#include "webhooks/spool_record.h"

namespace deskwire::webhooks {
namespace {

using jobs::EnqueueResult;

constexpr std::size_t kMaxWindowBytes = std::size_t{8} << 20U;
/// Typing ends by itself after this time (contract §2): later, it is only a fact.
constexpr std::int64_t kTypingMs = 6000;
constexpr const char* kLaneFull = "lane_full";

bool is_typing(const jobs::HelpdeskEvent& event) {
  return event.kind == jobs::HelpdeskEvent::Kind::kTypingOn ||
         event.kind == jobs::HelpdeskEvent::Kind::kTypingOff;
}

/// The receipt with the shard of this lane. It differs from what the sender was told only where the
/// source's namespace or its parser has changed since.
std::string of_shard(std::string receipt, int shard) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (!receipt.empty()) receipt.back() = kDigits[static_cast<std::size_t>(shard)];
  return receipt;
}

}  // namespace

struct SpoolDrain::Item {
  SpoolLog::Entry entry;
  SpooledDelivery spooled;
  UnderstoodDelivery delivery;
  std::string lane;
  bool lane_full = false;  ///< To be buried.
  bool done = false;
  std::optional<Error> hopeless;                ///< Known without asking the store.
  std::optional<Result<EnqueueResult>> answer;  ///< Of the wave under way; see Wave.
};

/// Outlives the drain in the store's callbacks.
struct SpoolDrain::Wave {
  explicit Wave(std::function<void()> on_answered) : answered(std::move(on_answered)) {}

  void one_answered(Item& item, Result<EnqueueResult> answer) {
    {
      const MutexLock lock(mutex);
      item.answer.emplace(std::move(answer));
      if (--open > 0) return;
    }
    answered();
  }

  const std::function<void()> answered;
  std::vector<std::shared_ptr<Item>> items;  ///< Their answers are guarded by `mutex`.
  Mutex mutex;
  std::size_t open DW_GUARDED_BY(mutex) = 0;
};

SpoolDrain::SpoolDrain(const config::Config& config, jobs::JobStore& store, const Clock& clock,
                       Metrics& metrics)
    : book_(std::make_shared<const SourceBook>(config)),
      max_payload_bytes_(config.jobs.max_payload_bytes),
      store_(store),
      clock_(clock),
      accepted_(metrics.counter("deskwire_spool_drained_total",
                                "Deliveries that left the spool, by what became of them.",
                                {{"result", "accepted"}})),
      duplicates_(metrics.counter("deskwire_spool_drained_total", "", {{"result", "duplicate"}})),
      lane_full_(metrics.counter("deskwire_spool_drained_total", "", {{"result", kLaneFull}})),
      aside_(metrics.counter("deskwire_spool_drained_total", "", {{"result", "set_aside"}})) {}

void SpoolDrain::understand_item(Item& item) const {
  const auto book = book_.read();
  const config::Source* const source = book->find(item.spooled.source);
  if (source == nullptr) {
    item.hopeless = Error{ErrorCode::kNotFound, "its source is no longer in config sources[]"};
    return;
  }
  auto understood = understand(*source, item.spooled.body, item.spooled.delivery_id,
                               item.spooled.accepted_at_ms, book->rules);
  if (!understood) {
    item.hopeless = std::move(understood).error();
    return;
  }
  item.delivery = std::move(*understood);
  item.lane = item.delivery.lane();
  item.delivery.context.receipt = of_shard(item.spooled.receipt, shard_of_lane(item.lane));
}

/// nullptr when the disk does not give it: `unreadable` says why, and it is tried again later.
std::shared_ptr<SpoolDrain::Item> SpoolDrain::load(SpoolLog& spool, const SpoolLog::Entry& entry,
                                                   Error& unreadable) {
  auto record = spool.read(entry);
  if (!record && record.error().code != ErrorCode::kCorrupt) {
    unreadable = std::move(record).error();
    return nullptr;
  }
  auto item = std::make_shared<Item>();
  item->entry = entry;
  auto spooled = record ? decode_spool_record(*record) : fail(record.error());
  if (spooled) {
    item->spooled = std::move(*spooled);
    understand_item(*item);
  } else {
    item->hopeless = std::move(spooled).error();
  }
  return item;
}

void SpoolDrain::begin(SpoolLog& spool, std::size_t most, std::function<void()> answered) {
  wave_ = std::make_shared<Wave>(std::move(answered));
  std::size_t bytes = 0;
  for (const auto& item : window_) bytes += item->entry.bytes;
  Error unreadable;
  while (window_.size() < std::min(most, spool.entries().size()) && bytes < kMaxWindowBytes) {
    auto item = load(spool, spool.entries()[window_.size()], unreadable);
    if (item == nullptr) {
      log::error("spool_unreadable", {{"cause", unreadable.message}});
      break;
    }
    bytes += item->entry.bytes;
    window_.push_back(std::move(item));
  }
  std::set<std::string_view> lanes;
  for (const auto& item : window_) {
    if (wave_->items.size() >= most) break;
    if (item->done || item->hopeless || !lanes.insert(item->lane).second) continue;
    item->answer.reset();
    wave_->items.push_back(item);
  }
  const auto wave = wave_;
  if (wave->items.empty()) return wave->answered();
  {
    const MutexLock lock(wave->mutex);
    wave->open = wave->items.size();
  }
  for (const auto& item : wave->items) send(wave, item);
}

void SpoolDrain::send(const std::shared_ptr<Wave>& wave, const std::shared_ptr<Item>& item) {
  const bool stale = clock_.wall_ms() - item->spooled.accepted_at_ms > kTypingMs;
  look_up_mapping(
      store_, item->delivery,
      [wave, item, stale, &store = store_, most = max_payload_bytes_](Status looked_up) {
        if (!looked_up) return wave->one_answered(*item, fail(std::move(looked_up).error()));
        jobs::EnqueueRequest request = item->delivery.request(item->spooled.body);
        if (request.payload.size() > most) {
          return wave->one_answered(
              *item, fail(ErrorCode::kCorrupt, "it is over config jobs.max_payload_bytes"));
        }
        if (stale && is_typing(item->delivery.event)) request.events.clear();
        if (item->lane_full) {
          request.bury_code = kLaneFull;
          request.bury_message = "its lane had no room when the spool drained (jobs.max_lane_jobs)";
        }
        store.enqueue_async(std::move(request), [wave, item](Result<EnqueueResult> result) {
          wave->one_answered(*item, std::move(result));
        });
      });
}

SpoolDrain::Settled SpoolDrain::settle(SpoolLog& spool) {
  Settled settled;
  // The wave is over: nobody else touches its items any more.
  for (const auto& item : window_) {
    if (!item->done) item->done = judge(spool, *item, settled);
  }
  wave_.reset();
  while (!window_.empty() && window_.front()->done) {
    window_.pop_front();
    ++settled.drained;
  }
  if (Status dropped = spool.drop_front(settled.drained); !dropped) {
    log::warn("spool_mark_failed", {{"cause", dropped.error().message},
                                    {"next", "after a crash they are sent again, as duplicates"}});
  }
  return settled;
}

/// Whether this record is finished with.
bool SpoolDrain::judge(SpoolLog& spool, Item& item, Settled& settled) {
  if (item.hopeless) {
    set_aside(spool, item, *item.hopeless);
    return true;
  }
  if (!item.answer) return false;
  const Result<EnqueueResult> answer = std::move(*item.answer);
  item.answer.reset();
  if (answer) {
    (item.lane_full ? lane_full_ : answer->duplicate ? duplicates_ : accepted_).add();
    return true;
  }
  if (answer.error().code == ErrorCode::kCorrupt) {
    set_aside(spool, item, answer.error());
    return true;
  }
  if (answer.error().code == ErrorCode::kRateLimited && !item.lane_full) {
    item.lane_full = true;
    log::warn("spool_lane_full", {{"job", item.delivery.context.receipt},
                                  {"next", "it goes to the dead letters; replay it later"}});
    return false;
  }
  settled.failed = true;
  settled.cause = answer.error();
  return false;
}

void SpoolDrain::set_aside(SpoolLog& spool, const Item& item, const Error& cause) {
  aside_.add();
  const auto record = spool.read(item.entry);
  const Status kept = record ? spool.set_aside(*record) : fail(record.error());
  log::error("spool_set_aside",
             {{"source", item.spooled.source},
              {"job", item.spooled.receipt},
              {"cause", cause.message},
              {"kept", kept ? std::string("set-aside.bin") : "no: " + kept.error().message}});
}

}  // namespace deskwire::webhooks
