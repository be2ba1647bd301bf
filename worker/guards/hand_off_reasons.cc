#include "worker/guards/hand_off_reasons.h"

#include <array>
#include <map>
#include <utility>

#include "worker/guards/local_time.h"
#include "worker/guards/words.h"

namespace deskwire::worker {
namespace {

using Phrases = std::vector<std::string>;

/// What people write who want a person. A bare "human" is enough; "agent" alone is not.
const std::map<std::string, Phrases, std::less<>>& requests() {
  static const std::map<std::string, Phrases, std::less<>> all{
      {"en",
       {"human", "real person", "real agent", "live agent", "human agent", "speak to a person",
        "talk to a person", "speak to someone", "talk to someone", "speak to an agent",
        "talk to an agent", "talk to support", "representative", "operator please"}},
      {"de",
       {"mensch", "menschen", "mitarbeiter", "mitarbeiterin", "echte person", "echten person",
        "jemandem sprechen", "mit jemand sprechen", "kundenberater", "sachbearbeiter"}},
      {"fr",
       {"humain", "une personne", "vraie personne", "un conseiller", "une conseill\xC3\xA8re",
        "un agent", "parler \xC3\xA0 quelqu'un", "parler \xC3\xA0 quelqu\xE2\x80\x99un"}},
      {"es",
       {"humano", "una persona", "persona real", "un agente", "un asesor", "hablar con alguien"}},
      {"it", {"umano", "una persona", "persona reale", "un operatore", "parlare con qualcuno"}},
      {"pt", {"humano", "uma pessoa", "pessoa real", "um atendente", "falar com algu\xC3\xA9m"}},
      {"nl", {"mens", "medewerker", "een persoon", "echt persoon", "iemand spreken"}},
  };
  return all;
}

Phrases lower(const Phrases& phrases) {
  Phrases lowered;
  lowered.reserve(phrases.size());
  for (const std::string& phrase : phrases) lowered.push_back(lower_case(phrase));
  return lowered;
}

}  // namespace

HandOffReasons::HandOffReasons(const config::HandOff& settings, std::string time_zone)
    : settings_(settings), time_zone_(std::move(time_zone)), topics_(lower(settings.topics)) {
  for (const std::string& language : settings.languages) {
    const auto found = requests().find(language);
    if (found == requests().end()) continue;
    requests_.insert(requests_.end(), found->second.begin(), found->second.end());
  }
  const Phrases own = lower(settings.phrases);
  requests_.insert(requests_.end(), own.begin(), own.end());
}

std::string HandOffReasons::reason_for(std::string_view message, std::int64_t now_ms) const {
  if (!phrase_in(message, requests_).empty()) return "customer_asked";
  if (!phrase_in(message, topics_).empty()) return "forbidden_topic";
  if (settings_.office_hours == config::OfficeHoursRule::kNever) return {};
  const bool inside =
      is_within(local_time(now_ms, time_zone_), settings_.days, settings_.from, settings_.to);
  const bool wanted = settings_.office_hours == config::OfficeHoursRule::kInside;
  return inside == wanted ? "office_hours" : "";
}

std::string hand_off_sentence(std::string_view reason) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kSentences{{
      {"customer_asked", "the customer asked for a person"},
      {"forbidden_topic", "the topic is not the assistant's"},
      {"office_hours", "office hours say so"},
      {"low_confidence", "the assistant was not sure of an answer"},
      {"responder_asked", "the answering service asked for a person"},
      {"budget", "the budget of tokens is spent"},
      {"loop", "too many answers in a short time"},
      {"repeated_answer", "the assistant would have said the same again"},
      {"circuit_open", "the answering service has been down for long"},
      {"wrong_language", "there was no answer in the customer's language"},
      {"timeout", "the answering service took too long"},
      {"unavailable", "the answering service failed"},
      {"unknown_outcome", "it is not known whether the answer arrived"},
      {"poison", "the job ended its worker again and again"},
  }};
  for (const auto& [name, sentence] : kSentences) {
    if (name == reason) return std::string(sentence);
  }
  return "no answer could be given (" + std::string(reason) + ")";
}

}  // namespace deskwire::worker
