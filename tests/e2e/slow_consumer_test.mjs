// One client that reads 1 kB a second among fast ones: they do not notice, it is closed with 4008 and
// recovers, and the server does not grow. With more of them, and for how long everything took:
//
//   DESKWIRE_FAST_CLIENTS=500 node --test tests/e2e/slow_consumer_test.mjs

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { SERVER_KEY, startedDeskwire } from "./support/deskwire.mjs";
import { jwt } from "./support/jwt.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { handshake, text } from "./support/raw_websocket.mjs";
import { eventually, within } from "./support/waiting.mjs";

const FAST = Number(process.env.DESKWIRE_FAST_CLIENTS ?? 50);
const CHANNEL = "conversation:try~crowd";
// So much that it fills the slow one's outbox and the kernel's buffers before it; in smaller pieces
// when many have to read it.
const CONTENT_BYTES = FAST > 100 ? 4000 : 20_000;
const QUIET_EVENTS = 50; // before the slow one is there, to compare with
const EVENTS = Math.ceil((4 << 20) / CONTENT_BYTES);
const EVENTS_PER_S = 50;
const SLOW_BYTES_PER_S = 1000;
const OUTBOX_BYTES = 1 << 20;

const rssMiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];

async function publish(deskwire, number) {
  const response = await fetch(`${deskwire.gateway}/v1/channels/${encodeURIComponent(CHANNEL)}/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${SERVER_KEY}` },
    body: JSON.stringify({ event: "message:agent", data: { messageId: `m-${number}`, sentAt: performance.now(), content: "x".repeat(CONTENT_BYTES) } }),
  });
  assert.equal(response.status, 201);
  await response.text();
}

async function publishMany(deskwire, first, count) {
  const begun = performance.now();
  for (let i = 0; i < count; i++) {
    await publish(deskwire, first + i);
    const ahead = begun + ((i + 1) * 1000) / EVENTS_PER_S - performance.now();
    if (ahead > 0) await pause(ahead);
  }
}

/** Subscribes, and then reads so slowly that the kernel's buffers fill, and ours. */
async function slowClient(t, port, token) {
  const socket = connect({ port, host: "127.0.0.1", highWaterMark: SLOW_BYTES_PER_S });
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  const subscribe = JSON.stringify({ id: 1, subscribe: { channel: CHANNEL } });
  socket.write(handshake(`/v1/ws?token=${token}`) + "");
  socket.write(text(subscribe));
  await once(socket, "readable");
  const timer = setInterval(() => socket.read(SLOW_BYTES_PER_S), 1000);
  t.after(() => clearInterval(timer));
  return socket;
}

test("a slow consumer costs the others nothing, is closed with 4008 and recovers", async (t) => {
  const deskwire = await startedDeskwire(t, {
    config: { gateway: { limits: { max_outbox_bytes: OUTBOX_BYTES }, log: { max_events: 10_000 } } },
  });
  const latencies = [];
  const fast = await Promise.all(
    Array.from({ length: FAST }, async () => {
      const client = await PlainClient.open(t, deskwire.socket);
      client.ids = [];
      client.pushes.push = (push) => {
        client.ids.push(push.data.messageId);
        latencies.push(performance.now() - push.data.sentAt);
      };
      // Kept frames would be gigabytes in this process.
      client.frames.push = ((push) => (frame) => frame.push || push.call(client.frames, frame))(client.frames.push);
      await client.command("connect", { token: jwt() });
      client.subscription = await client.command("subscribe", { channel: CHANNEL });
      return client;
    }),
  );
  const arrived = (count) => eventually(async () => fast.every(({ ids }) => ids.length >= count), (all) => all, `${count} events everywhere`, 120_000);
  await publishMany(deskwire, 1, QUIET_EVENTS);
  await arrived(QUIET_EVENTS);
  const quiet = latencies.splice(0);
  const before = rssMiB(deskwire.pid);

  const slow = await slowClient(t, deskwire.ports[1], jwt());
  const { epoch, offset } = fast[0].subscription;
  const position = { epoch, offset: offset + QUIET_EVENTS };
  await publishMany(deskwire, QUIET_EVENTS + 1, EVENTS);
  await arrived(QUIET_EVENTS + EVENTS);
  const growth = rssMiB(deskwire.pid) - before;
  t.diagnostic(`${FAST} fast clients, ms p50/p99: alone ${percentile(quiet, 0.5).toFixed(1)}/${percentile(quiet, 0.99).toFixed(1)}, with the slow one ${percentile(latencies, 0.5).toFixed(1)}/${percentile(latencies, 0.99).toFixed(1)}`);
  t.diagnostic(`RSS ${before.toFixed(0)} MiB and ${growth.toFixed(0)} more`);

  const metrics = await (await fetch(`${deskwire.admin}/metrics`)).text();
  assert.match(metrics, /^deskwire_sessions_closed_total\{code="4008"\} 1$/m);
  const wanted = Array.from({ length: QUIET_EVENTS + EVENTS }, (_, i) => `m-${i + 1}`);
  for (const client of fast) assert.deepEqual(client.ids, wanted);
  assert.ok(growth < 64, `the server grew by ${growth} MiB`);
  slow.destroy();

  // It comes back, with a better network: everything that it missed is there, once, in order.
  const back = await PlainClient.subscribed(t, deskwire.socket, jwt(), CHANNEL, position);
  assert.equal(back.subscription.recovered, true);
  await back.pushes.until(({ data }) => data.messageId === wanted.at(-1), "the last event");
  assert.deepEqual(back.pushes.items.map(({ data }) => data.messageId), wanted.slice(QUIET_EVENTS));
});
