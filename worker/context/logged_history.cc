#include "worker/context/logged_history.h"

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/channel.h"
#include "core/json.h"
#include "core/log.h"
#include "worker/context/quoted_mail.h"

namespace deskwire::worker {
namespace {

using nlohmann::json;

// Typing is not in the log, but statuses, edits and the like are: about three a message.
constexpr std::size_t kEntriesATurn = 4;
constexpr std::size_t kMaxEntries = 400;

Turn::Who who_of(const std::string& event, const json& data) {
  if (event == "message:user") return Turn::Who::kCustomer;
  const std::string type = string_at(object_at(data, "sender"), "type");
  return event == "message:ai" || type == "bot" ? Turn::Who::kAssistant : Turn::Who::kAgent;
}

Turn* find(std::vector<Turn>& turns, const std::string& id) {
  const auto found = std::find_if(turns.begin(), turns.end(),
                                  [&id](const Turn& turn) { return turn.message_id == id; });
  return found == turns.end() ? nullptr : &*found;
}

void apply(std::vector<Turn>& turns, const std::string& event, const json& data) {
  const std::string id = string_at(data, "messageId");
  if (event == "message:user" || event == "message:agent" || event == "message:ai") {
    std::string text = without_quoted_history(string_at(data, "content"));
    if (Turn* known = find(turns, id)) {
      known->text = std::move(text);
    } else {
      turns.push_back({who_of(event, data), id, std::move(text)});
    }
    return;
  }
  Turn* const known = find(turns, id);
  if (known == nullptr) return;
  if (event == "message:edited") known->text = without_quoted_history(string_at(data, "content"));
  const bool gone = event == "message:deleted" ||
                    (event == "message:status" && string_at(data, "status") == "failed");
  if (gone) turns.erase(turns.begin() + (known - turns.data()));
}

/// The turns before `message_id`, the newest `limit` of them.
History cut(std::vector<Turn> turns, const std::string& message_id, std::size_t limit, bool more) {
  const auto asked = std::find_if(turns.begin(), turns.end(), [&message_id](const Turn& turn) {
    return turn.message_id == message_id;
  });
  turns.erase(asked, turns.end());
  std::erase_if(turns, [](const Turn& turn) { return turn.text.empty(); });
  if (turns.size() > limit) {
    turns.erase(turns.begin(), turns.end() - static_cast<std::ptrdiff_t>(limit));
    more = true;
  }
  return {std::move(turns), more};
}

}  // namespace

Result<History> LoggedHistory::before(const ConversationRef& conversation, HelpdeskClient& client,
                                      const std::string& message_id, std::size_t limit) {
  if (limit == 0) return History{};
  std::promise<Result<ChannelLogPage>> promise;
  auto answer = promise.get_future();
  log_.history(conversation_channel(conversation.key),
               {.limit = std::min(kMaxEntries, (limit + 1) * kEntriesATurn)},
               [&promise](Result<ChannelLogPage> page) { promise.set_value(std::move(page)); });
  const auto page = answer.get();
  if (!page) return fail(page.error());
  std::vector<Turn> turns;
  for (const auto& entry : page->entries) {
    const auto envelope = parse_json(entry.envelope);
    if (envelope) apply(turns, string_at(*envelope, "event"), object_at(*envelope, "data"));
  }
  History history = cut(std::move(turns), message_id, limit, page->more);
  if (!history.turns.empty()) return history;
  // The helpdesk may know what was said before we came; a log of one message says nothing.
  auto read = client.read_messages(conversation, message_id, limit);
  if (!read) {
    log::debug("history_not_read",
               {{"conversation", conversation.key}, {"code", name_of(read.error().code)}});
    return history;
  }
  for (Turn& turn : read->turns) turn.text = without_quoted_history(turn.text);
  return cut(std::move(read->turns), message_id, limit, read->more);
}

}  // namespace deskwire::worker
