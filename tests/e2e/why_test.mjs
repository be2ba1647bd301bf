// `deskwire jobs why` in the situations that people ask about. What it says is shown with the result.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chatwootSource, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

/** A Chatwoot whose answers to posts the test decides by conversation. */
async function helpdesk(t) {
  const chatwoot = await FakeChatwoot.start(t);
  const answers = new Map();
  chatwoot.hooks.beforeStore = ({ conversation }) => answers.get(conversation) ?? null;
  return { chatwoot, answers };
}

test("why says in a sentence what a conversation waits for, in whatever situation", async (t) => {
  const { chatwoot, answers } = await helpdesk(t);
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url, { request_timeout_ms: 60_000 })],
    config: { jobs: { dead_head: "park", backoff: { base_ms: 3_600_000, cap_ms: 3_600_000 }, shutdown_grace_ms: 200 } },
  });
  let message = 81_000;
  const write = async (conversation) => {
    const { answer } = await post(deskwire, incomingMessage({ conversation, id: ++message }));
    return answer.job;
  };
  const jobs = async (...args) => {
    const { code, stderr } = await deskwire.cli(["jobs", ...args]);
    assert.equal(code, 0, stderr);
  };
  const ask = async (of) => JSON.parse((await deskwire.cli(["jobs", "why", String(of), "--json"])).stdout);
  /** The sentence as soon as the state is reached. */
  const why = async (name, of, state, pattern) => {
    const found = await eventually(() => ask(of), (reason) => reason.state === state, name);
    const { stdout } = await deskwire.cli(["jobs", "why", String(of)]);
    t.diagnostic(`${name}: ${stdout.trim()}`);
    assert.match(found.why, pattern);
  };

  await write(8101);
  await why("nothing to do", 8101, "idle", /^nothing waits; the last job \(\w+\): replied/);

  answers.set("8102", { status: 429, headers: { "Retry-After": "50" }, body: { error: "Throttled" } });
  await write(8102);
  const behind = await write(8102);
  await why("rate limited", 8102, "waiting", /^waiting: attempt 1 of 8 at .* after rate_limited \(the helpdesk asked us to slow down\); 1 more behind it$/);
  await why("behind a head", behind, "behind", /^behind 1 job of conversation 8102; the head \(\w+\): waiting: attempt 1 of 8/);

  answers.set("8103", { status: 401, body: { error: "Invalid Access Token" } });
  const dead = await write(8103);
  await write(8103);
  await why("a dead head", dead, "dead", /^dead since .*, after attempt 1 of 8: unauthorized \(the helpdesk refused our token\); when that is mended, run `deskwire jobs replay \w+`$/);
  await why("parked because its head died", 8103, "parked", /^parked since .*, because its job \w+ died of unauthorized; run `deskwire jobs unpark 8103` when that is mended/);

  await jobs("park", "8104", "--actor", "ann", "--reason", "legal case");
  await write(8104);
  await why("parked", 8104, "parked", /^parked since .* by ann: legal case; run `deskwire jobs unpark 8104`$/);

  await jobs("pause", "--conversation", "8105", "--actor", "ann", "--reason", "moving house");
  await write(8105);
  await why("a conversation paused", 8105, "paused", /^paused \(conversation 8105\) since .* by ann: moving house/);
  await jobs("pause", "--kind", "reply", "--actor", "ann", "--reason", "bad answers");
  await write(8106);
  await why("a kind paused", 8106, "paused", /^paused \(jobs of kind reply\) since .* by ann: bad answers; run `deskwire jobs resume --kind reply`$/);
  await jobs("pause", "--all", "--actor", "ann", "--reason", "the model is down");
  await why("everything paused", 8106, "paused", /^paused \(everything\) since .* by ann: the model is down; run `deskwire jobs resume --all`$/);
  await jobs("resume", "--all");
  await jobs("resume", "--kind", "reply");

  // An answer that never comes: the lease is held.
  answers.set("8107", "hang");
  await write(8107);
  await why("running", 8107, "running", /^running .*on worker .*, attempt 1 of 8; lease until/);

  // The last one: a helpdesk that keeps failing opens its circuit, and that holds all that is left.
  for (let conversation = 8110; conversation < 8130; conversation++) {
    answers.set(String(conversation), { status: 503 });
    await write(conversation);
  }
  const held = await eventually(
    async () => {
      for (let conversation = 8110; conversation < 8130; conversation++) {
        const reason = await ask(conversation);
        if (reason.why.includes("circuit_open")) return { conversation, ...reason };
      }
      await write(8129);
      return null;
    },
    (found) => found !== null,
    "an open circuit",
  );
  t.diagnostic(`a circuit that is open: conversation ${held.conversation}: ${held.why}`);
  assert.match(held.why, /^waiting: attempt 1 of 8 .* after circuit_open \(the helpdesk keeps failing, so it is left alone for a while\)/);
  const backoff = await eventually(() => ask(8110), ({ state }) => state === "waiting", "a backoff");
  t.diagnostic(`a backoff: conversation 8110: ${backoff.why}`);
  assert.match(backoff.why, /^waiting: attempt 2 of 8 at .*, after (unavailable|unknown_outcome) \(|circuit_open/);
});

test("why says that a reply is held until the customer has finished", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url)],
    config: { replies: { debounce: { quiet_ms: 60_000, max_wait_ms: 120_000, max_n: 10 } } },
  });
  for (const id of [82_001, 82_002]) await post(deskwire, incomingMessage({ conversation: 8201, id }));
  const { stdout } = await deskwire.cli(["jobs", "why", "8201"]);
  t.diagnostic(`held: ${stdout.trim()}`);
  assert.match(stdout, /holding the reply in case the customer goes on \(2 messages so far\); it is begun at .*, or a little later if more comes/);
});
