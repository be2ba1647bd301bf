#include "cli/replay_forecast.h"

#include "cli/progress.h"
#include "jobs/reply_payload.h"
#include "tests/support/catch.h"

using namespace deskwire;

namespace {

config::Config chatwoot() {
  config::Config config;
  config::Source source;
  source.name = "support";
  source.type = config::SourceType::kChatwoot;
  config.sources = {source};
  return config;
}

/// A dead reply to message 501 of a conversation.
jobs::Prospect dead_reply(const std::string& id, const std::string& lane = "42") {
  jobs::ReplyPayload payload;
  payload.source = "support";
  payload.conversation = lane;
  payload.message_id = "501";
  payload.status = "pending";
  jobs::Prospect prospect;
  prospect.job.id = JobId(id);
  prospect.job.lane = lane;
  prospect.job.kind = "reply";
  prospect.job.state = jobs::JobState::kDead;
  prospect.job.payload = jobs::encode(payload);
  return prospect;
}

std::string would(const jobs::Prospect& prospect, bool again = false) {
  return cli::forecast({prospect}, chatwoot(), again, 1000).at(0).would;
}

}  // namespace

TEST_CASE("a forecast says of each job what its replay comes to", "[cli][replay]") {
  jobs::Prospect prospect = dead_reply("1");
  CHECK(would(prospect) == "reply");

  prospect.effect_done = true;
  CHECK(would(prospect) == "no_effect");
  CHECK(would(prospect, true) == "reply");
  prospect.effect_done = false;

  prospect.conversation.status = "resolved";
  CHECK(would(prospect) == "closed");
  prospect.conversation.status = "open";
  CHECK(would(prospect) == "not_pending");
  prospect.conversation.assignee_type = "user";
  CHECK(would(prospect) == "assigned_to_human");
  prospect.conversation = {};
  prospect.conversation.last_sender = "user";
  prospect.conversation.last_message_id = "502";
  CHECK(would(prospect) == "answered_by_human");
  prospect.last_message_is_ours = true;
  CHECK(would(prospect) == "reply");

  prospect.job.kind = "handoff";
  CHECK(would(prospect) == "hand_over");
  prospect.job.kind = "delivery";
  CHECK(would(prospect) == "run");
}

TEST_CASE("a forecast finds what would die again", "[cli][replay]") {
  jobs::Prospect prospect = dead_reply("1");
  prospect.job.payload = "garbage";
  CHECK(would(prospect) == "unreadable");
  prospect = dead_reply("1");
  CHECK(cli::forecast({prospect}, config::Config{}, false, 1000).at(0).would == "unknown_source");
}

TEST_CASE("only the newest reply of a conversation is left in", "[cli][replay]") {
  jobs::Prospect replayed = dead_reply("4");
  replayed.replay = jobs::JobState::kCompleted;
  jobs::Prospect handoff = dead_reply("0");
  handoff.job.kind = "handoff";
  const auto forecasts = cli::forecast(
      {dead_reply("2"), dead_reply("3"), dead_reply("1"), replayed, dead_reply("1", "43"), handoff},
      chatwoot(), false, 1000);
  REQUIRE(forecasts.size() == 6);
  CHECK(forecasts[0].would == "superseded");
  CHECK(forecasts[0].left_out);
  CHECK(forecasts[1].would == "reply");
  CHECK_FALSE(forecasts[1].left_out);
  CHECK(forecasts[2].would == "superseded");
  CHECK(forecasts[3].would == "already_replayed");
  CHECK(forecasts[3].left_out);
  CHECK(forecasts[4].would == "reply");
  CHECK_FALSE(forecasts[5].left_out);
}

TEST_CASE("a progress line says how far, how fast and how long still", "[cli][replay]") {
  CHECK(cli::progress_line(0, 10, Milliseconds{0}) == "[------------------------------] 0 of 10");
  CHECK(cli::progress_line(1000, 4000, Milliseconds{10000}) ==
        "[#######-----------------------] 1000 of 4000, 100/s, 30 s left");
  CHECK(cli::progress_line(5, 4, Milliseconds{10}) == "[##############################] 5 of 4");
  CHECK(cli::progress_line(0, 0, Milliseconds{0}) == "[##############################] 0 of 0");
}
