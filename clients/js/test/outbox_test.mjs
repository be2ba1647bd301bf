// What waits to be sent: order, repeats, and the three limits.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { DeskwireError } from "../src/index.js";
import { Outbox } from "../src/outbox.js";
import { FakeClock } from "./fake_clock.mjs";
import { settled } from "./fake_socket.mjs";

const LIMITS = { maxItems: 5, maxBytes: 1000, maxAgeMs: 60_000 };
const lost = () => new DeskwireError("lost", "the connection was lost");
const refused = (code, retryAfterMs) => new DeskwireError("refused", "no", { code, retryAfterMs });

let calls;
let clock;
beforeEach(() => {
  calls = [];
  clock = new FakeClock();
});
afterEach(() => clock.restore());

function newOutbox(limits = LIMITS) {
  return new Outbox(limits, (verb, body) => {
    return new Promise((resolve, reject) => calls.push({ verb, body, resolve, reject }));
  });
}

const add = (outbox, n, options = {}) =>
  outbox.add(options.channel ?? "a", "send", { n }, { repeat: true, ...options });

const sent = () => calls.map(({ body }) => body.n);

test("one at a time in a channel, channels side by side", async () => {
  const outbox = newOutbox();
  outbox.open();
  add(outbox, 1);
  add(outbox, 2);
  add(outbox, 3, { channel: "b" });
  assert.deepEqual(sent(), [1, 3]);
  calls[0].resolve("done");
  await settled();
  assert.deepEqual(sent(), [1, 3, 2]);
});

test("what was in flight when the connection was lost is repeated first", async () => {
  const outbox = newOutbox();
  outbox.open();
  const first = add(outbox, 1);
  add(outbox, 2);
  outbox.shut();
  calls[0].reject(lost());
  await settled();
  assert.deepEqual(sent(), [1], "nothing goes out without a connection");
  outbox.open();
  assert.deepEqual(sent(), [1, 1]);
  calls[1].resolve("done");
  assert.equal(await first, "done");
});

test("what may not be repeated is rejected with the truth: nobody knows", async () => {
  const outbox = newOutbox();
  outbox.open();
  const once = add(outbox, 1, { repeat: false });
  const second = add(outbox, 2, { repeat: false });
  outbox.shut();
  calls[0].reject(lost());
  await assert.rejects(once, { kind: "lost" });
  outbox.open();
  assert.deepEqual(sent(), [1, 2]);
  calls[1].reject(refused(50300, 10));
  await assert.rejects(second, { code: 50300 });
});

test("a rate limit holds the channel's order and lets others pass", async () => {
  const outbox = newOutbox();
  outbox.open();
  add(outbox, 1, { repeat: false });
  add(outbox, 2);
  calls[0].reject(refused(42910, 700));
  await settled();
  add(outbox, 3, { channel: "b" });
  clock.tick(699);
  assert.deepEqual(sent(), [1, 3]);
  clock.tick(1);
  assert.deepEqual(sent(), [1, 3, 1]);
});

test("a connection lost during a rate limit's pause forgets the pause, not the item", async () => {
  const outbox = newOutbox();
  outbox.open();
  add(outbox, 1);
  calls[0].reject(refused(42910, 700));
  await settled();
  outbox.shut();
  outbox.open();
  assert.deepEqual(sent(), [1, 1]);
  clock.tick(700);
  assert.deepEqual(sent(), [1, 1], "once");
});

test("a refusal rejects one item and lets the next go", async () => {
  const outbox = newOutbox();
  outbox.open();
  const bad = add(outbox, 1);
  add(outbox, 2);
  calls[0].reject(refused(40160));
  await assert.rejects(bad, { code: 40160 });
  assert.deepEqual(sent(), [1, 2]);
});

test("neither too many nor too much may wait", async () => {
  const outbox = newOutbox();
  for (let n = 0; n < 5; n++) add(outbox, n).catch(() => {});
  await assert.rejects(add(outbox, 6), { kind: "full" });
  assert.equal(outbox.size, 5);
  const small = newOutbox({ ...LIMITS, maxBytes: 100 });
  await assert.rejects(add(small, "x".repeat(200)), { kind: "full" });
});

test("what waits too long is rejected, also when it may wait less than the others", async () => {
  const outbox = newOutbox();
  const old = add(outbox, 1);
  const hasty = add(outbox, 2, { maxAgeMs: 1000 });
  clock.tick(1000);
  await assert.rejects(hasty, { kind: "expired" });
  assert.equal(outbox.size, 1);
  clock.tick(59_000);
  await assert.rejects(old, { kind: "expired" });
  outbox.open();
  assert.deepEqual(calls, []);
});

test("an answer that comes late is an answer", async () => {
  const outbox = newOutbox();
  outbox.open();
  const slow = add(outbox, 1);
  clock.tick(120_000);
  calls[0].resolve("late");
  assert.equal(await slow, "late");
});

test("when it is abandoned, everything is rejected until it is admitted again", async () => {
  const outbox = newOutbox();
  const waiting = add(outbox, 1);
  outbox.abandon(new DeskwireError("closed", "closed"));
  await assert.rejects(waiting, { kind: "closed" });
  await assert.rejects(add(outbox, 2), { kind: "closed" });
  outbox.admit();
  add(outbox, 3);
  outbox.open();
  assert.deepEqual(sent(), [3]);
});
