#include "tests/support/sla_day.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "core/json.h"
#include "core/timestamp.h"
#include "worker/sla/clock_plan.h"

namespace deskwire::testing {
namespace {

using nlohmann::json;

constexpr std::int64_t kDayMs = 86400000;

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string when(std::int64_t unix_ms) {
  const std::int64_t march = *parse_iso8601_ms("2026-03-01T00:00:00Z");
  const std::int64_t day = (unix_ms - march) / kDayMs + 1;
  const std::string iso = iso8601(unix_ms);
  const std::string time = iso.substr(11, 8);
  return std::to_string(day) + " " + (time.ends_with(":00") ? time.substr(0, 5) : time);
}

void take_what(const std::vector<std::string>& words, std::int64_t at_ms, int message, json& fact) {
  const std::string& what = words[2];
  const std::string argument = words.size() > 3 ? words[3] : "";
  const auto said = [&](const char* by) {
    fact["kind"] = "message_created";
    fact["by"] = by;
    fact["message"] = std::to_string(message);
    fact["created_at"] = at_ms;
  };
  fact["updated_at"] = at_ms;
  if (what == "customer") return said("contact");
  if (what == "agent") return said("user");
  if (what == "bot") return said("bot");
  if (what == "macro") return said("system");
  if (what == "note") {
    said("user");
    fact["private"] = true;
    return;
  }
  if (what == "deleted" || what == "merged") {
    fact["kind"] = "conversation_deleted";
    if (what == "merged") fact["merged"] = true;
    return;
  }
  fact["kind"] = what == "created"  ? "conversation_created"
                 : what == "status" ? "conversation_status"
                                    : "conversation_updated";
  if (what == "created") fact["created_at"] = at_ms;
  if (what == "created" || what == "status") {
    fact["status"] = argument;
  } else if (what == "priority") {
    fact["priority"] = argument;
  } else if (what == "label") {
    fact["labels"] = argument == "none" ? json::array() : json::array({argument});
  } else {
    throw std::runtime_error("no such step: " + what);
  }
}

}  // namespace

std::int64_t SlaDay::moment(const std::string& day, const std::string& time) {
  const std::int64_t march = *parse_iso8601_ms("2026-03-01T00:00:00Z");
  const std::string full = time.size() == 5 ? time + ":00" : time;
  const std::int64_t clock = *parse_iso8601_ms("2026-03-01T" + full + "Z") - march;
  return march + (std::stoll(day) - 1) * kDayMs + clock;
}

void SlaDay::reload(std::int64_t at_ms, std::shared_ptr<const worker::PolicyBook> book) {
  reloads_[at_ms] = std::move(book);
}

const worker::PolicyBook& SlaDay::book_at(std::int64_t now_ms) const {
  const auto after = reloads_.upper_bound(now_ms);
  return after == reloads_.begin() ? *book_ : *std::prev(after)->second;
}

std::vector<SlaDay::Arrival> SlaDay::arrivals_of(const std::vector<std::string>& script) const {
  std::vector<Arrival> arrivals;
  int message = 0;
  for (const std::string& line : script) {
    const auto words = words_of(line);
    const std::int64_t at_ms = moment(words.at(0), words.at(1));
    std::int64_t received_ms = at_ms;
    const auto received = std::find(words.begin(), words.end(), "received");
    if (received != words.end()) received_ms = moment(*(received + 1), *(received + 2));
    json fact = {{"v", 1}, {"source", "support"}, {"account", "1"}};
    take_what(words, at_ms, ++message, fact);
    arrivals.push_back({received_ms, dump_json(fact)});
    const bool again = words.back() == "again";
    if (again) arrivals.push_back({received_ms + 3600000, dump_json(fact)});
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at_ms < b.at_ms; });
  return arrivals;
}

void SlaDay::look(jobs::StoredClocks& stored, std::int64_t now_ms, std::int64_t& due_ms,
                  std::vector<std::string>& log) const {
  const auto update = worker::plan_clocks(stored, book_at(now_ms), now_ms);
  for (const std::string& id : update.forget_told) stored.told.erase(id);
  for (const auto& [id, note] : update.notes) stored.told[id] = note;
  for (const jobs::ClockEvent& event : update.events) {
    if (!event.note.empty() && !stored.told.emplace(event.id, event.note).second) continue;
    const json data = json::parse(event.event.data);
    std::string line = when(event.event.timestamp) + " " + event.event.name.substr(4) + " " +
                       std::string(data.at("metric")) + "/" +
                       std::to_string(data.at("cycle").get<int>());
    if (event.event.name != "sla:retracted") {
      line += " " + std::to_string(data.at("threshold").get<std::int64_t>()) + "/" +
              std::to_string(data.at("actual").get<std::int64_t>());
    }
    if (data.value("late", false)) line += " late";
    if (data.contains("reason")) line += " " + data.at("reason").get<std::string>();
    log.push_back(std::move(line));
  }
  stored.clocks = update.clocks;
  ++stored.generation;
  due_ms = update.due_ms;
}

std::vector<std::string> SlaDay::live(const std::vector<std::string>& script,
                                      std::int64_t until_ms) {
  jobs::StoredClocks stored;
  stored.lane = "42";
  std::vector<std::string> log;
  std::int64_t due_ms = 0;
  auto arrivals = arrivals_of(script);
  for (const auto& [at_ms, book] : reloads_) arrivals.push_back({at_ms, ""});
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at_ms < b.at_ms; });
  const auto pass_until = [&](std::int64_t moment_ms) {
    while (due_ms != 0 && due_ms <= moment_ms) look(stored, due_ms, due_ms, log);
  };
  for (const Arrival& arrival : arrivals) {
    pass_until(arrival.at_ms - 1);
    if (!arrival.fact.empty()) {
      stored.facts.insert(stored.facts.begin(), {arrival.at_ms, arrival.fact});
    }
    look(stored, arrival.at_ms, due_ms, log);
  }
  pass_until(until_ms);
  return log;
}

}  // namespace deskwire::testing
