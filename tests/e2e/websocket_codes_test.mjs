// Every row of the code table of docs/protocol.md, with npm's `ws` as the client.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { chatwootSource, newDeskwire, SANDBOX_SOURCE, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { jwt } from "./support/jwt.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { Redis } from "./support/redis.mjs";
import { eventually, within } from "./support/waiting.mjs";
import { incomingMessage, nowSeconds, post } from "./support/webhooks.mjs";

const CHANNEL = "conversation:codes";
const SANDBOX = { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] };

async function connected(t, deskwire, claims = {}) {
  const client = await PlainClient.open(t, deskwire.socket);
  await client.command("connect", { token: jwt(claims) });
  return client;
}

async function assertClosed(client, code, reconnect) {
  assert.equal((await within(client.closed, `the close with ${code}`)).code, code);
  const last = client.frames.items.at(-1)?.disconnect;
  assert.equal(last?.code, code, "a disconnect frame comes before the close frame");
  assert.equal(typeof last.reason, "string");
  assert.equal(last.reconnect, reconnect);
}

test("refused commands are answered with their code, and the connection lives on", async (t) => {
  const deskwire = await startedDeskwire(t, SANDBOX);
  const client = await connected(t, deskwire, {
    role: "customer",
    cap: { [CHANNEL]: ["subscribe", "publish", "history"], "conversation:quiet": ["subscribe"] },
  });
  await client.command("subscribe", { channel: CHANNEL });
  let id = 100;
  const cases = [
    ["an unknown verb", { frobnicate: {} }, 40000],
    ["no verb", {}, 40020],
    ["two verbs", { ping: {}, presence: { channel: CHANNEL } }, 40020],
    ["a verb that is no object", { subscribe: CHANNEL }, 40020],
    ["a field of the wrong type", { subscribe: { channel: 7 } }, 40001],
    ["a missing field", { subscribe: {} }, 40001],
    ["a channel name with a space", { subscribe: { channel: "conversation:a b" } }, 40001],
    ["an offset below zero", { subscribe: { channel: CHANNEL, recover: { epoch: "e", offset: -1 } } }, 40001],
    ["a channel outside the capability", { subscribe: { channel: "conversation:other" } }, 40160],
    ["the internal channel", { subscribe: { channel: `${CHANNEL}:internal` } }, 40160],
    ["publishing where one may only listen", { publish: { channel: "conversation:quiet", event: "typing:start", data: {} } }, 40160],
    ["presence without the right", { enter: { channel: CHANNEL, data: {} } }, 40160],
    ["the server's own event", { publish: { channel: CHANNEL, event: "message:ai", data: { content: "x" } } }, 40160],
    ["an event that nobody opened", { publish: { channel: CHANNEL, event: "made:up", data: {} } }, 40160],
    ["a channel that one is not in", { unsubscribe: { channel: "conversation:quiet" } }, 40400],
    ["a second connect", { connect: { token: jwt() } }, 40900],
  ];
  for (const [name, frame, code] of cases) {
    await t.test(name, async () => {
      const answer = await client.ask({ id: ++id, ...frame });
      assert.equal(answer.error?.code, code, JSON.stringify(answer));
      assert.equal(typeof answer.error.message, "string");
    });
  }
  await client.command("ping", {});
});

test("what a helpdesk cannot do is 40301; a message over the limit is 41300; a flood is 42910", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url), SANDBOX_SOURCE],
    config: { gateway: { limits: { max_frame_bytes: 1_048_576 } } },
  });
  const client = await connected(t, deskwire, { role: "customer" });
  await post(deskwire, incomingMessage({ conversation: 7401, id: 54_001 }));
  const send = (channel, content) => client.command("send", { channel, content, clientMessageId: `c-${content.length}` });
  await assert.rejects(send("conversation:7401", "hello"), { code: 40301 }, "a website inbox takes no customer messages by API");
  await assert.rejects(send("conversation:try~1", "x".repeat(150_001)), { code: 41300 });

  const publishes = Array.from({ length: 200 }, () =>
    client.command("publish", { channel: "conversation:try~1", event: "typing:start", data: {} }).then(
      () => null,
      (error) => error,
    ),
  );
  const refused = (await Promise.all(publishes)).filter(Boolean);
  assert.ok(refused.length >= 100, `${refused.length} of 200 refused`);
  for (const error of refused) {
    assert.equal(error.code, 42910);
    assert.ok(error.retry_after_ms > 0);
  }
});

test("a refused token never fails the upgrade: 4001 by URL, by header, by first command", async (t) => {
  const deskwire = await startedDeskwire(t, SANDBOX);
  const bad = {
    "no token at all": "x",
    "another key": jwt({}, { key: { kid: "e2e", secret: "another-secret-another-secret-another" } }),
    "unknown kid": jwt({}, { header: { kid: "nobody" } }),
    "alg none": `${jwt({}, { header: { alg: "none" } }).split(".").slice(0, 2).join(".")}.`,
    "another algorithm": jwt({}, { header: { alg: "HS512" } }),
    expired: jwt({ exp: nowSeconds() - 10 }),
  };
  for (const [name, token] of Object.entries(bad)) {
    await t.test(name, async () => {
      const byUrl = await PlainClient.open(t, `${deskwire.socket}?token=${encodeURIComponent(token)}`);
      await assertClosed(byUrl, 4001, true);
      const byHeader = await PlainClient.open(t, deskwire.socket, { headers: { Authorization: `Bearer ${token}` } });
      await assertClosed(byHeader, 4001, true);
      const byCommand = await PlainClient.open(t, deskwire.socket);
      byCommand.ws.send(JSON.stringify({ id: 1, connect: { token } }));
      await assertClosed(byCommand, 4001, true);
    });
  }
  await t.test("in a refresh", async () => {
    const client = await connected(t, deskwire);
    client.ws.send(JSON.stringify({ id: 7, refresh: { token: "x.y.z" } }));
    await assertClosed(client, 4001, true);
    assert.ok(!JSON.stringify(client.frames.items).includes("x.y.z"), "the token is not repeated");
  });
  await t.test("a good token is welcomed unasked with id 0", async () => {
    const client = await PlainClient.open(t, `${deskwire.socket}?token=${jwt()}`);
    const { ok } = await client.frames.until(({ id }) => id === 0, "the welcome");
    assert.match(ok.session, /^s-/);
    assert.equal(ok.clientId, "tester");
    assert.equal(ok.ping_ms, 25_000);
  });
});

test("frames that cannot be understood end the connection: 4002, 1003, 1007, 1009", async (t) => {
  const deskwire = await startedDeskwire(t, SANDBOX);
  const cases = [
    ["not JSON", (ws) => ws.send("hello"), 4002],
    ["an array", (ws) => ws.send("[]"), 4002],
    ["no id", (ws) => ws.send('{"ping":{}}'), 4002],
    ["an id that is no positive integer", (ws) => ws.send('{"id":-1,"ping":{}}'), 4002],
    ["binary", (ws) => ws.send(Buffer.from("{}"), { binary: true }), 1003],
    ["bad UTF-8", (ws) => ws.send(Buffer.from([0x7b, 0xff, 0x7d]), { binary: false }), 1007],
    ["64 KiB and a byte", (ws) => ws.send("x".repeat(65_537)), 1009],
  ];
  for (const [name, send, code] of cases) {
    await t.test(name, async () => {
      const client = await connected(t, deskwire);
      send(client.ws);
      await assertClosed(client, code, false);
    });
  }
  await t.test("several objects in one frame only after ?batch=1", async () => {
    const two = '{"id":21,"ping":{}}\n{"id":22,"ping":{}}';
    const batch = await PlainClient.open(t, `${deskwire.socket}?batch=1&token=${jwt()}`);
    batch.ws.on("message", (data) => data);
    batch.ws.send(two);
    await batch.frames.until(({ id }) => id === 22, "both answers");
    const single = await connected(t, deskwire);
    single.ws.send(two);
    await assertClosed(single, 4002, false);
  });
});

describe("closes with a time or a limit", { concurrency: true }, () => {
  test("4003: a refresh by another client's token", async (t) => {
    const deskwire = await startedDeskwire(t, SANDBOX);
    const client = await connected(t, deskwire);
    client.ws.send(JSON.stringify({ id: 7, refresh: { token: jwt({ sub: "somebody-else" }) } }));
    await assertClosed(client, 4003, true);
  });

  test("an origin that is not on the list gets no connection; listed ones do", async (t) => {
    const deskwire = await startedDeskwire(t, { ...SANDBOX, config: { gateway: { origins: ["https://good.example"] } } });
    const open = (origin) => PlainClient.open(t, `${deskwire.socket}?token=${jwt()}`, { origin });
    await assert.rejects(open("https://evil.example"), /403/);
    await (await open("https://good.example")).command("ping", {});
    await (await open(deskwire.gateway)).command("ping", {});
  });

  test("4008: a consumer that does not read is closed; the others are served", async (t) => {
    const deskwire = await startedDeskwire(t, {
      ...SANDBOX,
      config: { gateway: { limits: { max_outbox_bytes: 65_536, publish_per_s: 100_000, publish_burst: 100_000 }, open_prefixes: ["room:"] } },
    });
    const channel = "room:flood";
    const slow = await connected(t, deskwire);
    await slow.command("subscribe", { channel });
    slow.ws._socket.pause();
    const publisher = await connected(t, deskwire);
    const data = { text: "x".repeat(16_000) };
    const metric = async () => {
      const text = await (await fetch(`${deskwire.admin}/metrics`)).text();
      return text.split("\n").some((line) => line.startsWith("deskwire_") && line.includes("4008") && !line.endsWith(" 0"));
    };
    while (!(await metric())) {
      await publisher.command("publish", { channel, event: "flood", data });
    }
    slow.ws._socket.resume();
    const { code } = await within(slow.closed, "the close");
    assert.ok([4008, 1006].includes(code), `closed with ${code}`);
  });

  test("4009: a token that runs out and is not refreshed; a refreshed one goes on", async (t) => {
    const deskwire = await startedDeskwire(t, SANDBOX);
    const refreshed = await connected(t, deskwire, { exp: nowSeconds() + 3 });
    await refreshed.command("refresh", { token: jwt() });
    const client = await connected(t, deskwire, { exp: nowSeconds() + 3 });
    const history = () => client.command("history", { channel: CHANNEL }).then(() => 0, ({ code }) => code);
    const refusal = await eventually(history, (code) => code !== 0, "the end of the token");
    assert.equal(refusal, 40142, "first commands are refused, so that the client can refresh");
    await assertClosed(client, 4009, true);
    await refreshed.command("ping", {});
  });

  test("4001 when no token comes in time", async (t) => {
    const deskwire = await startedDeskwire(t, { ...SANDBOX, config: { gateway: { hello_timeout_ms: 200 } } });
    await assertClosed(await PlainClient.open(t, deskwire.socket), 4001, true);
  });

  test("4010: a server that stops says goodbye and ends cleanly", async (t) => {
    const deskwire = await startedDeskwire(t, SANDBOX);
    const client = await connected(t, deskwire);
    const stopped = deskwire.stop();
    await assertClosed(client, 4010, true);
    assert.deepEqual(await stopped, { code: 0, signal: null });
  });

  test("4012: a peer that does not answer pings", async (t) => {
    const deskwire = await startedDeskwire(t, {
      ...SANDBOX,
      config: { gateway: { ping_ms: 200, pong_timeout_ms: 2000 } },
    });
    const alive = await connected(t, deskwire);
    const silent = await PlainClient.open(t, `${deskwire.socket}?token=${jwt()}`, { autoPong: false });
    await assertClosed(silent, 4012, true);
    await alive.frames.until(({ ping }) => ping, "a ping for browsers");
    await alive.command("ping", {});
  });

  test("4029: more sessions than allowed", async (t) => {
    const deskwire = await startedDeskwire(t, { ...SANDBOX, config: { gateway: { limits: { max_sessions: 1 } } } });
    await connected(t, deskwire);
    await assertClosed(await PlainClient.open(t, deskwire.socket), 4029, true);
  });

  test("50300 while Redis is away; the connection lives on and works again", async (t) => {
    const redis = new Redis(t);
    await redis.start();
    const deskwire = await newDeskwire(t, { ...SANDBOX, config: { redis: { url: redis.url } } });
    await deskwire.start();
    const client = await connected(t, deskwire);
    await client.command("subscribe", { channel: CHANNEL });
    await redis.stop();
    const react = () =>
      client.command("publish", { channel: CHANNEL, event: "reaction:add", data: { messageId: "m", emoji: "+" } });
    await assert.rejects(react(), { code: 50300 });
    await redis.start();
    for (;;) {
      const error = await react().then(() => null, (refusal) => refusal);
      if (!error) break;
      assert.ok([50300, 42910].includes(error.code));
      await pause(error.retry_after_ms);
    }
    await client.event("reaction:add");
  });
});
