#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jobs/clock_store.h"
#include "worker/sla/policy_book.h"

namespace deskwire::testing {

/// Lives through scripted conversations with an injected clock, as keepers would: looks when a fact
/// comes or when something is due, and remembers what was told. Redis is a map.
///
/// A script line is `<day> <time> <what> [argument]`, day of March 2026 (32 is the first of April),
/// times in UTC. `what`: customer, agent, bot, macro, note, created STATUS, status STATUS, priority
/// P, label L (none: no labels), merged, deleted. `received D T` behind a line: it came then;
/// `again` behind a line: it came a second time an hour later.
class SlaDay {
 public:
  explicit SlaDay(std::shared_ptr<const worker::PolicyBook> book) : book_(std::move(book)) {}

  /// From this moment on another book counts, as after a reload.
  void reload(std::int64_t at_ms, std::shared_ptr<const worker::PolicyBook> book);
  /// @return One line an event: `27 09:30 met first_response/1 3600/1800`, in the order told; with
  ///         seconds where they are not 0.
  std::vector<std::string> live(const std::vector<std::string>& script, std::int64_t until_ms);

  static std::int64_t moment(const std::string& day, const std::string& time);

 private:
  struct Arrival {
    std::int64_t at_ms;
    std::string fact;
  };
  std::vector<Arrival> arrivals_of(const std::vector<std::string>& script) const;
  void look(jobs::StoredClocks& stored, std::int64_t now_ms, std::int64_t& due_ms,
            std::vector<std::string>& log) const;
  const worker::PolicyBook& book_at(std::int64_t now_ms) const;

  std::shared_ptr<const worker::PolicyBook> book_;
  std::map<std::int64_t, std::shared_ptr<const worker::PolicyBook>> reloads_;
};

}  // namespace deskwire::testing
