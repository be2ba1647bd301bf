// Redis goes away under load, the process is killed, the disk's last write is torn: whoever was
// answered 202 finds every message on its channel, once, in order.

import assert from "node:assert/strict";
import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { chatwootSource, newDeskwire, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { Redis } from "./support/redis.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

const AWAY_MS = 5_000;
const BETWEEN_MS = 100;

async function metric(deskwire, series) {
  const text = await (await fetch(`${deskwire.admin}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

async function drained(deskwire) {
  await eventually(() => metric(deskwire, "deskwire_spool_entries"), (count) => count === 0, "an empty spool");
}

/** The customer's messages of a conversation, as its channel has them. */
async function messages(deskwire, conversation) {
  const events = await deskwire.history(`conversation:${conversation}`);
  return events.filter(({ event }) => event === "message:user").map(({ data }) => data.content);
}

/** Posts one message; it must be taken, into Redis or into the spool. */
async function send(deskwire, conversation, number) {
  const id = conversation * 1000 + number;
  const sent = await post(deskwire, incomingMessage({ conversation, id, content: `m${number}` }));
  assert.equal(sent.status, 202, JSON.stringify(sent.answer));
  return sent.answer;
}

async function jobExists(deskwire, id) {
  const response = await fetch(`${deskwire.admin}/v1/jobs/${id}`);
  await response.text();
  return response.status === 200;
}

async function story(t) {
  const chatwoot = await FakeChatwoot.start(t);
  const redis = new Redis(t);
  await redis.start();
  // Redis goes first at the end of a test; nobody waits for what is then in hand.
  const config = { redis: { url: redis.url }, jobs: { shutdown_grace_ms: 500 } };
  const options = { sources: [chatwootSource(chatwoot.url)], config };
  return { chatwoot, redis, options };
}

const numbers = (count) => Array.from({ length: count }, (_, i) => `m${i + 1}`);

describe("the spool", { concurrency: true }, () => {
  test("redis away 5 s under load: all 202, nothing lost, order kept", async (t) => {
    const { redis, options } = await story(t);
    const deskwire = await startedDeskwire(t, options);
    const conversations = [101, 102, 103, 104];
    let over = false;
    const promised = [];
    const senders = conversations.map(async (conversation) => {
      let count = 0;
      while (!over) {
        promised.push(await send(deskwire, conversation, ++count));
        await pause(BETWEEN_MS);
      }
      return count;
    });
    await pause(500);
    await redis.stop();
    await pause(AWAY_MS);
    await redis.start();
    await pause(500);
    over = true;
    const counts = await Promise.all(senders);
    await drained(deskwire);
    for (const [i, conversation] of conversations.entries()) {
      assert.deepEqual(await messages(deskwire, conversation), numbers(counts[i]));
    }
    assert.ok(promised.some(({ spooled }) => spooled === true));
    assert.ok(promised.some(({ spooled }) => spooled === undefined));
    for (const { job } of promised) assert.ok(await jobExists(deskwire, job), job);
  });

  test("kill -9 while spooling, restart without redis: all arrive, the torn write is cut", async (t) => {
    const { redis, options } = await story(t);
    const deskwire = await newDeskwire(t, options);
    await deskwire.start();
    await send(deskwire, 201, 1);
    await redis.stop();
    for (let i = 2; i <= 20; i++) await send(deskwire, 201, i);
    await deskwire.kill();
    // What a power loss leaves of a write that was never confirmed.
    const spool = join(deskwire.dataDirectory, "spool");
    const segment = readdirSync(spool).filter((name) => name.endsWith(".log")).sort().at(-1);
    appendFileSync(join(spool, segment), "DWR1 half a record");
    await deskwire.start({ ready: false });
    const tail = await deskwire.output.until(({ line }) => line.includes("event=spool_tail_cut"), "the cut tail");
    assert.match(tail.line, /count=1 bytes=18/);
    await eventually(() => fetch(`${deskwire.admin}/healthz`), ({ status }) => status === 200, "healthz");
    assert.equal(await metric(deskwire, "deskwire_spool_cut_total"), 1);
    assert.equal(await metric(deskwire, "deskwire_spool_entries"), 19);
    const behind = await send(deskwire, 201, 21);
    assert.equal(behind.spooled, true);
    await redis.start();
    await drained(deskwire);
    assert.deepEqual(await messages(deskwire, 201), numbers(21));
  });

  test("kill -9 in the middle of a drain doubles nothing", async (t) => {
    const { chatwoot, redis, options } = await story(t);
    options.config.receiver = { spool: { drain_batch: 2 } };
    const deskwire = await startedDeskwire(t, options);
    await redis.stop();
    const conversations = [301, 302, 303];
    for (let i = 1; i <= 30; i++) {
      for (const conversation of conversations) await send(deskwire, conversation, i);
    }
    await redis.start();
    await eventually(() => metric(deskwire, "deskwire_spool_entries"), (count) => count < 85, "the drain's begin");
    await deskwire.kill();
    await deskwire.start();
    await drained(deskwire);
    for (const conversation of conversations) {
      assert.deepEqual(await messages(deskwire, conversation), numbers(30));
      await eventually(() => chatwoot.posted(conversation), (posts) => posts.length > 0, "a reply");
    }
  });
});
