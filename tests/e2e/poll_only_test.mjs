// Clients that can only speak HTTP, behind one address of three gateways that are killed one after the
// other: the JavaScript client on long polls, an event stream, and whoever pages through the history.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { DeskwireClient } from "../../clients/js/src/index.js";
import { seeded } from "../chaos/random.mjs";
import { Balancer } from "../hub/balancer.mjs";
import { startGateways } from "../hub/gateways.mjs";
import { SERVER_KEY } from "./support/deskwire.mjs";
import { jwt } from "./support/jwt.mjs";
import { Redis } from "./support/redis.mjs";
import { eventually, Recorder, within } from "./support/waiting.mjs";

globalThis.crypto ??= webcrypto;

const CHANNEL = "conversation:try~polled";
const EVENTS = 300;
const KILL_EVERY = 60; // events
const path = (what) => `/v1/channels/${encodeURIComponent(CHANNEL)}/${what}`;

/** Publishes until it is answered; the key makes a repetition harmless. */
async function publish(url, number) {
  for (;;) {
    const response = await fetch(url + path("messages"), {
      method: "POST",
      headers: { Authorization: `Bearer ${SERVER_KEY}`, "Idempotency-Key": `event-${number}` },
      body: JSON.stringify({ event: "message:agent", data: { messageId: `m-${number}`, content: `${number}` } }),
      signal: AbortSignal.timeout(5000),
    }).catch(() => null);
    if (response?.ok) return;
    await pause(50);
  }
}

/** Follows an event stream as EventSource does: comes back with the last id that it got. */
function followStream(t, url, problems) {
  const follower = { events: new Recorder(), streams: 0, last: null };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const once = async () => {
    const headers = { Authorization: `Bearer ${jwt()}`, ...(follower.last && { "Last-Event-ID": follower.last }) };
    const response = await fetch(url + path("events"), { headers, signal: stop.signal });
    if (!response.ok) return;
    follower.streams++;
    let rest = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const hello = field("event") === "subscribed";
        if (hello && follower.last && !JSON.parse(field("data")).recovered) {
          problems.push(`the stream was not recovered after ${follower.last}`);
        }
        if (field("id")) follower.last = field("id");
        if (!hello && field("data")) follower.events.push(JSON.parse(field("data")));
      }
    }
  };
  (async () => {
    while (!stop.signal.aborted) {
      await once().catch(() => {});
      await pause(50).catch(() => {});
    }
  })();
  return follower;
}

test("a client that can only poll, and one on an event stream, miss nothing while gateways are killed", async (t) => {
  const redis = new Redis(t);
  await redis.start();
  const problems = [];
  const gateways = await startGateways(t, redis, seeded(7), problems);
  const balancer = await Balancer.start(t, gateways.map(({ ports }) => ports[1]), seeded(8));

  const client = new DeskwireClient({
    url: balancer.url, WebSocket: null, token: jwt(), storage: null,
    limits: { firstDelayMs: 20, longestDelayMs: 200 },
  });
  t.after(() => client.close());
  const polled = new Recorder();
  const channel = client.channel(CHANNEL);
  channel.on("event", (event) => polled.push(event));
  channel.on("reset", ({ reason }) => reason !== "start" && problems.push(`the poller was reset: ${reason}`));
  client.connect();
  await within(channel.subscribe(), "the polls");
  const stream = followStream(t, balancer.url, problems);
  await eventually(async () => stream.streams, (count) => count > 0, "the stream");
  // A stream begins now only when its first position is known.
  await eventually(async () => stream.last, (last) => last !== null, "the stream's position");

  for (let number = 1; number <= EVENTS; number++) {
    await publish(balancer.url, number);
    if (number % KILL_EVERY !== 0) continue;
    const victim = gateways[(number / KILL_EVERY) % gateways.length];
    await victim.kill();
    await publish(balancer.url, `${number}-while-it-was-away`);
    await victim.start({ ready: false });
  }
  const log = await gateways[0].history(CHANNEL).catch(() => gateways[1].history(CHANNEL));
  const wanted = log.map(({ id }) => id);
  assert.equal(new Set(wanted).size, EVENTS + EVENTS / KILL_EVERY, "each publication is kept once");
  for (const [name, recorder] of [["polls", polled], ["stream", stream.events]]) {
    await recorder.until(({ id }) => id === wanted.at(-1), `the last event by ${name}`);
    assert.deepEqual(recorder.items.map(({ id }) => id), wanted, `all events by ${name}, once, in order`);
  }
  assert.ok(stream.streams > 1, "the stream was never cut");
  assert.equal(client.state.transport, "poll");
  assert.deepEqual(problems, []);
});
