// The long work of operators over the admin door: bulk replay, tail, fsck.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chatwootSource, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

/** [status, body] of what the admin door answers. */
async function ask(deskwire, path, body) {
  const init = body === undefined ? {} : { method: "POST", headers: { "X-Deskwire": "1" }, body: JSON.stringify(body) };
  const response = await fetch(`${deskwire.admin}/v1/jobs/${path}`, init);
  return [response.status, await response.json()];
}

async function deadReplies(t, count) {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  chatwoot.hooks.beforeStore = () => ({ status: 401, body: { error: "Invalid Access Token" } });
  for (let i = 0; i < count; i++) await post(deskwire, incomingMessage({ conversation: 8300 + i, id: 83_000 + i }));
  await eventually(() => ask(deskwire, "stats"), ([, { dead, available, running }]) => dead === count && available + running === 0, "dead replies");
  delete chatwoot.hooks.beforeStore;
  return { chatwoot, deskwire };
}

test("a bulk replay over the admin door: forecast, run, progress, audit; then nothing is left to do", async (t) => {
  const { chatwoot, deskwire } = await deadReplies(t, 12);
  const filter = { state: "dead", error: "unauthorized" };
  const [, counted] = await ask(deskwire, "stats");
  assert.equal(counted.kinds.reply.dead, 12);
  assert.equal(counted.kinds.handoff.completed, 12);
  const metrics = await (await fetch(`${deskwire.admin}/metrics`)).text();
  assert.match(metrics, /deskwire_jobs_by_kind\{kind="reply",state="dead"\} 12/);

  const [, forecast] = await ask(deskwire, "replay", { ...filter, dry_run: true });
  assert.deepEqual(forecast.counts, { reply: 12 });
  assert.equal(chatwoot.messages.length, 0);
  const [status, begun] = await ask(deskwire, "replay", { ...filter, rate: 0, actor: "ann", reason: "mended" });
  assert.equal(status, 202);
  assert.equal(begun.total, 12);
  const done = await eventually(async () => (await ask(deskwire, `batches/${begun.batch}`))[1], ({ state }) => state === "done", "the batch");
  assert.equal(done.replayed, 12);
  assert.equal(done.left, 0);
  await eventually(() => chatwoot.messages.length, (count) => count === 12, "the replies");
  const [, { entries }] = await ask(deskwire, "audit");
  assert.ok(entries.every(({ actor, reason, batch }) => /^ann via admin:/.test(actor) && reason === "mended" && batch === begun.batch));

  const [, nothing] = await ask(deskwire, "replay", filter);
  assert.deepEqual(nothing, { batch: null, total: 0, left_out: { already_replayed: 12 } });
  assert.equal((await ask(deskwire, `batches/${begun.batch}/resume`, {}))[0], 409);
});

test("a bulk replay is cancelled over the admin door", async (t) => {
  const { deskwire } = await deadReplies(t, 12);
  const [, { batch }] = await ask(deskwire, "replay", { state: "dead", rate: 1 });
  const [status, cancelled] = await ask(deskwire, `batches/${batch}/cancel`, { actor: "bob", reason: "wrong filter" });
  assert.equal(status, 200);
  assert.equal(cancelled.state, "cancelled");
  const stopped = await eventually(async () => (await ask(deskwire, `batches/${batch}`))[1], ({ here }) => !here, "the runner");
  assert.ok(stopped.left > 0, `${stopped.left} left`);
  const [, { entries }] = await ask(deskwire, "audit");
  assert.ok(entries.some(({ verb, actor }) => verb === "cancel" && actor.startsWith("bob via")));
});

test("a tail over the admin door shows what changed since the last question", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  let { next } = (await ask(deskwire, "tail"))[1];
  let message = 84_000;
  const seen = await eventually(
    async () => {
      // Until the tail listens nobody hears of changes, so one message is not enough.
      await post(deskwire, incomingMessage({ conversation: 8400, id: ++message, content: "private words" }));
      const [, page] = await ask(deskwire, `tail?after=${next}&conversation=8400&state=completed`);
      next = page.next;
      return page.jobs;
    },
    (jobs) => jobs.length > 0,
    "a change",
  );
  assert.equal(seen[0].conversation, "8400");
  assert.equal(seen[0].outcome, "replied");
  assert.ok(!JSON.stringify(seen).includes("private words"));
  assert.equal((await ask(deskwire, "tail?after=x"))[0], 400);
});

test("fsck over the admin door reports what it found", async (t) => {
  const deskwire = await startedDeskwire(t);
  assert.deepEqual((await ask(deskwire, "fsck"))[1], { running: false, report: null });
  assert.equal((await ask(deskwire, "fsck", { repair: true, reason: "to be sure" }))[0], 202);
  const [, { report }] = await eventually(() => ask(deskwire, "fsck"), ([, { running }]) => !running, "the check");
  assert.equal(report.found, 0);
  assert.deepEqual(report.findings, []);
});

test("what the admin door cannot understand gets an error that says why", async (t) => {
  const deskwire = await startedDeskwire(t);
  for (const [path, body, status, field] of [
    ["replay", {}, 400],
    ["replay", { state: "deda" }, 400],
    ["replay", { state: "dead", limit: 0 }, 400],
    ["replay", { state: "dead", rate: "quick" }, 400],
    ["replay", { state: "dead", dry_run: "true" }, 400, "dry_run"],
    ["replay", { state: "dead", dryrun: true }, 400, "dryrun"],
    ["replay", { state: "dead", conversation: [42] }, 400, "conversation"],
    ["replay", { state: "dead", conversation: "" }, 400, "conversation"],
    ["replay", { state: "dead", error: { a: 1 } }, 400, "error"],
    ["replay", { kind: "replies" }, 400, "kind"],
    ["replay", { ids: ["01J", 5] }, 400, "ids"],
    ["pause", { all: true, reason: 5 }, 400, "reason"],
    ["fsck", { repair: "yes" }, 400, "repair"],
    ["01J00000000000000000000000/replay", { again: 1 }, 400, "again"],
    ["../tokens/revocations", { clientid: "x", issuedBefore: "1h" }, 400, "clientid"],
    ["../tokens/revocations", { clientId: "", issuedBefore: "1h" }, 400, "clientId"],
    ["../jobs?kind=foo", undefined, 400, "kind"],
    ["batches/01J00000000000000000000000", undefined, 404],
    ["batches/nothing/cancel", {}, 404],
    ["batches/nothing/burn", {}, 404],
  ]) {
    const [answered, { error }] = await ask(deskwire, path, body);
    assert.equal(answered, status, `${path} ${JSON.stringify(body)}: ${JSON.stringify(error)}`);
    if (field) assert.equal(error.field, field, JSON.stringify(error));
  }
  assert.equal((await fetch(`${deskwire.admin}/v1/jobs/replay`, { method: "POST", body: "{}" })).status, 403);
  assert.equal((await ask(deskwire, "replay"))[0], 405);
});
