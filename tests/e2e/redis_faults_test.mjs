// Redis down at the start, away for a while, full, and something else than Redis on its socket.
// The receiver keeps deliveries in its spool, or without one says 429 (a 503 would mute a Chatwoot
// bot for good), and recovers by itself. More about the spool: spool_test.mjs.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { chatwootSource, newDeskwire, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { Redis } from "./support/redis.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

const AWAY_MS = 10_000;
const NO_SPOOL = { spool: { max_bytes: 0 } };

function assertOverloaded({ status, headers }) {
  assert.equal(status, 429);
  const seconds = Number(headers.get("retry-after"));
  assert.ok(seconds >= 5 && seconds <= 55, `Retry-After: ${headers.get("retry-after")}`);
}

async function doorOpen(deskwire) {
  await eventually(() => fetch(`${deskwire.admin}/healthz`), ({ status }) => status === 200, "healthz");
}

async function readiness(deskwire) {
  const response = await fetch(`${deskwire.admin}/readyz`);
  await response.text();
  return response.status;
}

describe("redis", { concurrency: true }, () => {
  test("down at the start: 429 without a spool, not ready; it comes, and everything works without a restart", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const redis = new Redis(t);
    const deskwire = await newDeskwire(t, {
      sources: [chatwootSource(chatwoot.url)],
      config: { redis: { url: redis.url }, receiver: NO_SPOOL },
    });
    await deskwire.start({ ready: false });
    await doorOpen(deskwire);
    assert.equal(await readiness(deskwire), 503);
    const body = incomingMessage({ conversation: 7301, id: 53_001 });
    assertOverloaded(await post(deskwire, body));
    await redis.start();
    await eventually(() => readiness(deskwire), (status) => status === 200, "readyz");
    assert.equal((await post(deskwire, body)).status, 202);
    await chatwoot.calls.until(({ name }) => name === "POST messages", "the reply");
  });

  test("away for 10 s: 429 meanwhile without a spool, nothing lost, clients keep their place", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const redis = new Redis(t);
    await redis.start();
    const deskwire = await startedDeskwire(t, {
      sources: [chatwootSource(chatwoot.url)],
      config: { redis: { url: redis.url }, receiver: NO_SPOOL },
    });
    const channel = "conversation:7302";
    const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
    await post(deskwire, incomingMessage({ conversation: 7302, id: 53_002, content: "before" }));
    await client.event("message:status");
    await redis.stop();
    const back = pause(AWAY_MS).then(() => redis.start());
    const refused = incomingMessage({ conversation: 7302, id: 53_003, content: "during" });
    assertOverloaded(await post(deskwire, refused));
    await back;
    await eventually(() => readiness(deskwire), (status) => status === 200, "readyz");
    const answer = await eventually(() => post(deskwire, refused), ({ status }) => status !== 429, "the redelivery");
    assert.equal(answer.status, 202);
    await client.event("message:status", ({ offset }) => offset > 3);
    const contents = client.pushes.items
      .filter(({ event }) => event === "message:user")
      .map(({ data }) => data.content);
    assert.deepEqual(contents, ["before", "during"]);
    assert.equal(chatwoot.posted(7302).length, 2);
  });

  test("full: new work is refused with 429, work in hand is finished, and it recovers", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const redis = new Redis(t);
    await redis.start();
    const deskwire = await startedDeskwire(t, {
      sources: [chatwootSource(chatwoot.url)],
      config: { redis: { url: redis.url } },
    });
    const channel = "conversation:7304";
    const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
    chatwoot.hooks.beforeStore = async () => {
      redis.command("CONFIG", "SET", "maxmemory", "1");
      delete chatwoot.hooks.beforeStore;
    };
    await post(deskwire, incomingMessage({ conversation: 7304, id: 53_004 }));
    const status = await client.event("message:status");
    assert.equal(status.data.status, "sent", "the completion went through a full Redis");
    const body = incomingMessage({ conversation: 7304, id: 53_005 });
    assertOverloaded(await post(deskwire, body));
    redis.command("CONFIG", "SET", "maxmemory", "0");
    assert.equal((await post(deskwire, body)).status, 202);
  });

  test("something that is no Redis on its address: 429 without a spool, no crash", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.write("$-7\r\nHTTP/1.1 400 Bad Request\r\n\r\n*99999999999\r\n"));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const deskwire = await newDeskwire(t, {
      sources: [chatwootSource(chatwoot.url)],
      config: { redis: { url: `redis://127.0.0.1:${server.address().port}` }, receiver: NO_SPOOL },
    });
    t.after(() => server.close());
    await deskwire.start({ ready: false });
    await doorOpen(deskwire);
    for (let i = 0; i < 20; i++) {
      assertOverloaded(await post(deskwire, incomingMessage({ conversation: 7305, id: 53_100 + i })));
    }
    assert.equal(await readiness(deskwire), 503);
    assert.ok(deskwire.running);
  });
});
