#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "jobs/helpdesk_event.h"

namespace deskwire::webhooks {

/// What every source's parser needs to read strangers' JSON. All of these answer with a harmless
/// value when the field is missing or of another type; none throws.

/// Parses a delivery's body as a JSON object.
/// @errors As SourceParser::parse, except kCorrupt.
Result<nlohmann::json> parse_body(std::string_view body,
                                  std::span<const std::string_view> ignored_keys = {});

/// `<event>: <cause>` as kCorrupt; never holds values of the payload.
tl::unexpected<Error> bad_shape(std::string_view event, std::string_view cause);

/// True for [a-z_.]{1,64}: a name that may be logged and stored.
bool is_event_name(std::string_view name);

/// A vendor's event name in that form: what stands behind its last colon, '-' as '_'; empty when it
/// cannot be made one.
std::string event_name_of(std::string_view name);

/// A word of a closed vocabulary, [a-z_]{1,32}; empty when it is anything else.
std::string word_at(const nlohmann::json& object, std::string_view key);

/// An id as text, at most 200 bytes; empty when missing.
std::string text_id_at(const nlohmann::json& object, std::string_view key);

/// Whether something is private: where a flag is of another type than it should be, rather so.
/// False when it is missing, null, false, 0, "", "0" or "false".
bool private_at(const nlohmann::json& object, std::string_view key);

/// True when `content` is there but neither a text nor null.
bool has_odd_content(const nlohmann::json& object);

/// Cleaned text: content up to 150,000 characters, names up to 256.
std::string content_at(const nlohmann::json& object, std::string_view key);
std::string person_name_at(const nlohmann::json& object, std::string_view key);

/// "Ann Lee" out of two keys; one of them may be missing.
std::string joined_name_at(const nlohmann::json& object, std::string_view first_key,
                           std::string_view last_key);

/// The text at `key`, or the name of the object there: `"open"` and `{"name":"open"}` alike.
std::string label_at(const nlohmann::json& object, std::string_view key);

/// The texts, numbers and flags of the object at `key` as texts, at most 64 of at most 256
/// characters; names as they are, up to 64 bytes.
std::map<std::string, std::string> attributes_at(const nlohmann::json& object,
                                                 std::string_view key);

/// The text when it is an http(s) URL of at most 2048 bytes, else empty: a browser will follow it.
std::string safe_url_at(const nlohmann::json& object, std::string_view key);

/// Unix ms of an ISO 8601 string, or of a number in the given unit. 0: unknown or negative.
enum class EpochUnit : std::uint8_t { kSeconds, kMilliseconds };
std::int64_t time_ms_at(const nlohmann::json& object, std::string_view key, EpochUnit unit);

/// One of the statuses of a message (sent, delivered, read, failed) or of a conversation (open,
/// resolved, pending, snoozed); empty for any other word.
std::string message_status_at(const nlohmann::json& object, std::string_view key);
std::string conversation_status_at(const nlohmann::json& object, std::string_view key);

/// The status in our words for a vendor's word, any case; empty when the table has none.
struct StatusWord {
  std::string_view vendor;
  std::string_view ours;
};
std::string status_of(std::span<const StatusWord> table, std::string_view vendor);

/// Adds a change as JSON texts; `from` null where the vendor does not say it.
void add_change(jobs::HelpdeskEvent& event, const char* name, const nlohmann::json& from,
                const nlohmann::json& to);

/// The texts of a list, such as labels: at most 50 of at most 128 bytes; others are left out.
std::vector<std::string> short_texts_at(const nlohmann::json& object, std::string_view key);

/// Takes the single values of `record.custom_attributes` over as "<owner>.<name>": texts, numbers
/// and flags of at most 128 bytes, at most 50 of them.
void read_attributes(const nlohmann::json& record, std::string_view owner,
                     std::map<std::string, std::string>& into);

/// The array at `key`, or an empty one.
const nlohmann::json& array_at(const nlohmann::json& object, std::string_view key);

}  // namespace deskwire::webhooks
