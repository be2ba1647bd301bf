// The client against a fake socket and a clock that the test moves.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { afterEach, beforeEach, test } from "node:test";

import { afterClose, DeskwireClient } from "../src/index.js";
import { FakeClock } from "./fake_clock.mjs";
import { FakeSocket, settled } from "./fake_socket.mjs";

// Node 18, Debian 12's, has it under another name.
globalThis.crypto ??= webcrypto;

let clock;
beforeEach(() => {
  FakeSocket.opened.length = 0;
  clock = new FakeClock();
});
afterEach(() => clock.restore());

function newClient(t, options = {}) {
  const client = new DeskwireClient({
    url: "https://gateway.example",
    WebSocket: FakeSocket,
    token: "first",
    random: () => 0.5,
    fallback: false,
    storage: null,
    ...options,
  });
  t.after(() => client.close());
  client.states = [];
  client.on("state", ({ name }) => client.states.push(name));
  client.connect();
  return client;
}

async function greet(socket, session = {}) {
  socket.open();
  socket.answer("connect", { session: "s-1", clientId: "me", ping_ms: 25_000, ...session });
  await settled();
}

async function connected(t, options) {
  const client = newClient(t, options);
  await settled();
  await greet(FakeSocket.last);
  return client;
}

/** Subscribed to room:1 with its end at offset 3, everything that it tells recorded. */
async function subscribed(t, options = {}) {
  const client = await connected(t, options);
  const room = client.channel("room:1");
  room.told = [];
  room.on("event", ({ offset }, { source }) => room.told.push(`${source} ${offset}`));
  room.on("reset", ({ reason }) => room.told.push(`reset ${reason}`));
  room.subscribe({ history: options.history ?? 0 });
  await settled();
  FakeSocket.last.answer("subscribe", {
    channel: "room:1", epoch: "e1", offset: 3, recovered: false, presence: [],
  });
  await settled();
  return { client, room };
}

test("every close code of the contract has its consequence", () => {
  const table = {
    retry: [1000, 1001, 1006, 1011, 1012, 4008, 4010, 4011, 4012, 4029],
    token: [4001, 4003, 4009],
    never: [1002, 1003, 1007, 1009, 4002],
  };
  for (const [next, codes] of Object.entries(table)) {
    for (const code of codes) assert.equal(afterClose(code), next, String(code));
  }
  assert.equal(afterClose(4777, false), "never", "unknown codes are decided by the server's hint");
  assert.equal(afterClose(4777, true), "retry");
  assert.equal(afterClose(4008, false), "retry", "known ones by the contract");
});

test("the token travels in the first command and never in the address", async (t) => {
  await connected(t);
  assert.equal(FakeSocket.last.url, "wss://gateway.example/v1/ws");
  assert.equal(FakeSocket.last.asked("connect")[0].token, "first");
});

test("delays double with full jitter up to a ceiling, and only a lasting connection resets them", async (t) => {
  const client = newClient(t);
  await settled();
  const waits = [];
  for (let i = 0; i < 9; i++) {
    FakeSocket.last.drop();
    waits.push(client.state.retryAt - Date.now());
    clock.tick(client.state.retryAt - Date.now());
    await settled();
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  await greet(FakeSocket.last);
  FakeSocket.last.drop();
  assert.equal(client.state.retryAt - Date.now(), 15_000, "it broke at once");
  client.retry();
  await settled();
  await greet(FakeSocket.last);
  clock.tick(10_000);
  FakeSocket.last.drop();
  assert.equal(client.state.retryAt - Date.now(), 250);
});

test("a server that says when to come back is obeyed, with a little jitter", async (t) => {
  const client = await connected(t);
  const disconnect = { code: 4010, reason: "draining", reconnect: true, retry_after_ms: 3200 };
  FakeSocket.last.hear({ disconnect });
  FakeSocket.last.drop(4010);
  assert.equal(client.state.retryAt - Date.now(), 3200 + 0.5 * 500);
  clock.tick(3449);
  await settled();
  assert.equal(FakeSocket.opened.length, 1, "not before");
  clock.tick(1);
  await settled();
  assert.equal(FakeSocket.opened.length, 2);
});

test("a server cannot send a client away for longer than the client allows", async (t) => {
  const client = await connected(t);
  FakeSocket.last.hear({ disconnect: { code: 4010, reason: "x", reconnect: true, retry_after_ms: 1e9 } });
  FakeSocket.last.drop(4010);
  assert.equal(client.state.retryAt - Date.now(), 30_000 + 0.5 * 500);
});

test("a draining server is given time", async (t) => {
  const client = await connected(t);
  FakeSocket.last.hear({ disconnect: { code: 4010, reason: "draining", reconnect: true } });
  FakeSocket.last.drop(1006);
  assert.equal(client.state.code, 4010, "the frame counts where the close frame was lost");
  assert.equal(client.state.retryAt - Date.now(), 1000);
});

test("a silent server is left after its period and ten seconds", async (t) => {
  const client = await connected(t);
  clock.tick(34_000);
  FakeSocket.last.hear({ ping: {} });
  clock.tick(34_999);
  assert.equal(client.state.name, "connected");
  clock.tick(1);
  assert.equal(client.state.name, "waiting", "without waiting for a close handshake on a dead network");
});

test("a retry by hand does not wait", async (t) => {
  const client = newClient(t);
  await settled();
  FakeSocket.last.drop();
  client.retry();
  await settled();
  assert.equal(FakeSocket.opened.length, 2);
  clock.tick(60_000);
  await settled();
  const tries = FakeSocket.opened.length;
  client.retry();
  assert.equal(FakeSocket.opened.length, tries, "while it tries there is nothing to retry");
});

test("what the server cannot understand ends it for good and rejects what waits", async (t) => {
  const client = await connected(t);
  const room = client.channel("room:1");
  const { sent } = room.send("hello");
  FakeSocket.last.drop(4002);
  await assert.rejects(sent, { kind: "closed" });
  assert.deepEqual(client.states, ["connecting", "connected", "ended"]);
  assert.equal(client.state.needsToken, false);
  await assert.rejects(room.send("again").sent, { kind: "closed" });
});

test("no answer is taken for another's, and none is awaited for ever", async (t) => {
  const client = await connected(t);
  const room = client.channel("room:1");
  const first = room.history({ limit: 1 });
  const second = room.history({ limit: 2 });
  await settled();
  FakeSocket.last.answer("history", { events: [], more: false, which: 2 }, 1);
  assert.equal((await second).which, 2);
  FakeSocket.last.drop();
  await assert.rejects(first, { kind: "lost" });
});

test("at most 32 commands are in flight, the next ones wait", async (t) => {
  const client = await connected(t);
  const rooms = Array.from({ length: 40 }, (_, i) => client.channel(`room:${i}`));
  rooms.forEach((room) => room.history().catch(() => {}));
  await settled();
  assert.equal(FakeSocket.last.asked("history").length, 32);
  FakeSocket.last.answer("history", { events: [] }, 0);
  assert.equal(FakeSocket.last.asked("history").length, 33);
});

test("a frame beyond the server's limit is refused here, where it breaks nothing", async (t) => {
  const client = await connected(t);
  const { sent } = client.channel("room:1").send("ü".repeat(40_000));
  await assert.rejects(sent, { kind: "refused", code: 41300 });
  assert.equal(client.state.name, "connected");
});

test("pushes that come while the history loads wait for it; doubles are told by offset", async (t) => {
  const { room } = await subscribed(t, { history: 2 });
  FakeSocket.last.push(4);
  FakeSocket.last.push(5);
  assert.deepEqual(room.told, []);
  const event = (offset) => ({ channel: "room:1", epoch: "e1", offset, event: "note", data: {} });
  FakeSocket.last.answer("history", { events: [event(3), event(4)], epoch: "e1", more: true });
  await settled();
  assert.deepEqual(room.told, ["reset start", "history 3", "history 4", "live 5"]);
  FakeSocket.last.push(5);
  FakeSocket.last.push(6);
  assert.deepEqual(room.told.slice(4), ["live 6"]);
  assert.deepEqual(room.position, { epoch: "e1", offset: 6 });
});

test("a connection that comes back asks for what follows the newest push", async (t) => {
  const { client, room } = await subscribed(t);
  FakeSocket.last.push(4);
  FakeSocket.last.drop();
  client.retry();
  await settled();
  await greet(FakeSocket.last);
  assert.deepEqual(FakeSocket.last.asked("subscribe")[0].recover, { epoch: "e1", offset: 4 });
  FakeSocket.last.answer("subscribe", {
    channel: "room:1", epoch: "e1", offset: 5, recovered: true, presence: [],
  });
  await settled();
  FakeSocket.last.push(5);
  FakeSocket.last.push(6);
  assert.deepEqual(room.told, ["reset start", "live 4", "replay 5", "live 6"]);
});

test("a server that lost its data counts from one again", async (t) => {
  const { room } = await subscribed(t);
  FakeSocket.last.push(1, { epoch: "e2" });
  assert.deepEqual(room.position, { epoch: "e2", offset: 1 });
  assert.deepEqual(room.told, ["reset start", "live 1"]);
});

test("events without an offset do not move the position", async (t) => {
  const { room } = await subscribed(t);
  FakeSocket.last.push(undefined, { event: "message:delta" });
  assert.deepEqual(room.position, { epoch: "e1", offset: 3 });
});

test("an expired token is renewed on the connection, and its channels come back", async (t) => {
  const tokens = ["second"];
  const { room } = await subscribed(t, { getToken: async () => tokens.shift() });
  const reading = room.publish("read", { messageId: "1" });
  await settled();
  FakeSocket.last.refuse("publish", { code: 40142, message: "token expired" });
  await settled();
  assert.equal(FakeSocket.last.asked("refresh")[0].token, "second");
  FakeSocket.last.answer("refresh", { clientId: "me", expires: 0, ended: [] });
  await settled();
  assert.equal(FakeSocket.last.asked("subscribe").length, 2, "the server had ended it");
  clock.tick(1000);
  await settled();
  FakeSocket.last.answer("publish", { id: "x" });
  assert.deepEqual(await reading, { id: "x" });
});

test("channels that a new token does not allow end", async (t) => {
  const { client, room } = await subscribed(t, { getToken: async () => "second" });
  const ended = new Promise((resolve) => room.on("ended", resolve));
  client.setToken("narrower");
  await settled();
  FakeSocket.last.answer("refresh", { clientId: "me", ended: ["room:1"] });
  assert.equal((await ended).code, 40160);
  assert.equal(room.subscribed, false);
});

test("listeners that throw disturb nobody", async (t) => {
  const { room } = await subscribed(t);
  const thrown = [];
  t.mock.method(globalThis, "queueMicrotask", (report) => {
    try {
      report();
    } catch (error) {
      thrown.push(error.message);
    }
  });
  room.on("event", () => {
    throw new Error("a page's mistake");
  });
  FakeSocket.last.push(4);
  FakeSocket.last.push(5);
  assert.deepEqual(room.told.slice(1), ["live 4", "live 5"]);
  assert.deepEqual(thrown, ["a page's mistake", "a page's mistake"]);
});

test("connect and close may be called at any time, in any order, twice", async (t) => {
  const client = newClient(t, { getToken: () => new Promise(() => {}), token: undefined });
  client.connect();
  client.close();
  client.close();
  client.connect();
  client.setToken("late");
  await settled();
  client.close();
  clock.tick(120_000);
  await settled();
  assert.equal(client.state.name, "closed");
  assert.equal(FakeSocket.opened.length, 0);
});

test("a token that comes after close() opens nothing", async (t) => {
  let give;
  const client = newClient(t, {
    token: undefined,
    getToken: () => new Promise((resolve) => (give = resolve)),
  });
  client.close();
  give("late");
  await settled();
  assert.equal(client.state.name, "closed");
  assert.equal(FakeSocket.opened.length, 0);
});

test("a listener that unsubscribes hears no more", async (t) => {
  const { room } = await subscribed(t, { history: 2 });
  room.on("event", ({ offset }) => offset === 4 && room.unsubscribe());
  FakeSocket.last.push(4);
  FakeSocket.last.push(5);
  FakeSocket.last.answer("history", { events: [], epoch: "e1", more: false });
  await settled();
  assert.deepEqual(room.told, ["reset start", "live 4"]);
});

test("an own presence is entered again with each connection", async (t) => {
  const { client, room } = await subscribed(t);
  const entering = room.presence.enter({ name: "Me" });
  await settled();
  FakeSocket.last.answer("enter");
  await entering;
  FakeSocket.last.drop();
  client.retry();
  await settled();
  await greet(FakeSocket.last);
  FakeSocket.last.answer("subscribe", {
    channel: "room:1", epoch: "e1", offset: 3, recovered: true,
    presence: [{ clientId: "other", data: {} }],
  });
  await settled();
  assert.deepEqual(FakeSocket.last.asked("enter")[0].data, { name: "Me" });
  assert.deepEqual(room.presence.members.map(({ clientId }) => clientId), ["other"]);
});

test("others' typing ends by itself where its end was lost", async (t) => {
  const { room } = await subscribed(t);
  const data = { actor: "agent", sender: { id: "bob", name: "Bob" } };
  FakeSocket.last.push(undefined, { event: "typing:start", data });
  assert.deepEqual(room.typists, [{ actor: "agent", id: "bob", name: "Bob" }]);
  clock.tick(7000);
  assert.deepEqual(room.typists, []);
});

test("own typing is told every three seconds at most, and ends five after the last key", async (t) => {
  const { room } = await subscribed(t);
  const told = () => FakeSocket.last.asked("publish").map(({ event }) => event);
  for (let i = 0; i < 5; i++) {
    room.typing();
    clock.tick(1000);
  }
  await settled();
  assert.deepEqual(told(), ["typing:start", "typing:start"]);
  clock.tick(5000);
  await settled();
  assert.deepEqual(told(), ["typing:start", "typing:start", "typing:stop"]);
});

test("a closed client leaves no timer behind that would keep a process alive", async (t) => {
  const { client, room } = await subscribed(t, { getToken: async () => "next", history: 5 });
  FakeSocket.last.answer("history", { events: [], epoch: "e1", more: false });
  await settled();
  room.typing();
  const data = { actor: "agent", sender: { id: "bob", name: "Bob" } };
  FakeSocket.last.push(undefined, { event: "typing:start", data });
  const unanswered = room.send("one").sent;
  const waiting = room.send("two").sent;
  const limited = room.publish("read", { messageId: "1" });
  await settled();
  assert.ok(clock.pending > 0);
  client.close();
  await assert.rejects(unanswered, { kind: "closed" });
  await assert.rejects(waiting, { kind: "closed" });
  await assert.rejects(limited, { kind: "closed" });
  await settled();
  assert.equal(clock.pending, 0);
});

test("presence that the server cannot take just now is told again, the newest last", async (t) => {
  const { room } = await subscribed(t);
  const { presence } = room;
  const socket = FakeSocket.last;
  const entered = presence.enter({ mood: 1 });
  await settled();
  const away = { code: 50300, message: "storage did not answer", retry_after_ms: 1000 };
  socket.refuse("enter", away);
  await settled();
  presence.update({ mood: 2 });
  await settled();
  assert.equal(socket.asked("update").length, 0, "not beside the first");
  clock.tick(1500);
  await settled();
  socket.answer("enter");
  await settled();
  assert.deepEqual(socket.asked("update").map(({ data }) => data), [{ mood: 2 }]);
  socket.answer("update");
  await entered;
  presence.leave();
  await settled();
  socket.answer("leave");
});

test("presence is told again with the next connection, also while the last one's answer is awaited", async (t) => {
  const { room } = await subscribed(t);
  room.presence.enter({ mood: 1 });
  await settled();
  FakeSocket.last.drop();
  clock.tick(1000);
  await settled();
  await greet(FakeSocket.last);
  FakeSocket.last.answer("subscribe", { channel: "room:1", epoch: "e1", offset: 3, recovered: true, presence: [] });
  await settled();
  assert.deepEqual(FakeSocket.last.asked("enter").map(({ data }) => data), [{ mood: 1 }]);
});
