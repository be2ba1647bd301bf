// The JavaScript client (clients/js) from Node against the built binary, over networks of every kind.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import WebSocket from "ws";

import { DeskwireClient } from "../../clients/js/src/index.js";
import { BadNetwork } from "./support/bad_network.mjs";
import { SANDBOX_SOURCE, SERVER_KEY, startedDeskwire } from "./support/deskwire.mjs";
import { jwt } from "./support/jwt.mjs";
import { eventually, Recorder, within } from "./support/waiting.mjs";
import { nowSeconds } from "./support/webhooks.mjs";

// Node 18, Debian 12's, has it under another name.
globalThis.crypto ??= webcrypto;

const CHANNEL = "conversation:c1";
const LOCAL = { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] };
// Reconnects are tested here, not how long clients wait before them.
const QUICK = { firstDelayMs: 20, longestDelayMs: 200 };

/** sessionStorage as a page finds it again after a reload. */
function memoryStorage() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
  };
}

/** A client whose channel `c1` is recorded; closed with the test. */
function newClient(t, url, options = {}) {
  const { limits, history, ...more } = options;
  const client = new DeskwireClient({
    url,
    WebSocket,
    token: more.getToken ? undefined : jwt({ sub: "ann", name: "Ann", role: "customer" }),
    limits: { ...QUICK, ...limits },
    ...more,
  });
  t.after(async () => {
    await client.c1.unsubscribe(); // Ends the wait for it, where there is one.
    client.close();
  });
  client.states = new Recorder();
  client.on("state", (state) => client.states.push(state));
  client.c1 = client.channel(CHANNEL);
  client.events = new Recorder();
  client.c1.on("event", (event, meta) => client.events.push({ ...event, source: meta.source }));
  client.resets = new Recorder();
  client.c1.on("reset", (reset) => client.resets.push(reset));
  client.typing = new Recorder();
  client.c1.on("typing", (list) => client.typing.push(list.map(({ name }) => name)));
  client.connect();
  client.subscribed = within(client.c1.subscribe({ history }), "the subscription");
  client.subscribed.catch(() => {});
  return client;
}

/** Publishes kept events by the server key, numbered from `from`. */
async function publishNumbered(deskwire, from, to) {
  const url = `${deskwire.gateway}/v1/channels/${CHANNEL}/messages`;
  for (let n = from; n <= to; n++) {
    const response = await fetch(url, {
      method: "POST",
      headers: { Authorization: `Bearer ${SERVER_KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify({ event: "message:agent", data: { messageId: `n-${n}`, content: `${n}` } }),
    });
    assert.equal(response.status, 201, await response.text());
  }
}

const numbers = (client) =>
  client.events.items.filter(({ event }) => event === "message:agent").map(({ data }) => Number(data.content));

const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

const arrival = (client, n) =>
  client.events.until(({ data }) => data.messageId === `n-${n}`, `message ${n}`);

test("two clients send, type, read and see each other", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const cap = { [CHANNEL]: ["subscribe", "publish", "presence", "history"] };
  const token = jwt({ sub: "ann", name: "Ann", role: "customer", cap });
  const ann = newClient(t, deskwire.gateway, { token });
  const bob = newClient(t, deskwire.socket, { token: jwt({ sub: "bob", name: "Bob", role: "agent" }) });
  await Promise.all([ann.subscribed, bob.subscribed]);
  assert.equal(ann.clientId, "ann");

  const present = new Recorder();
  ann.c1.on("presence", (members) => present.push(members));
  await bob.c1.presence.enter({ name: "Bob" });
  await present.until((members) => members.some(({ clientId }) => clientId === "bob"), "Bob");
  bob.c1.typing();
  await ann.typing.until((names) => names.includes("Bob"), "Bob's typing");
  bob.c1.typing();
  bob.c1.stopTyping();
  await ann.typing.until((names) => names.length === 0, "the end of Bob's typing");
  const starts = ann.events.items.filter(({ event }) => event === "typing:start");
  assert.equal(starts.length, 1, "a second key press says nothing new");

  const { clientMessageId, sent } = ann.c1.send("Where is my order?");
  const { messageId } = await sent;
  const seen = await bob.events.until(({ event }) => event === "message:user", "the message");
  assert.equal(seen.data.messageId, messageId);
  assert.equal(seen.data.clientMessageId, clientMessageId, "what was shown at once is recognised");
  await bob.c1.publish("read", { messageId });
  const read = await ann.events.until(({ event }) => event === "read", "the receipt");
  assert.equal(read.clientId, "bob");

  const page = await ann.c1.history({ limit: 1 });
  assert.equal(page.events.length, 1);
  assert.equal(page.more, true);
  await bob.c1.presence.leave();
  await present.until((members) => members.length === 0, "Bob's leaving");
  await assert.rejects(ann.channel("ops").subscribe(), { kind: "refused", code: 40160 });
  await assert.rejects(ann.c1.publish("message:ai", {}), { kind: "refused", code: 40160 });
  await assert.rejects(ann.c1.send("x".repeat(70_000)).sent, { kind: "refused", code: 41300 });
});

test("whatever the network does, every event comes once and in order", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const network = await BadNetwork.before(t, deskwire.ports[1]);
  const client = newClient(t, network.url, { limits: { probeTimeoutMs: 200, stableMs: 0 } });
  await client.subscribed;
  for (let round = 0; round < 5; round++) {
    const publishing = publishNumbered(deskwire, round * 20 + 1, round * 20 + 20);
    await arrival(client, round * 20 + 1);
    network.cut();
    await publishing;
    await arrival(client, round * 20 + 20);
  }
  assert.deepEqual(numbers(client), upTo(100));
  const missed = client.events.items.filter(({ source }) => source === "replay");
  assert.ok(missed.length > 0, "what was missed is marked");
  // The first beginning only: each recovery went on where the last connection ended.
  assert.deepEqual(client.resets.items, [{ reason: "start" }]);
});

test("messages written while the server is away arrive once each, in order", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const client = newClient(t, deskwire.gateway);
  await client.subscribed;
  await deskwire.kill();
  await client.states.until(({ name }) => name === "waiting", "the loss");
  const sent = upTo(5).map((n) => client.c1.send(`written ${n}`).sent);
  assert.equal(client.queued, 5);
  await assert.rejects(client.c1.publish("read", { messageId: "1" }, { queue: false }), { kind: "offline" });
  await deskwire.start();
  const answers = await within(Promise.all(sent), "the answers");
  assert.equal(new Set(answers.map(({ messageId }) => messageId)).size, 5);
  assert.equal(client.queued, 0);
  await client.events.until(({ data }) => data.content === "written 5", "the last message");
  const own = client.events.items.filter(({ event }) => event === "message:user");
  assert.deepEqual(own.map(({ data }) => data.content), upTo(5).map((n) => `written ${n}`));
});

test("a server that stops tells its clients, and they come back to it", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const client = newClient(t, deskwire.gateway);
  await client.subscribed;
  await publishNumbered(deskwire, 1, 1);
  await arrival(client, 1);
  await deskwire.stop();
  const { code } = await client.states.until(({ name }) => name === "waiting", "the draining");
  assert.equal(code, 4010);
  await deskwire.start();
  await publishNumbered(deskwire, 2, 2);
  await arrival(client, 2);
  assert.deepEqual(numbers(client), [1, 2]);
});

test("where WebSockets are blocked, long polls carry everything, until a WebSocket works", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const network = await BadNetwork.before(t, deskwire.ports[1]);
  network.refusesUpgrades = true;
  const client = newClient(t, network.url, { limits: { upgradeEveryMs: 300 } });
  await client.subscribed;
  assert.equal(client.state.transport, "poll");
  const { messageId, job } = await within(client.c1.send("by poll").sent, "the answer");
  assert.ok(job);
  const own = await client.events.until(({ event }) => event === "message:user", "the message");
  assert.equal(own.data.messageId, messageId);
  const bob = newClient(t, deskwire.gateway, { token: jwt({ sub: "bob", name: "Bob" }) });
  await bob.subscribed;
  client.c1.typing();
  await bob.typing.until((names) => names.includes("Ann"), "typing by poll");
  await client.c1.publish("read", { messageId });
  await assert.rejects(client.c1.presence.enter({}), { code: 40301 }, "presence needs a WebSocket");

  await publishNumbered(deskwire, 1, 30);
  await arrival(client, 30);
  const tries = network.upgrades;
  await eventually(() => network.upgrades, (upgrades) => upgrades > tries, "another try");
  assert.equal(client.state.transport, "poll", "a refused try disturbs nothing");
  const publishing = publishNumbered(deskwire, 31, 60);
  network.refusesUpgrades = false;
  await client.states.until(({ transport }) => transport === "socket", "the WebSocket");
  await publishing;
  await arrival(client, 60);
  assert.deepEqual(numbers(client), upTo(60), "nothing lost or twice on the way from one to the other");
  assert.ok(!client.typing.items.flat().includes("Ann"), "nobody sees their own typing");
});

test("after an outage of everything the client is back on a WebSocket, not left polling", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const client = newClient(t, deskwire.gateway);
  await client.subscribed;
  await deskwire.kill();
  // Long enough for both ways to have been tried.
  await eventually(
    () => client.states.items.filter(({ name }) => name === "connecting").length,
    (attempts) => attempts > 6,
    "six attempts",
  );
  await deskwire.start();
  await eventually(() => client.state, ({ transport }) => transport === "socket", "the WebSocket");
  await publishNumbered(deskwire, 1, 1);
  await arrival(client, 1);
  assert.deepEqual(numbers(client), [1]);
});

test("a reloaded page shows its history and is given exactly what it missed", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const storage = memoryStorage();
  const before = newClient(t, deskwire.gateway, { storage });
  await before.subscribed;
  await publishNumbered(deskwire, 1, 5);
  await arrival(before, 5);
  before.close();
  await publishNumbered(deskwire, 6, 8);

  const bare = newClient(t, deskwire.gateway, { storage: memoryStorageOf(storage) });
  assert.equal((await bare.subscribed).recovered, true);
  await arrival(bare, 8);
  assert.deepEqual(numbers(bare), [6, 7, 8], "without a history only what was missed");

  const after = newClient(t, deskwire.gateway, { storage, history: 50 });
  await after.subscribed;
  await arrival(after, 8);
  assert.deepEqual(after.resets.items, [{ reason: "restored" }]);
  assert.deepEqual(numbers(after), upTo(8));
  const sources = after.events.items.map(({ source }) => source);
  assert.deepEqual(sources, [...upTo(5).map(() => "history"), ...upTo(3).map(() => "replay")]);

  await publishNumbered(deskwire, 9, 9);
  await arrival(after, 9);
  assert.equal(after.events.items.at(-1).source, "live");
});

function memoryStorageOf(storage) {
  const copy = memoryStorage();
  copy.setItem("deskwire.positions", storage.getItem("deskwire.positions"));
  return copy;
}

test("a log that no longer reaches back is told as a gap, with the newest history", async (t) => {
  const config = { gateway: { log: { max_events: 20, max_age_s: 600 } } };
  const deskwire = await startedDeskwire(t, { ...LOCAL, config });
  const network = await BadNetwork.before(t, deskwire.ports[1]);
  const client = newClient(t, network.url, { history: 10 });
  await client.subscribed;
  await publishNumbered(deskwire, 1, 1);
  await arrival(client, 1);
  // Nobody can connect while the log runs over.
  network.freeze();
  network.cut();
  await publishNumbered(deskwire, 2, 300);
  network.thaw();
  network.cut();
  await client.resets.until(({ reason }) => reason === "gap", "the gap");
  await arrival(client, 300);
  const seen = numbers(client);
  assert.deepEqual(seen, [1, ...upTo(300).slice(-10)]);
});

test("a token is refreshed before it expires, and replaced after", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const reasons = [];
  const short = () => jwt({ sub: "ann", exp: nowSeconds() + 4 });
  const client = newClient(t, deskwire.gateway, {
    getToken: async ({ reason }) => {
      reasons.push(reason);
      return short();
    },
  });
  await client.subscribed;
  await eventually(() => reasons.length, (count) => count >= 4, "three refreshes");
  assert.equal(reasons[0], "connecting");
  assert.ok(reasons.slice(1).every((reason) => reason === "expiring"), reasons.join());
  await publishNumbered(deskwire, 1, 1);
  await arrival(client, 1);
  assert.deepEqual(client.states.items.map(({ name }) => name), ["connecting", "connected"]);
});

test("without a fresh token the client ends and says so, and goes on with the next one", async (t) => {
  const config = { gateway: { hello_timeout_ms: 2000 } };
  const deskwire = await startedDeskwire(t, { ...LOCAL, config });
  const refused = newClient(t, deskwire.gateway, { token: "not.a.token" });
  const { code, needsToken } = await refused.states.until(({ name }) => name === "ended", "the end");
  assert.equal(code, 4001);
  assert.equal(needsToken, true);
  const { sent } = refused.c1.send("it waits for the token");
  refused.setToken(jwt({ sub: "ann", role: "customer" }));
  await refused.subscribed;
  assert.ok((await within(sent, "the answer")).messageId);

  let calls = 0;
  const stubborn = newClient(t, deskwire.gateway, {
    getToken: () => {
      calls++;
      return "still.no.token";
    },
  });
  await stubborn.states.until(({ name }) => name === "ended", "the end");
  assert.equal(calls, 3, "a client does not ask for ever");
});

test("a network that lets nothing pass is noticed when the page wakes", async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const network = await BadNetwork.before(t, deskwire.ports[1]);
  // What a browser would offer: Node has neither.
  const page = new EventTarget();
  page.visibilityState = "visible";
  globalThis.window = page;
  globalThis.document = page;
  t.after(() => {
    delete globalThis.window;
    delete globalThis.document;
  });
  const client = newClient(t, network.url, { limits: { probeTimeoutMs: 200 } });
  await client.subscribed;
  network.freeze();
  await publishNumbered(deskwire, 1, 1);
  network.thaw();
  page.dispatchEvent(new Event("visibilitychange"));
  await arrival(client, 1);
  assert.deepEqual(
    client.states.items.map(({ name }) => name),
    ["connecting", "connected", "waiting", "connecting", "connected"],
  );
});
