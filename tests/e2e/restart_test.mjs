// Restarts under a steady load of webhooks, with the receiver's socket held by the service manager:
// no connection is refused or cut, every delivery is answered 2xx, and nothing is lost.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { BINARY, chatwootSource, newDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { Redis } from "./support/redis.mjs";
import { eventually, Recorder, within } from "./support/waiting.mjs";
import { incomingMessage, signedHeaders } from "./support/webhooks.mjs";

const RESTARTS = Number(process.env.DESKWIRE_RESTARTS ?? 5);
// Nobody waits for what is in hand at a stop; and the channels keep every message of a long run.
const CONFIG = { jobs: { shutdown_grace_ms: 500 }, gateway: { log: { max_events: 1_000_000 } } };
const HOLDER = fileURLToPath(new URL("support/socket_holder.pl", import.meta.url));

class SocketHolder {
  lines = new Recorder();
  #child;

  constructor(t, port, args) {
    this.#child = spawn("perl", [HOLDER, ...args], {
      env: { ...process.env, PORT: String(port) },
      stdio: ["pipe", "pipe", "ignore"],
    });
    let rest = "";
    this.#child.stdout.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      lines.forEach((line) => this.lines.push(line));
    });
    t.after(async () => {
      const ended = once(this.#child, "exit");
      this.#child.stdin.end();
      await within(ended, "the end of the socket holder");
    });
  }

  /** Tells it something and waits for the answer. */
  async tell(order, answer) {
    const count = () => this.lines.items.filter((line) => line.startsWith(answer)).length;
    const before = count();
    this.#child.stdin.write(`${order}\n`);
    await eventually(count, (now) => now > before, `the answer to ${order}`);
  }
}

/** One delivery on a connection of its own, as Chatwoot posts it. */
function deliver(url, body) {
  return new Promise((resolve, reject) => {
    const post = request(`${url}/webhooks/support`, {
      method: "POST",
      agent: false,
      headers: { ...signedHeaders(body), "Content-Length": body.length, Connection: "close" },
    });
    post.on("error", reject);
    post.on("response", (response) => {
      response.resume().on("end", () => resolve(response.statusCode)).on("error", reject);
    });
    post.end(body);
  });
}

async function restartsUnderLoad(t, { port, deskwire, conversations, order }) {
  const args = [BINARY, "serve", "--config", deskwire.configFile];
  const holder = new SocketHolder(t, port, args);
  await holder.lines.until((line) => line === `port ${port}`, "the socket");
  await holder.tell("start", "started");
  let over = false;
  const failures = [];
  const senders = conversations.map(async (conversation) => {
    let count = 0;
    while (!over) {
      const number = ++count;
      const body = incomingMessage({ conversation, id: conversation * 1000 + number, content: `m${number}` });
      const status = await deliver(deskwire.receiver, body).catch((error) => error.code ?? error.message);
      if (status !== 202) failures.push(`${conversation}/${number}: ${status}`);
      await pause(10);
    }
    return count;
  });
  const ready = () => fetch(`${deskwire.admin}/readyz`).then((response) => response.status);
  for (let i = 0; i < RESTARTS; i++) {
    await eventually(ready, (status) => status === 200, "readyz");
    await pause(200);
    await holder.tell(order, "ended");
    await holder.tell("start", "started");
  }
  await eventually(ready, (status) => status === 200, "readyz");
  over = true;
  const counts = await Promise.all(senders);
  return { counts, failures };
}

async function assertAllThere(deskwire, conversations, counts) {
  for (const [i, conversation] of conversations.entries()) {
    const fits = (events) => events.filter(({ event }) => event === "message:user").length >= counts[i];
    const events = await eventually(() => deskwire.history(`conversation:${conversation}`), fits, "all messages");
    const contents = events.filter(({ event }) => event === "message:user").map(({ data }) => data.content);
    assert.deepEqual(contents, Array.from({ length: counts[i] }, (_, n) => `m${n + 1}`));
  }
}

const conversations = [401, 402, 403, 404];

test("restarts under load refuse no connection and lose nothing", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const redis = new Redis(t);
  await redis.start();
  const config = { ...CONFIG, redis: { url: redis.url } };
  const deskwire = await newDeskwire(t, { sources: [chatwootSource(chatwoot.url)], config });
  const load = { port: deskwire.ports[0], deskwire, conversations, order: "stop" };
  const { counts, failures } = await restartsUnderLoad(t, load);
  assert.deepEqual(failures, []);
  assert.ok(Math.min(...counts) > RESTARTS, `deliveries: ${counts}`);
  await assertAllThere(deskwire, conversations, counts);
});

test("with the embedded redis as well", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const config = CONFIG;
  const deskwire = await newDeskwire(t, { sources: [chatwootSource(chatwoot.url)], config });
  const load = { port: deskwire.ports[0], deskwire, conversations, order: "stop" };
  const { counts, failures } = await restartsUnderLoad(t, load);
  assert.deepEqual(failures, []);
  await assertAllThere(deskwire, conversations, counts);
});

test("a socket that is no door's stops the start, and says why", async (t) => {
  const deskwire = await newDeskwire(t);
  const child = spawn("perl", [HOLDER, BINARY, "serve", "--config", deskwire.configFile], {
    env: { ...process.env, PORT: "0" },
    stdio: ["pipe", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (data) => (text += data));
  child.stdin.write("start\n");
  await eventually(() => text, (seen) => seen.includes("receiver.listen"), "the reason");
  const ended = once(child, "exit");
  child.stdin.end();
  await within(ended, "the end of the socket holder");
  assert.match(text, /adopt socket 127\.0\.0\.1:\d+: no door of this process listens there/);
});
