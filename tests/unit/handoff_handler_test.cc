#include "tests/support/catch.h"
#include "tests/support/reply_bench.h"
#include "worker/handlers/handoff.h"

namespace deskwire::testing {
namespace {

/// A bench whose next job is the hand-off of a reply that died.
void let_a_reply_die(ReplyBench& bench) {
  bench.helpdesk->fail_posts({{ErrorCode::kInvalid}});
  bench.enqueue("100");
  REQUIRE(bench.attempt() == "invalid");
}

}  // namespace

TEST_CASE("a hand-off that ran twice is told once", "[worker][handoff]") {
  ReplyBench bench;
  let_a_reply_die(bench);
  const auto lease = bench.lease();
  REQUIRE(lease);
  bench.run(*lease);  // Then the process dies.
  bench.crash();
  CHECK(bench.attempt() == "handed_off");
  CHECK(bench.helpdesk->hand_offs().size() == 2);  // Idempotent at the helpdesk.
  CHECK(bench.events_named("conversation:handoff").size() == 1);
}

TEST_CASE("a hand-off is tried again when the helpdesk does not answer", "[worker][handoff]") {
  ReplyBench bench;
  let_a_reply_die(bench);
  bench.helpdesk->fail_hand_offs({{ErrorCode::kTimeout}});
  CHECK(bench.attempt() == "timeout");
  bench.pass(Milliseconds(10));
  CHECK(bench.attempt() == "handed_off");
}

TEST_CASE("nobody is called to a conversation that a person has answered or closed",
          "[worker][handoff]") {
  ReplyBench answered;
  let_a_reply_die(answered);
  jobs::ConversationState state;
  state.last_sender = "user";
  state.last_message_id = "101";
  answered.set_state(state);
  CHECK(answered.attempt() == "skipped:answered_by_human");

  ReplyBench closed;
  let_a_reply_die(closed);
  state = {};
  state.status = "resolved";
  state.updated_at_ms = 1;
  closed.set_state(state);
  CHECK(closed.attempt() == "skipped:closed");
  CHECK(closed.helpdesk->hand_offs().empty());
}

TEST_CASE("a hand-off that the helpdesk refuses ends in the dead letters", "[worker][handoff]") {
  ReplyBench bench;
  let_a_reply_die(bench);
  bench.helpdesk->fail_hand_offs({{ErrorCode::kNotFound}});
  CHECK(bench.attempt() == "not_found");
  CHECK_FALSE(bench.lease());
  CHECK(bench.store.counts().value().at("dead") == 2);
}

}  // namespace deskwire::testing
