#include <string>

#include "tests/support/catch.h"
#include "worker/context/quoted_mail.h"
#include "worker/guards/hand_off_reasons.h"
#include "worker/guards/language.h"
#include "worker/guards/local_time.h"
#include "worker/guards/rollout.h"
#include "worker/guards/words.h"

namespace deskwire::worker {

TEST_CASE("a phrase is found as whole words only", "[worker][words]") {
  CHECK(holds_phrase("i want a human, now", "human"));
  CHECK(holds_phrase("human", "human"));
  CHECK_FALSE(holds_phrase("superhumans", "human"));
  CHECK_FALSE(holds_phrase("unmenschlich", "mensch"));
  CHECK(holds_phrase(lower_case("\xC3\x84RGER!"), "\xC3\xA4rger"));
  CHECK_FALSE(holds_phrase("anything", ""));
}

TEST_CASE("long texts say how much of them is gone", "[worker][words]") {
  const std::string text = std::string(200, 'a') + std::string(100, 'b');
  const std::string cut = shortened_middle(text, 90);
  CHECK(cut.find("210 characters left out") != std::string::npos);
  CHECK(cut.starts_with(std::string(60, 'a')));
  CHECK(cut.ends_with(std::string(30, 'b')));
  CHECK(shortened_middle("short", 90) == "short");
  CHECK(shortened_end("One. Two. Three and more words", 20) == "One. Two. Three\xE2\x80\xA6");
  CHECK(shortened_end("fits", 20) == "fits");
}

TEST_CASE("a mail loses the older mails below it and its signature", "[worker][mail]") {
  CHECK(without_quoted_history("Thanks!\n\nOn Mon, 2 Nov 2026 at 10:00, Bob <b@x.example> wrote:\n"
                               "> Hello\n> World") == "Thanks!");
  CHECK(without_quoted_history("Danke\n\nAm 02.11.2026 um 10:00 schrieb Bob:\n> Hallo") == "Danke");
  CHECK(without_quoted_history("Yes\n\n-----Original Message-----\nFrom: a\nSent: b\n\nold") ==
        "Yes");
  CHECK(without_quoted_history("Yes\n\nFrom: Bob\nSent: Monday\nTo: me\n\nold") == "Yes");
  CHECK(without_quoted_history("Yes\n> what you said\nand no") == "Yes\nand no");
  CHECK(without_quoted_history("Hi\n-- \nAnn Lee\nAcme") == "Hi");
  CHECK(without_quoted_history("On Monday I wrote: nothing") == "On Monday I wrote: nothing");
  CHECK(without_quoted_history("> only a quote") == "> only a quote");
  CHECK(without_quoted_history("") == "");
}

TEST_CASE("languages are told apart where the text says enough", "[worker][language]") {
  CHECK(language_of("Where is my parcel? It should have arrived last week.") == "en");
  CHECK(language_of("Wo ist mein Paket? Es sollte schon letzte Woche ankommen.") == "de");
  CHECK(language_of("O\xC3\xB9 est mon colis ? Il devait arriver la semaine derni\xC3\xA8re.") ==
        "fr");
  CHECK(language_of("ok").empty());
  CHECK(language_of("12345 67890 12345 67890").empty());
  CHECK(languages_differ("en", "de"));
  CHECK_FALSE(languages_differ("en", ""));
  CHECK_FALSE(languages_differ("no", "da"));
}

TEST_CASE("times of day hold in their zone, over midnight and over the change of the clocks",
          "[worker][time]") {
  // Friday, 27 March 2026, 16:30 UTC; Berlin is at UTC+1 until Sunday.
  constexpr std::int64_t kFriday = 1774629000000;
  const LocalTime berlin = local_time(kFriday, "Europe/Berlin");
  CHECK(berlin.day == "fri");
  CHECK(berlin.date == "2026-03-27");
  CHECK(berlin.time == "17:30");
  CHECK(local_time(kFriday + 3LL * 86400000, "Europe/Berlin").time == "18:30");
  CHECK(is_within(berlin, {"fri"}, "09:00", "18:00"));
  CHECK_FALSE(is_within(berlin, {"fri"}, "09:00", "17:30"));
  CHECK_FALSE(is_within(berlin, {"mon"}, "09:00", "18:00"));
  CHECK(is_within(berlin, {}, "", ""));
  CHECK(is_within({"sat", "", "01:00"}, {"fri"}, "22:00", "06:00"));
  CHECK_FALSE(is_within({"fri", "", "01:00"}, {"fri"}, "22:00", "06:00"));
}

TEST_CASE("a percentage always chooses the same conversations, and keeps them when it grows",
          "[worker][rollout]") {
  config::Replies replies;
  int chosen = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string lane = std::to_string(i);
    replies.percent = 10;
    const bool at_ten = rollout_of(replies, "shop", "3", lane) == Rollout::kOn;
    CHECK((rollout_of(replies, "shop", "3", lane) == Rollout::kOn) == at_ten);
    replies.percent = 50;
    if (at_ten) CHECK(rollout_of(replies, "shop", "3", lane) == Rollout::kOn);
    chosen += at_ten ? 1 : 0;
  }
  CHECK(chosen > 140);
  CHECK(chosen < 260);
}

TEST_CASE("a rollout rule holds for its source and inbox, and the switch for all",
          "[worker][rollout]") {
  config::Replies replies;
  config::RolloutRule pilot;
  pilot.source = "shop";
  pilot.inbox = "3";
  pilot.shadow = true;
  config::RolloutRule rest;
  rest.source = "shop";
  rest.enabled = false;
  replies.rollout = {pilot, rest};
  CHECK(rollout_of(replies, "shop", "3", "1") == Rollout::kShadow);
  CHECK(rollout_of(replies, "shop", "4", "1") == Rollout::kOff);
  CHECK(rollout_of(replies, "other", "3", "1") == Rollout::kOn);
  replies.enabled = false;
  CHECK(rollout_of(replies, "shop", "3", "1") == Rollout::kOff);
  CHECK(rollout_of(replies, "other", "3", "1") == Rollout::kOff);
}

TEST_CASE("people are called in the configured languages, for topics and by the clock",
          "[worker][handoff]") {
  config::HandOff settings;
  settings.phrases = {"\xD1\x87\xD0\xB5\xD0\xBB\xD0\xBE\xD0\xB2\xD0\xB5\xD0\xBA"};
  settings.topics = {"Lawsuit"};
  const HandOffReasons reasons(settings, "UTC");
  CHECK(reasons.reason_for("I want to talk to a HUMAN!", 0) == "customer_asked");
  CHECK(reasons.reason_for("Ich will mit einem Menschen reden", 0) == "customer_asked");
  CHECK(reasons.reason_for("\xD0\xA7\xD0\x95\xD0\x9B\xD0\x9E\xD0\x92\xD0\x95\xD0\x9A?", 0) ==
        "customer_asked");
  CHECK(reasons.reason_for("I will file a lawsuit", 0) == "forbidden_topic");
  CHECK(reasons.reason_for("Where is my order?", 0).empty());

  settings.office_hours = config::OfficeHoursRule::kOutside;
  const HandOffReasons night(settings, "UTC");
  constexpr std::int64_t kFriday1630 = 1774629000000;
  CHECK(night.reason_for("Hi", kFriday1630).empty());
  CHECK(night.reason_for("Hi", kFriday1630 + 3600000) == "office_hours");
}

}  // namespace deskwire::worker
