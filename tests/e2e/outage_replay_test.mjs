// After an outage: many dead replies, a forecast, a bulk replay that is killed half-way and gone on with
// by the admin door, a server that is killed as well; no conversation gets two replies.
//
// DESKWIRE_DEAD_JOBS=4000 makes it an hour's worth.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { BINARY, chatwootSource, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { eventually, Recorder } from "./support/waiting.mjs";
import { givenBack, incomingMessage, post } from "./support/webhooks.mjs";

const DEAD = Number(process.env.DESKWIRE_DEAD_JOBS ?? 60);
const FIRST = 100_000;
const AT_ONCE = 16;
const PATIENCE_MS = 120_000 + DEAD * 200;
const REFUSED = { status: 401, body: { error: "Invalid Access Token" } };

async function inPieces(count, act) {
  for (let begin = 0; begin < count; begin += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - begin) }, (_, i) => act(begin + i)));
  }
}

async function stats(deskwire) {
  return JSON.parse((await deskwire.cli(["jobs", "stats", "--json"])).stdout);
}

const nothingWaits = ({ available, running, retryable, scheduled }) => available + running + retryable + scheduled === 0;

/** The same command as on a terminal, so that it draws its progress. */
function onTerminal(t, command) {
  const child = spawn("script", ["-qfec", command, "/dev/null"], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => child.kill("SIGKILL"));
  const said = new Recorder();
  let line = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    // A terminal hands over what was written so far, which may end within a word.
    const pieces = (line + text).split(/(?<=[\r\n])/);
    line = /[\r\n]$/.test(pieces.at(-1)) ? "" : pieces.pop();
    pieces.forEach((piece) => said.push(piece));
  });
  return { child, said };
}

test("thousands of replies that died in an outage are replayed once each, however often it is interrupted", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)], config: { log: { level: "error" } } });
  chatwoot.hooks.beforeStore = () => REFUSED;
  const began = Date.now();
  await inPieces(DEAD, async (i) => {
    const { status } = await post(deskwire, incomingMessage({ conversation: FIRST + i, id: 1_000_000 + i }));
    assert.equal(status, 202);
  });
  await eventually(() => stats(deskwire), (counts) => counts.dead === DEAD && nothingWaits(counts), "the first dead replies", PATIENCE_MS);
  // Some were given back, and the customers wrote again: one answer is enough.
  const twice = Math.floor(DEAD / 10);
  await inPieces(twice, (i) => post(deskwire, incomingMessage({ conversation: FIRST + i, id: 2_000_000 + i, change: givenBack })));
  await eventually(() => stats(deskwire), (counts) => counts.dead === DEAD + twice && nothingWaits(counts), "dead replies", PATIENCE_MS);
  const diedMs = Date.now() - began;
  delete chatwoot.hooks.beforeStore;

  const filter = ["--state", "dead", "--error", "unauthorized", "--limit", "100000"];
  const asked = Date.now();
  const dryRun = JSON.parse((await deskwire.cli(["jobs", "replay", ...filter, "--dry-run", "--json"])).stdout);
  const dryRunMs = Date.now() - asked;
  assert.deepEqual(dryRun.counts, twice > 0 ? { reply: DEAD, superseded: twice } : { reply: DEAD });
  assert.equal(chatwoot.messages.length, 0, "a dry run posts nothing");

  const rate = Math.max(8, Math.floor(DEAD / 40));
  const command = `echo runner $$; exec ${BINARY} jobs replay ${filter.join(" ")} --rate ${rate} --reason outage --config ${deskwire.configFile}`;
  const { child, said } = onTerminal(t, command);
  const [, runner] = /runner (\d+)/.exec(await said.until((text) => /runner \d+/.test(text), "the runner"));
  const [, batch] = /--batch (\w+)/.exec(await said.until((text) => /--batch \w+/.test(text), "the batch"));
  const progress = await said.until((text) => / of \d+, \d+\/s/.test(text), "the progress", PATIENCE_MS);
  await eventually(() => chatwoot.messages.length, (count) => count >= DEAD / 5, "some replies", PATIENCE_MS);
  // The runner dies, and so does the server, with replies on their way.
  const ended = once(child, "exit");
  process.kill(Number(runner), "SIGKILL");
  await ended;
  await deskwire.kill();
  const before = chatwoot.messages.length;
  assert.ok(before < DEAD, `${before} before the end`);
  await deskwire.start();

  const ask = (path, init) => fetch(`${deskwire.admin}/v1/jobs/${path}`, init).then(async (response) => [response.status, await response.json()]);
  const [, found] = await ask(`batches/${batch}`);
  assert.equal(found.state, "running");
  assert.ok(found.left > 0 && found.left < DEAD, `${found.left} left`);
  const [status] = await ask(`batches/${batch}/resume`, { method: "POST", headers: { "X-Deskwire": "1" }, body: JSON.stringify({ rate: 0 }) });
  assert.equal(status, 202);
  const done = await eventually(async () => (await ask(`batches/${batch}`))[1], ({ state }) => state === "done", "the batch", PATIENCE_MS);
  assert.equal(done.failed, 0);
  await eventually(() => stats(deskwire), nothingWaits, "the replies", PATIENCE_MS);

  const posts = new Map();
  for (const { conversation_id } of chatwoot.messages) posts.set(conversation_id, (posts.get(conversation_id) ?? 0) + 1);
  const answered = Array.from({ length: DEAD }, (_, i) => posts.get(FIRST + i) ?? 0);
  assert.equal(answered.filter((count) => count > 1).length, 0, "no conversation gets two replies");
  assert.equal(answered.filter((count) => count === 0).length, 0, "every conversation gets one");
  const fsck = await deskwire.cli(["jobs", "fsck", "--json"]);
  assert.equal(JSON.parse(fsck.stdout).found, 0, fsck.stdout);
  t.diagnostic(`${DEAD + twice} dead in ${diedMs} ms; dry run ${dryRunMs} ms: ${JSON.stringify(dryRun.counts)}`);
  t.diagnostic(`progress: ${progress.trim().split("\r").at(-1)}; killed after ${before} replies, ${found.left} of ${found.total} left, then all ${DEAD} answered once`);
});
