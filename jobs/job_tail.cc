#include "jobs/job_tail.h"

#include <future>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "core/ids.h"
#include "core/mutex.h"
#include "core/redis/key_watcher.h"
#include "jobs/keys.h"
#include "jobs/redis_job_record.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

/// Changed jobs that wait to be asked for, and jobs whose last state is remembered.
constexpr std::size_t kMaxWaiting = 10000;
constexpr std::size_t kMaxRemembered = 100000;
constexpr std::size_t kAskedAtOnce = 500;

std::vector<std::string> job_prefixes() {
  std::vector<std::string> prefixes;
  prefixes.reserve(kShardCount);
  for (int shard = 0; shard < kShardCount; ++shard) prefixes.push_back(keys::job(shard, JobId()));
  return prefixes;
}

}  // namespace

class JobTail::Impl {
 public:
  Impl(redis::Client& client, const redis::Client::Options& connection)
      : client_(client),
        watcher_(connection, job_prefixes(), [this](auto changed) { note(std::move(changed)); }) {}

  void start() { watcher_.start(); }
  void stop() { watcher_.stop(); }

  Result<Piece> next(Milliseconds patience) {
    Piece piece;
    std::vector<std::string> asked;
    {
      const auto deadline = std::chrono::steady_clock::now() + patience;
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !began_ && std::chrono::steady_clock::now() < deadline) {
        changed_.wait_until(mutex_, deadline);
      }
      piece.began = std::exchange(began_, false);
      piece.missed = std::exchange(missed_, false);
      const std::size_t count = std::min(kAskedAtOnce, waiting_.size());
      asked.assign(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
      for (const std::string& key : asked) known_waiting_.erase(key);
    }
    if (auto read = read_jobs(asked, piece); !read) return fail(std::move(read.error()));
    return piece;
  }

 private:
  using Seen = std::tuple<JobState, int, int, std::int64_t, std::int64_t>;

  void note(std::vector<std::string> changed) {
    const MutexLock lock(mutex_);
    began_ = began_ || changed.empty();
    for (std::string& key : changed) {
      if (waiting_.size() >= kMaxWaiting) {
        missed_ = true;
        break;
      }
      if (known_waiting_.insert(key).second) waiting_.push_back(std::move(key));
    }
    changed_.notify_all();
  }

  Status read_jobs(const std::vector<std::string>& asked, Piece& piece) {
    std::vector<std::future<Result<Reply>>> answers;
    for (const std::string& key : asked) {
      auto answer = std::make_shared<std::promise<Result<Reply>>>();
      answers.push_back(answer->get_future());
      client_.submit({"HGETALL", key},
                     [answer](Result<Reply> reply) { answer->set_value(std::move(reply)); });
    }
    Status all;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const Result<Reply> reply = answers[i].get();
      if (!reply) {
        all = fail(reply.error());
        continue;
      }
      const std::string prefix = keys::job(keys::shard_of(asked[i]), JobId());
      auto job = read_job(JobId(asked[i].substr(prefix.size())), *reply);
      if (job && is_news(*job)) piece.changed.push_back(std::move(*job));
    }
    return all;
  }

  bool is_news(const Job& job) {
    if (seen_.size() >= kMaxRemembered) seen_.clear();
    const Seen now{job.state, job.attempt, job.crashes, job.leased_at_ms, job.due_at_ms};
    const auto [known, first] = seen_.emplace(job.id, now);
    if (!first && known->second == now) return false;
    known->second = now;
    return true;
  }

  redis::Client& client_;
  std::map<JobId, Seen> seen_;  ///< Of the thread that asks.
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> waiting_ DW_GUARDED_BY(mutex_);
  std::set<std::string> known_waiting_ DW_GUARDED_BY(mutex_);
  bool began_ DW_GUARDED_BY(mutex_) = false;
  bool missed_ DW_GUARDED_BY(mutex_) = false;
  redis::KeyWatcher watcher_;  ///< Last: it uses all of the above.
};

JobTail::JobTail(redis::Client& client, const redis::Client::Options& connection)
    : impl_(std::make_unique<Impl>(client, connection)) {}
JobTail::~JobTail() { stop(); }
void JobTail::start() { impl_->start(); }
void JobTail::stop() { impl_->stop(); }
Result<JobTail::Piece> JobTail::next(Milliseconds patience) { return impl_->next(patience); }

}  // namespace deskwire::jobs
