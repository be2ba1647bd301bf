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
  return cli::forecast({prospect}, chatwoot(), {.again = again}, 1000).at(0).would;
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
  CHECK(cli::forecast({prospect}, config::Config{}, {}, 1000).at(0).would == "unknown_source");
}

TEST_CASE("a forecast says what will be refused", "[cli][replay]") {
  jobs::Prospect prospect = dead_reply("1");
  for (const auto state : {jobs::JobState::kRunning, jobs::JobState::kAvailable}) {
    prospect.job.state = state;
    CHECK(would(prospect) == "unfinished");
  }
  prospect = dead_reply("1");
  prospect.payload_gone = true;
  CHECK(would(prospect) == "payload_gone");
  CHECK(cli::forecast({prospect}, chatwoot(), {}, 1000).at(0).left_out);
  CHECK_FALSE(cli::forecast({prospect}, chatwoot(), {.by_name = true}, 1000).at(0).left_out);
}

TEST_CASE("only the newest reply of a conversation is left in", "[cli][replay]") {
  const auto forecasts =
      cli::forecast({dead_reply("2"), dead_reply("3"), dead_reply("1"), dead_reply("1", "43")},
                    chatwoot(), {}, 1000);
  REQUIRE(forecasts.size() == 4);
  CHECK(forecasts[0].would == "superseded");
  CHECK(forecasts[0].left_out);
  CHECK(forecasts[1].would == "reply");
  CHECK_FALSE(forecasts[1].left_out);
  CHECK(forecasts[2].would == "superseded");
  CHECK(forecasts[3].would == "reply");
}

TEST_CASE("the same bulk replay again does not answer what is older", "[cli][replay]") {
  jobs::Prospect replayed = dead_reply("4");
  replayed.replay = jobs::JobState::kCompleted;
  const auto forecasts = cli::forecast({dead_reply("3"), replayed}, chatwoot(), {}, 1000);
  CHECK(forecasts[0].would == "superseded");
  CHECK(forecasts[0].left_out);
  CHECK(forecasts[1].would == "already_replayed");
  CHECK(forecasts[1].left_out);
}

TEST_CASE("a conversation that is answered is not handed over as well", "[cli][replay]") {
  jobs::Prospect handoff = dead_reply("5");
  handoff.job.kind = "handoff";
  jobs::Prospect replayed = dead_reply("4");
  replayed.replay = jobs::JobState::kCompleted;
  for (const auto& reply : {dead_reply("4"), replayed}) {
    const auto forecasts = cli::forecast({reply, handoff}, chatwoot(), {}, 1000);
    CHECK(forecasts[1].would == "answered_instead");
    CHECK(forecasts[1].left_out);
  }
  jobs::Prospect closed = dead_reply("4");
  closed.conversation.status = "resolved";
  CHECK(cli::forecast({closed, handoff}, chatwoot(), {}, 1000)[1].would == "hand_over");
  CHECK(cli::forecast({dead_reply("4", "43"), handoff}, chatwoot(), {}, 1000)[1].would ==
        "hand_over");
}

TEST_CASE("who names jobs means them", "[cli][replay]") {
  jobs::Prospect replayed = dead_reply("4");
  replayed.replay = jobs::JobState::kCompleted;
  const auto forecasts =
      cli::forecast({dead_reply("3"), replayed}, chatwoot(), {.by_name = true}, 1000);
  CHECK(forecasts[0].would == "reply");
  CHECK(forecasts[1].would == "reply");
  CHECK_FALSE((forecasts[0].left_out || forecasts[1].left_out));
  replayed.replay = jobs::JobState::kRunning;
  CHECK(cli::forecast({replayed}, chatwoot(), {.by_name = true}, 1000)[0].would == "under_way");
}

TEST_CASE("a progress line says how far, how fast and how long still", "[cli][replay]") {
  CHECK(cli::progress_line(0, 10, Milliseconds{0}) == "[------------------------------] 0 of 10");
  CHECK(cli::progress_line(1000, 4000, Milliseconds{10000}) ==
        "[#######-----------------------] 1000 of 4000, 100/s, 30 s left");
  CHECK(cli::progress_line(5, 4, Milliseconds{10}) == "[##############################] 5 of 4");
  CHECK(cli::progress_line(0, 0, Milliseconds{0}) == "[##############################] 0 of 0");
}
