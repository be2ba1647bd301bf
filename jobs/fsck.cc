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

/// Name of a key without the shard's prefix, and the type that it should have.
using WantedType = std::pair<std::string, std::string_view>;

/// Without these no script runs. Of the others, what jobs consist of is checked: kJobKeys.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kShardKeys{
    {{"ready", "list"},
     {"lease", "zset"},
     {"timers", "zset"},
     {"parked", "zset"},
     {"halts", "hash"},
     {"done", "zset"},
     {"dead", "zset"},
     {"cancelled", "zset"},
     {"meta", "hash"},
     {"counts", "hash"},
     {"bell", "list"},
     {"audit", "stream"}}};

constexpr const char* kJobKeys = "dw:{*}:[jlqhx]:*";

/// The type of a key of kJobKeys.
std::string_view type_of(char letter) { return letter == 'j' || letter == 'x' ? "hash" : "list"; }

/// What the keys of a shard say that there is.
struct Shard {
  std::unordered_set<std::string> lanes;
  /// Oldest first, to the millisecond: a lane whose list is lost gets them back in that order.
  std::set<std::string> jobs;
  std::set<WantedType> wrong;  ///< Keys of another type.
  std::string counters;        ///< As fsck_counts.lua compares them; empty: they cannot be.
  std::size_t repaired = 0;
};

class Fsck {
 public:
  Fsck(redis::Client& client, bool repair, const Operator& by)
      : client_(client), repair_(repair), by_(by) {}

  Result<FsckReport> run() {
    Status checked = on_each_shard([this](int shard) { return check_keys(shard, kShardKeys); });
    // Read before the keys are: what moves between is noticed.
    if (checked) checked = on_each_shard([this](int shard) { return read_counters(shard); });
    if (checked) checked = scan();
    const auto check_and_note = [this](int shard) {
      Status done = check(shard);
      Status noted = note(shard);
      return done ? noted : done;
    };
    if (checked) checked = on_each_shard(check_and_note);
    if (!checked) return fail(std::move(checked).error().prefixed("fsck"));
    return std::move(report_);
  }

 private:
  Result<Reply> call(redis::Command command) { return client_.call(std::move(command)); }

  /// Where Redis answers, but a shard does not let itself be checked, the others still do.
  template <typename Use>
  Status on_each_shard(Use use) {
    for (int shard = 0; shard < kShardCount; ++shard) {
      Status used = use(shard);
      if (used) continue;
      const std::string where = "shard=" + std::to_string(shard);
      Error error = std::move(used).error();
      if (error.code != ErrorCode::kCorrupt && error.code != ErrorCode::kInvalid) {
        return fail(std::move(error).prefixed(where));
      }
      add({shard, where + " could not be checked to its end: " + error.message, false, false});
    }
    return {};
  }

  template <typename Keys>
  Status check_keys(int shard, const Keys& wanted) {
    std::vector<std::string> args{repair_ ? "1" : "0", kept_actor(by_.actor)};
    for (const auto& [name, type] : wanted) {
      args.emplace_back(name);
      args.emplace_back(type);
    }
    const Result<Reply> found =
        client_.run(scripts::fsck_keys(), scripts::keys_of(shard), std::move(args));
    if (!found) return fail(found.error());
    take(shard, "key ", *found);
    return {};
  }

  Status read_counters(int shard) {
    std::string& text = of(shard).counters;
    const Result<Reply> fence = call({"HGET", keys::prefix(shard) + "meta", "fence"});
    if (!fence) return unless_wrong_type(fence.error());
    const Result<Reply> counts = call({"HGETALL", keys::prefix(shard) + "counts"});
    if (!counts) return unless_wrong_type(counts.error());
    text = fence->is_nil() ? "0" : fence->as_string();
    for (const Reply& value : counts->items) text += ' ' + value.as_string();
    return {};
  }

  /// Every lane and job that has a key, and what else of jobs is of a wrong type.
  Status scan() {
    for (const char* type : {"list", "hash", "string", "set", "zset", "stream"}) {
      std::string cursor = "0";
      do {
        const Result<Reply> page =
            call({"SCAN", cursor, "MATCH", kJobKeys, "COUNT", kKeysPerScan, "TYPE", type});
        if (!page) return fail(page.error());
        cursor = page->at(0).as_string();
        for (const Reply& key : page->at(1).items) note_key(key.text, type);
      } while (cursor != "0");
    }
    return {};
  }

  void note_key(std::string_view key, std::string_view type) {
    const int shard = keys::shard_of(key);
    if (shard < 0) return;
    key.remove_prefix(keys::prefix(shard).size());
    Shard& names = of(shard);
    const std::string_view wanted = type_of(key.front());
    if (type != wanted) {
      names.wrong.emplace(key, wanted);
      return;
    }
    if (key.starts_with("l:")) names.lanes.emplace(key.substr(2));
    if (key.starts_with("j:")) names.jobs.emplace(key.substr(2));
  }

  Status check(int shard) {
    Shard& names = of(shard);
    Status mended = in_pieces(names.wrong, kJobsPerCall, [&](const auto& piece) -> Status {
      return check_keys(shard, piece);
    });
    if (!mended) return mended;
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
        if (!page && page.error().code == ErrorCode::kCorrupt) break;
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

  Status check_jobs(int shard, const std::set<std::string>& jobs, Recount& counted) {
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
      if (!page) return unless_wrong_type(page.error());
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
    const std::string& before = of(shard).counters;
    if (before.empty()) return {};
    std::vector<std::string> args{before, repair_ ? "1" : "0"};
    for (const auto& [field, jobs] : counted)
      args.insert(args.end(), {field, std::to_string(jobs)});
    const Result<Reply> reply =
        client_.run(scripts::fsck_counts(), scripts::keys_of(shard), std::move(args));
    if (!reply) return fail(reply.error());
    if (reply->text == "moved") ++report_.shards_not_counted;
    if (reply->text == "wrong") {
      add({shard, "the counters of jobs differ from a recount", true, repair_});
    }
    return {};
  }

  template <typename Names, typename Use>
  static Status in_pieces(const Names& names, std::size_t size, Use use) {
    for (auto begin = names.begin(); begin != names.end();) {
      std::vector<typename Names::value_type> piece;
      for (; begin != names.end() && piece.size() < size; ++begin) piece.push_back(*begin);
      if (Status used = use(std::move(piece)); !used) return used;
    }
    return {};
  }

  /// What fsck_keys.lua has found is passed over by whoever needs the key.
  static Status unless_wrong_type(const Error& error) {
    if (error.code == ErrorCode::kCorrupt) return {};
    return fail(error);
  }

  /// Triples of name, what is wrong, whether that can be repaired.
  void take(int shard, const char* kind, const Reply& found) {
    for (std::size_t i = 0; i + 2 < found.items.size(); i += 3) {
      const bool repairable = found.at(i + 2).as_string() == "1";
      add({shard, kind + found.at(i).as_string() + " " + found.at(i + 1).as_string(), repairable,
           repairable && repair_});
    }
  }

  void add(FsckFinding finding) {
    ++report_.findings;
    if (finding.repairable) ++report_.repairable;
    if (finding.repaired) {
      ++report_.repaired;
      ++of(finding.shard).repaired;
    }
    if (report_.list.size() < kListed) report_.list.push_back(std::move(finding));
  }

  Status note(int shard) {
    const std::size_t repaired = of(shard).repaired;
    if (repaired == 0) return {};
    const std::string reason = std::to_string(repaired) + " repaired" +
                               (by_.reason.empty() ? "" : "; " + kept_error_message(by_.reason));
    const Result<Reply> noted =
        call({"XADD", keys::prefix(shard) + "audit", "MAXLEN", "~", std::to_string(kAuditEntries),
              "*", "verb", "fsck", "shard", std::to_string(shard), "actor", kept_actor(by_.actor),
              "reason", reason});
    if (!noted) return fail(Error(noted.error()).prefixed("audit"));
    return {};
  }

  Shard& of(int shard) { return shards_.at(static_cast<std::size_t>(shard)); }

  redis::Client& client_;
  const bool repair_;
  const Operator& by_;
  std::array<Shard, kShardCount> shards_;
  FsckReport report_;
};

}  // namespace

Result<FsckReport> fsck(redis::Client& client, bool repair, const Operator& by) {
  return Fsck(client, repair, by).run();
}

}  // namespace deskwire::jobs
