#include "worker/handlers/conversation_watch.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/mutex.h"

namespace deskwire::worker {

struct ConversationWatch::Entry {
  Entry(std::string its_lane, Look its_look)
      : lane(std::move(its_lane)), look(std::move(its_look)) {}
  const std::string lane;
  const Look look;
  Mutex mutex;  ///< Held while `look` runs.
  bool open DW_GUARDED_BY(mutex) = true;
};

namespace {

using State = Result<jobs::ConversationState>;

/// Collects what comes on the store's threads.
class Answers {
 public:
  explicit Answers(std::size_t count)
      : missing_(count), states_(count, fail(ErrorCode::kUnavailable, "no answer yet")) {}

  void put(std::size_t i, State state) {
    const MutexLock lock(mutex_);
    states_[i] = std::move(state);
    if (--missing_ == 0) whole_.notify_one();
  }
  std::vector<State> wait() {
    const MutexLock lock(mutex_);
    while (missing_ > 0) whole_.wait(mutex_);
    return std::move(states_);
  }

 private:
  Mutex mutex_;
  CondVar whole_;
  std::size_t missing_ DW_GUARDED_BY(mutex_);
  std::vector<State> states_ DW_GUARDED_BY(mutex_);
};

}  // namespace

class ConversationWatch::Impl {
 public:
  Impl(jobs::JobStore& store, Milliseconds every) : store_(store), every_(every) {}
  ~Impl() { stop(); }

  void start() {
    const MutexLock lifecycle(lifecycle_mutex_);
    if (thread_.joinable()) return;
    {
      const MutexLock lock(mutex_);
      stopping_ = false;
    }
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    const MutexLock lifecycle(lifecycle_mutex_);
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  void add(std::shared_ptr<Entry> entry) {
    const MutexLock lock(mutex_);
    entries_.push_back(std::move(entry));
    if (entries_.size() == 1) changed_.notify_all();
  }

 private:
  void run() {
    log::name_thread("watch-0");
    for (;;) {
      const auto round = next_round();
      if (round.empty()) return;
      look_at(round);
    }
  }

  /// After a while, those that are open; empty: stop.
  std::vector<std::shared_ptr<Entry>> next_round() {
    const MutexLock lock(mutex_);
    for (;;) {
      while (!stopping_ && entries_.empty()) changed_.wait(mutex_);
      const auto until = std::chrono::steady_clock::now() + every_;
      while (!stopping_ && std::chrono::steady_clock::now() < until) {
        changed_.wait_until(mutex_, until);
      }
      if (stopping_) return {};
      std::erase_if(entries_, [](const auto& entry) {
        const MutexLock entry_lock(entry->mutex);
        return !entry->open;
      });
      if (!entries_.empty()) return entries_;
    }
  }

  void look_at(const std::vector<std::shared_ptr<Entry>>& round) {
    const std::vector<State> states = read(round);
    for (std::size_t i = 0; i < round.size(); ++i) {
      Entry& entry = *round[i];
      const MutexLock lock(entry.mutex);
      if (entry.open && states[i]) entry.look(*states[i]);
    }
  }

  /// All asked for at once: hundreds of answers under way cost one exchange with Redis a look.
  std::vector<State> read(const std::vector<std::shared_ptr<Entry>>& round) {
    const auto answers = std::make_shared<Answers>(round.size());
    for (std::size_t i = 0; i < round.size(); ++i) {
      store_.conversation_async(round[i]->lane,
                                [answers, i](State state) { answers->put(i, std::move(state)); });
    }
    return answers->wait();
  }

  jobs::JobStore& store_;
  const Milliseconds every_;
  Mutex lifecycle_mutex_;
  std::thread thread_ DW_GUARDED_BY(lifecycle_mutex_);
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ DW_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Entry>> entries_ DW_GUARDED_BY(mutex_);
};

ConversationWatch::ConversationWatch(jobs::JobStore& store, Milliseconds every)
    : impl_(std::make_unique<Impl>(store, every)) {}
ConversationWatch::~ConversationWatch() = default;
void ConversationWatch::start() { impl_->start(); }
void ConversationWatch::stop() { impl_->stop(); }

ConversationWatch::Scope ConversationWatch::watch(const std::string& lane, Look look) {
  auto entry = std::make_shared<Entry>(lane, std::move(look));
  impl_->add(entry);
  return Scope(std::move(entry));
}

void ConversationWatch::Scope::end() {
  if (!entry_) return;
  const MutexLock lock(entry_->mutex);
  entry_->open = false;
}

}  // namespace deskwire::worker
