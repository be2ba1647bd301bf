#include "jobs/fsck.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/ids.h"
#include "jobs/keys.h"
#include "jobs/redis_job_record.h"
#include "jobs/redis_scripts.h"
#include "jobs/store_rules.h"

namespace deskwire::jobs {
namespace {

using redis::Reply;

constexpr std::size_t kListed = 1000;
constexpr std::size_t kLanesPerCall = 10;
constexpr std::size_t kLaneJobsPerCall = 100;
constexpr std::size_t kJobsPerCall = 50;
constexpr std::size_t kMembersPerCall = 500;
constexpr const char* kKeysPerScan = "1000";

/// Jobs by "<state letter>:<kind>".
using Recount = std::map<std::string, std::int64_t>;

/// What the keys of a shard say that there is.
struct ShardNames {
  std::unordered_set<std::string> lanes;
  std::unordered_set<std::string> jobs;
};

class Fsck {
 public:
  Fsck(redis::Client& client, bool repair, const Operator& by)
      : client_(client), repair_(repair), by_(by) {}

  Result<FsckReport> run() {
    // Read before the keys are: what moves between is noticed.
    for (int shard = 0; shard < kShardCount; ++shard) {
      auto counters = read_counters(shard);
      if (!counters) return fail(std::move(counters.error()));
      counters_.push_back(std::move(*counters));
    }
    if (Status scanned = scan(); !scanned) return fail(std::move(scanned.error()));
    for (int shard = 0; shard < kShardCount; ++shard) {
      const std::size_t repaired_before = report_.repaired;
      if (Status checked = check(shard); !checked) {
        return fail(std::move(checked).error().prefixed("fsck shard=" + std::to_string(shard)));
      }
      const std::size_t repaired = report_.repaired - repaired_before;
      if (repaired == 0) continue;
      if (Status noted = note(shard, repaired); !noted) return fail(std::move(noted.error()));
    }
    return std::move(report_);
  }

 private:
  Result<Reply> call(redis::Command command) { return client_.call(std::move(command)); }

  Result<std::string> read_counters(int shard) {
    const Result<Reply> fence = call({"HGET", keys::prefix(shard) + "meta", "fence"});
    if (!fence) return fail(Error(fence.error()).prefixed("fsck"));
    const Result<Reply> counts = call({"HGETALL", keys::prefix(shard) + "counts"});
    if (!counts) return fail(Error(counts.error()).prefixed("fsck"));
    std::string text = fence->is_nil() ? "0" : fence->as_string();
    for (const Reply& value : counts->items) text += ' ' + value.as_string();
    return text;
  }

  /// Every lane and job that has a key.
  Status scan() {
    std::string cursor = "0";
    do {
      const Result<Reply> page =
          call({"SCAN", cursor, "MATCH", "dw:{*}:[jl]:*", "COUNT", kKeysPerScan});
      if (!page) return fail(Error(page.error()).prefixed("fsck"));
      cursor = page->at(0).as_string();
      for (const Reply& key : page->at(1).items) note_key(key.text);
    } while (cursor != "0");
    return {};
  }

  void note_key(std::string_view key) {
    const int shard = keys::shard_of(key);
    if (shard < 0) return;
    const std::string prefix = keys::prefix(shard);
    key.remove_prefix(prefix.size());
    ShardNames& names = names_.at(static_cast<std::size_t>(shard));
    if (key.starts_with("l:")) names.lanes.emplace(key.substr(2));
    if (key.starts_with("j:")) names.jobs.emplace(key.substr(2));
  }

  Status check(int shard) {
    ShardNames& names = names_.at(static_cast<std::size_t>(shard));
    if (Status placed = add_placed_lanes(shard, names.lanes); !placed) return placed;
    if (Status checked = check_lanes(shard, names.lanes); !checked) return checked;
    Recount counted;
    if (Status checked = check_jobs(shard, names.jobs, counted); !checked) return checked;
    constexpr std::array<std::pair<const char*, const char*>, 3> kSets{
        {{"done", "c"}, {"dead", "d"}, {"cancelled", "x"}}};
    for (const auto& [set, letter] : kSets) {
      if (Status checked = check_finished(shard, set, letter); !checked) return checked;
    }
    return check_counters(shard, counted);
  }

  /// Lanes that are placed somewhere without having a job.
  Status add_placed_lanes(int shard, std::unordered_set<std::string>& lanes) {
    const std::string prefix = keys::prefix(shard);
    constexpr std::array<std::pair<const char*, const char*>, 4> kPlaces{
        {{"ready", "LRANGE"}, {"lease", "ZRANGE"}, {"timers", "ZRANGE"}, {"parked", "ZRANGE"}}};
    for (const auto& [place, command] : kPlaces) {
      const std::string mark = std::string_view(place) == "timers" ? "r:" : "";
      for (std::size_t begin = 0;; begin += kMembersPerCall) {
        const Result<Reply> page = call({command, prefix + place, std::to_string(begin),
                                         std::to_string(begin + kMembersPerCall - 1)});
        if (!page) return fail(page.error());
        for (const Reply& member : page->items) {
          if (member.text.starts_with(mark)) lanes.insert(member.text.substr(mark.size()));
        }
        if (page->items.size() < kMembersPerCall) break;
      }
    }
    return {};
  }

  Status check_lanes(int shard, const std::unordered_set<std::string>& lanes) {
    report_.lanes += lanes.size();
    return in_pieces(lanes, kLanesPerCall, [&](std::vector<std::string> piece) -> Status {
      piece.insert(piece.begin(), {repair_ ? "1" : "0", std::to_string(kLaneJobsPerCall)});
      const Result<Reply> found =
          client_.run(scripts::fsck_lanes(), scripts::keys_of(shard), std::move(piece));
      if (!found) return fail(found.error());
      take(shard, "lane ", *found);
      return {};
    });
  }

  Status check_jobs(int shard, const std::unordered_set<std::string>& jobs, Recount& counted) {
    report_.jobs += jobs.size();
    return in_pieces(jobs, kJobsPerCall, [&](std::vector<std::string> piece) -> Status {
      piece.insert(piece.begin(), repair_ ? "1" : "0");
      const Result<Reply> found =
          client_.run(scripts::fsck_jobs(), scripts::keys_of(shard), std::move(piece));
      if (!found) return fail(found.error());
      take(shard, "job ", found->at(0));
      for (const Reply& state : found->at(1).items) {
        // Running jobs have no counter.
        if (!state.text.empty() && state.text.front() != 'r') ++counted[state.text];
      }
      return {};
    });
  }

  Status check_finished(int shard, const std::string& set, const std::string& letter) {
    std::set<std::string> members;
    for (std::size_t begin = 0;; begin += kMembersPerCall) {
      const Result<Reply> page = call({"ZRANGE", keys::prefix(shard) + set, std::to_string(begin),
                                       std::to_string(begin + kMembersPerCall - 1)});
      if (!page) return fail(page.error());
      for (const Reply& id : page->items) members.insert(id.text);
      if (page->items.size() < kMembersPerCall) break;
    }
    return in_pieces(members, kMembersPerCall, [&](std::vector<std::string> piece) -> Status {
      piece.insert(piece.begin(), {repair_ ? "1" : "0", set, letter});
      const Result<Reply> found =
          client_.run(scripts::fsck_finished(), scripts::keys_of(shard), std::move(piece));
      if (!found) return fail(found.error());
      take(shard, "job ", *found);
      return {};
    });
  }

  Status check_counters(int shard, const Recount& counted) {
    // A repair has moved the counters along with the jobs, so the recount is of another moment.
    const std::string& before = counters_.at(static_cast<std::size_t>(shard));
    std::vector<std::string> args{before, repair_ ? "1" : "0"};
    for (const auto& [field, jobs] : counted)
      args.insert(args.end(), {field, std::to_string(jobs)});
    const Result<Reply> reply =
        client_.run(scripts::fsck_counts(), scripts::keys_of(shard), std::move(args));
    if (!reply) return fail(reply.error());
    if (reply->text == "moved") ++report_.shards_not_counted;
    if (reply->text == "wrong") {
      add({shard, "the counters of jobs differ from a recount", repair_});
    }
    return {};
  }

  template <typename Names, typename Use>
  static Status in_pieces(const Names& names, std::size_t size, Use use) {
    for (auto begin = names.begin(); begin != names.end();) {
      std::vector<std::string> piece;
      for (; begin != names.end() && piece.size() < size; ++begin) piece.push_back(*begin);
      if (Status used = use(std::move(piece)); !used) return used;
    }
    return {};
  }

  /// Triples of name, what is wrong, whether it is repaired.
  void take(int shard, const char* kind, const Reply& found) {
    for (std::size_t i = 0; i + 2 < found.items.size(); i += 3) {
      add({shard, kind + found.at(i).as_string() + " " + found.at(i + 1).as_string(),
           found.at(i + 2).as_string() == "1"});
    }
  }

  void add(FsckFinding finding) {
    ++report_.findings;
    if (finding.repaired) ++report_.repaired;
    if (report_.list.size() < kListed) report_.list.push_back(std::move(finding));
  }

  Status note(int shard, std::size_t repaired) {
    const std::string reason = std::to_string(repaired) + " repaired" +
                               (by_.reason.empty() ? "" : "; " + kept_error_message(by_.reason));
    const Result<Reply> noted =
        call({"XADD", keys::prefix(shard) + "audit", "MAXLEN", "~", std::to_string(kAuditEntries),
              "*", "verb", "fsck", "shard", std::to_string(shard), "actor", kept_actor(by_.actor),
              "reason", reason});
    if (!noted) return fail(Error(noted.error()).prefixed("fsck audit"));
    return {};
  }

  redis::Client& client_;
  const bool repair_;
  const Operator& by_;
  std::array<ShardNames, kShardCount> names_;
  std::vector<std::string> counters_;
  FsckReport report_;
};

}  // namespace

Result<FsckReport> fsck(redis::Client& client, bool repair, const Operator& by) {
  return Fsck(client, repair, by).run();
}

}  // namespace deskwire::jobs
