// 200 conversations at once and a model that takes 2 s: the model is the limit, not we. Takes
// about half a minute of a quiet machine, so it only runs when asked for: DESKWIRE_MODEL_LOAD=1.
//
// The questions are posted while everything is paused: this process is the customers, the helpdesk
// and the model, and would make the model late while it posts. "In all" is from the end of the pause
// to the last answer; "under way" from half of the second round's answers to half of the last
// round's.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { chatwootSource, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { behaviours, ModelServer } from "./support/model_server.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

const CONVERSATIONS = 200;
const ROUNDS = 6;
const LATENCY_MS = 2000;

const statusOf = (pid) => readFileSync(`/proc/${pid}/status`, "utf8");
const megabytes = (pid) => Math.round(Number(/VmRSS:\s+(\d+)/.exec(statusOf(pid))[1]) / 1024);

test("200 conversations are answered as fast as the model can", { skip: !process.env.DESKWIRE_MODEL_LOAD }, async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const model = await ModelServer.start(t);
  let answers = 0;
  model.behaviour = (entry, response) =>
    behaviours.says(`Answer number ${++answers} of the model.`, { delayMs: LATENCY_MS })(entry, response);
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url)],
    config: {
      replies: { responder: "openai", openai: { url: model.url, model: "stand-in" } },
      jobs: { workers: CONVERSATIONS + 8 },
    },
  });
  const idle = megabytes(deskwire.pid);
  const operate = async (...words) => assert.equal((await deskwire.cli(["jobs", ...words])).code, 0);
  await operate("pause", "--all");
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(
      Array.from({ length: CONVERSATIONS }, (_, i) =>
        post(deskwire, incomingMessage({ conversation: 9000 + i, id: 90_000 + round * CONVERSATIONS + i, content: `Question ${round}` })),
      ),
    );
  }
  const total = CONVERSATIONS * ROUNDS;
  const begun = performance.now();
  await operate("resume", "--all");
  const peaks = { threads: 0, rss: 0 };
  await eventually(
    () => {
      peaks.threads = Math.max(peaks.threads, readdirSync(`/proc/${deskwire.pid}/task`).length);
      peaks.rss = Math.max(peaks.rss, megabytes(deskwire.pid));
      return chatwoot.messages.filter((message) => !message.private).length;
    },
    (posted) => posted === total,
    "all answers",
    120_000,
  );
  const elapsed = performance.now() - begun;
  const share = (ideal, took) => `${(took / 1000).toFixed(2)} s, ideal ${ideal / 1000} s: ${((100 * ideal) / took).toFixed(1)} %`;
  const ends = model.questions.map(({ endedAt }) => endedAt).sort((a, b) => a - b);
  const underWay = ends[total - CONVERSATIONS / 2] - ends[1.5 * CONVERSATIONS];
  t.diagnostic(`under way: ${share((ROUNDS - 2) * LATENCY_MS, underWay)}`);
  t.diagnostic(`in all: ${total} answers in ${share(ROUNDS * LATENCY_MS, elapsed)}`);
  t.diagnostic(`${peaks.threads} threads, ${idle} MB idle, ${peaks.rss} MB at most`);
  assert.equal(new Set(chatwoot.messages.map(({ source_id }) => source_id)).size, total);
});
