#include "cli/tail_feed.h"

#include <utility>

#include "core/log.h"
#include "jobs/job_tail.h"

namespace deskwire::cli {
namespace {

constexpr std::size_t kKept = 1000;
constexpr Milliseconds kPatience{250};
constexpr std::chrono::seconds kUnasked{60};

}  // namespace

TailFeed::TailFeed(redis::Client& client, redis::Client::Options connection)
    : client_(client), connection_(std::move(connection)) {}

TailFeed::~TailFeed() { stop(); }

TailFeed::Page TailFeed::read(std::optional<std::uint64_t> after) {
  const MutexLock lock(mutex_);
  asked_ = std::chrono::steady_clock::now();
  if (!following_ && !stopped_) {
    // One that ended for want of questions has left the thread to be joined.
    if (thread_.joinable()) thread_.join();
    following_ = true;
    gap_ = newest_;
    thread_ = std::thread([this] { follow(); });
  }
  Page page;
  page.next = newest_;
  if (!after) return page;
  // Numbers of another process's life are larger than ours, or mean other changes: begin anew.
  const std::uint64_t from = *after > newest_ ? 0 : *after;
  const std::uint64_t oldest = changes_.empty() ? newest_ + 1 : changes_.front().number;
  page.missed = *after > newest_ || from + 1 < oldest || from < gap_;
  for (const Change& change : changes_) {
    if (change.number > from) page.jobs.push_back(change.job);
  }
  return page;
}

void TailFeed::stop() {
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

bool TailFeed::wanted() {
  const MutexLock lock(mutex_);
  if (!stopped_ && std::chrono::steady_clock::now() - asked_ < kUnasked) return true;
  following_ = false;
  return false;
}

void TailFeed::follow() {
  log::name_thread("admin-tail");
  jobs::JobTail tail(client_, connection_);
  tail.start();
  bool began = false;
  while (wanted()) {
    auto piece = tail.next(kPatience);
    const MutexLock lock(mutex_);
    if (!piece || piece->missed || (piece->began && began)) gap_ = newest_ + 1;
    if (!piece) continue;
    began = began || piece->began;
    for (jobs::Job& job : piece->changed) changes_.push_back({++newest_, std::move(job)});
    while (changes_.size() > kKept) changes_.pop_front();
  }
}

}  // namespace deskwire::cli
