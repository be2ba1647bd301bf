#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/secret.h"
#include "core/clock.h"

/// Settings of the answers, config `replies` (docs/replies.md explains them together).
namespace deskwire::config {

/// All conditions that are given must hold; a rule without any fits every message.
struct ReplyRule {
  std::string contains;                ///< Text that the message must contain, whatever the case.
  std::vector<std::string> phrases;    ///< One of these, as whole words, whatever the case.
  std::string pattern;                 ///< RE2 regular expression, found anywhere.
  std::vector<std::string> labels;     ///< The conversation has one of these.
  std::vector<std::string> languages;  ///< The message is in one of these ("en").
  std::vector<std::string> days;       ///< "mon" … "sun", in replies.time_zone.
  std::string from;                    ///< "09:00": from then on …
  std::string to;                      ///< … until before then; may pass midnight.
  std::string reply;                   ///< May use {name}, {content}, {attribute.<key>}, …
};

/// A customer's burst of messages is answered once. Off while `quiet` is 0.
struct Debounce {
  Milliseconds quiet{0};         ///< Without a message, before the reply is begun.
  Milliseconds max_wait{20000};  ///< Since the first message: then it is begun anyway.
  int max_n = 20;                ///< Messages answered together.
};

/// Any server that speaks OpenAI's `/v1/chat/completions`.
struct OpenAi {
  std::string url;  ///< http(s)://host[:port][/prefix]; empty: not used.
  std::string path = "/v1/chat/completions";
  Secret key;  ///< Sent as `Authorization: Bearer`; empty: none.
  std::string model;
  double temperature = 0.3;
  int max_tokens = 800;  ///< Of one answer.
  std::vector<std::string> stop;
  std::map<std::string, Secret> headers;  ///< Besides the usual ones.
  bool stream = true;
  Milliseconds first_token_timeout{15000};
  Milliseconds timeout{60000};  ///< Of a whole answer.
};

/// Your own service, asked by a POST that is signed by Standard Webhooks.
struct ReplyService {
  std::string url;
  Secret secret;
  std::map<std::string, Secret> headers;
  Milliseconds timeout{15000};
};

/// A face of the assistant.
struct Persona {
  std::string instructions;              ///< For the model, in its system message.
  std::vector<std::string> suggestions;  ///< Quick replies offered after each answer.
  std::vector<std::string> sources;      ///< Speaks for these; both lists empty: only if chosen
  std::vector<std::string> inboxes;      ///< by replies.persona.
};

/// What a responder gets to see besides the message.
struct ReplyContextLimits {
  int messages = 20;                    ///< Earlier public messages.
  int max_tokens = 6000;                ///< Estimated, all together.
  int max_message_characters = 4000;    ///< Of each; longer ones are cut in the middle.
  std::vector<std::string> attributes;  ///< Of the contact, by name; "*": all.
};

struct ReplyGuards {
  int max_characters = 4000;        ///< Of an answer.
  int max_per_window = 30;          ///< Answers in one conversation …
  std::int64_t window_s = 60;       ///< … within this time: more is a loop. 0: not watched.
  int max_repeats = 5;              ///< The same answer in a row. 0: not watched.
  bool templates = false;           ///< Whether both also hold where only templates answer.
  bool mask = true;                 ///< Card numbers and secrets.
  bool keep_language = true;        ///< A model must answer in the customer's language.
  std::int64_t tokens_per_day = 0;  ///< Of all conversations; 0: no limit.
  std::int64_t tokens_per_conversation = 0;
};

enum class OfficeHoursRule : std::uint8_t { kNever, kInside, kOutside };

/// When and how a conversation is given to people.
struct HandOff {
  std::vector<std::string> languages = {"de", "en", "es", "fr", "it", "nl", "pt"};
  std::vector<std::string> phrases;  ///< Further ones that ask for a human.
  std::vector<std::string> topics;   ///< Phrases of what the assistant must not talk about.
  double min_confidence = 0.4;
  int after_failures = 3;               ///< Attempts that a responder may fail.
  Milliseconds circuit_limit{1800000};  ///< A responder's circuit may be open so long.
  OfficeHoursRule office_hours = OfficeHoursRule::kNever;
  std::vector<std::string> days = {"mon", "tue", "wed", "thu", "fri"};
  std::string from = "09:00";
  std::string to = "17:00";
  bool note = true;     ///< A private note with the reason and a summary.
  std::string message;  ///< Told to the customer; empty: nothing.
  std::string team_id;
  std::vector<std::string> labels;
};

/// Overrides `enabled`, `percent` and `shadow` for a source or one of its inboxes; first fit wins.
struct RolloutRule {
  std::string source;  ///< Empty: any.
  std::string inbox;   ///< The helpdesk's id; empty: any.
  bool enabled = true;
  int percent = 100;
  bool shadow = false;
};

struct Replies {
  bool enabled = true;
  int percent = 100;    ///< Of the conversations, by a stable hash.
  bool shadow = false;  ///< Answers go to private notes and `…:internal` only.
  std::vector<RolloutRule> rollout;
  std::string responder = "template";
  std::vector<std::string> chain;  ///< Responders asked when the one before failed.
  std::vector<ReplyRule> rules;
  std::string time_zone = "UTC";
  OpenAi openai;
  ReplyService http;
  int circuit_failures = 5;
  Milliseconds circuit_open{10000};
  bool stream_to_customer = false;
  std::string persona = "Assistant";
  std::map<std::string, Persona> personas;
  ReplyContextLimits context;
  ReplyGuards guards;
  HandOff hand_off;
  std::int64_t max_age_s = 3600;       ///< Since Deskwire accepted it; older: not answered.
  std::int64_t max_message_age_s = 0;  ///< Since the helpdesk created it; 0: not checked.
  Debounce debounce;

  /// `responder`, then the others of `chain`.
  std::vector<std::string> order() const;
};

}  // namespace deskwire::config
