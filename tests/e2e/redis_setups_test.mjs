// The Redis that an operator brings: which are refused, which are used, and what a failover does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { chatwootSource, freePorts, newDeskwire, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { FailoverSet, Redis } from "./support/redis.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

const OPERATIONS = fileURLToPath(new URL("../../docs/operations.md", import.meta.url));

/** The line that docs/operations.md tells operators to use, as arguments. */
function documentedAcl() {
  const line = readFileSync(OPERATIONS, "utf8").split("\n").find((one) => one.startsWith("ACL SETUSER deskwire "));
  return line.split(" ");
}

async function withRedis(t, options = {}) {
  const redis = new Redis(t, options);
  await redis.start();
  return redis;
}

async function refusedStart(t, redis, url = redis.url) {
  const deskwire = await newDeskwire(t, { config: { redis: { url } } });
  const result = await deskwire.cli(["serve"]);
  assert.equal(result.code, 1, result.stderr);
  return { deskwire, text: result.stderr };
}

async function doctorRows(deskwire) {
  const { stdout } = await deskwire.cli(["doctor", "--json"]);
  return new Map(JSON.parse(stdout).checks.map((row) => [row.check, row]));
}

/** One message through the whole loop. */
async function answered(t, deskwire, chatwoot, conversation, id) {
  const channel = `conversation:${conversation}`;
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
  assert.equal((await post(deskwire, incomingMessage({ conversation, id }))).status, 202);
  const status = await client.event("message:status");
  assert.equal(status.data.status, "sent");
  assert.equal(chatwoot.posted(conversation).length, 1);
}

describe("redis of an operator", { concurrency: 2 }, () => {
  test("one that evicts keys is refused, with the command that helps", async (t) => {
    const redis = await withRedis(t, { "maxmemory-policy": "allkeys-lru" });
    const { deskwire, text } = await refusedStart(t, redis);
    assert.match(text, /maxmemory-policy is allkeys-lru.*config set maxmemory-policy noeviction/);
    assert.equal((await doctorRows(deskwire)).get("redis").level, "fail");
  });

  test("a cluster is refused", async (t) => {
    const redis = await withRedis(t, { "cluster-enabled": "yes" });
    const { text } = await refusedStart(t, redis);
    assert.match(text, /runs as a cluster/);
  });

  test("data of another layout is refused by serve and by every command, and left alone", async (t) => {
    const redis = await withRedis(t);
    redis.command("SET", "dw:{0}:layout", "7");
    const { deskwire, text } = await refusedStart(t, redis);
    assert.match(text, /data is of version 7, this deskwire works on version 2/);
    const stats = await deskwire.cli(["jobs", "stats"]);
    assert.equal(stats.code, 1);
    assert.match(stats.stderr, /version 7/);
    assert.match((await doctorRows(deskwire)).get("redis data").found, /version 7/);
    assert.equal(redis.command("KEYS", "*"), "dw:{0}:layout");
  });

  test("the documented user, in a database of its own, runs the whole loop", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const redis = await withRedis(t);
    const [, ...line] = documentedAcl();
    redis.command("ACL", ...line);
    const deskwire = await startedDeskwire(t, {
      sources: [chatwootSource(chatwoot.url)],
      config: { redis: { url: `unix://deskwire:PASSWORD@${redis.socket}?db=3` } },
    });
    await answered(t, deskwire, chatwoot, 7401, 54_001);
    const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), "conversation:7401");
    await client.command("enter", { channel: "conversation:7401", data: {} });
    assert.equal(redis.command("DBSIZE"), "0", "nothing lies in database 0");
    const refused = redis.command("ACL", "LOG").match(/^reason$/gm) ?? [];
    // CONFIG, asked for appendfsync, is the one thing that it may not do.
    assert.ok(refused.length <= 1, redis.command("ACL", "LOG"));
    const rows = await doctorRows(deskwire);
    assert.equal(rows.get("redis").level, "ok");
    assert.match(rows.get("redis durability").found, /append-only file/);
    assert.doesNotMatch(deskwire.text(), /PASSWORD/);
  });

  test("a user who may not ask is taken with a warning", async (t) => {
    const redis = await withRedis(t);
    const [, ...line] = documentedAcl();
    redis.command("ACL", ...line.filter((word) => word !== "+info"));
    const deskwire = await startedDeskwire(t, {
      config: { redis: { url: `unix://deskwire:PASSWORD@${redis.socket}` } },
    });
    assert.match(deskwire.text(), /event=redis_not_checked.*NOPERM/);
    assert.equal((await doctorRows(deskwire)).get("redis").level, "warn");
  });

  test("a password over TCP; a wrong one is named in the log, not told", async (t) => {
    const [port] = await freePorts(1);
    const redis = new Redis(t, { port: `${port}`, bind: "127.0.0.1", requirepass: "p@ss" });
    redis.command = () => "PONG"; // It would be asked for the password.
    await redis.start();
    const url = (password) => `redis://:${password}@127.0.0.1:${port}/1`;
    const wrong = await newDeskwire(t, { config: { redis: { url: url("mistaken") } } });
    await wrong.start({ ready: false });
    await wrong.output.until(({ line }) => /WRONGPASS/.test(line), "the reason");
    assert.doesNotMatch(wrong.text(), /mistaken/);
    const right = await startedDeskwire(t, { config: { redis: { url: url("p%40ss") } } });
    assert.ok(right.running);
  });
});

describe("failover", { concurrency: 1 }, () => {
  test("the master is killed under load: what was accepted is answered once, without a restart", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const set = await FailoverSet.start(t);
    const deskwire = await startedDeskwire(t, {
      sources: [chatwootSource(chatwoot.url)],
      config: { redis: { url: set.url, wait_replicas: 1 } },
    });
    const rows = await doctorRows(deskwire);
    assert.equal(rows.get("redis replicas").found, "1 connected, 1 must confirm");
    for (const port of set.sentinelPorts) {
      assert.match(rows.get(`sentinel 127.0.0.1:${port}`).found, /^OK 3 usable Sentinels/);
    }

    // A sender that sends again what was not taken, as Chatwoot's agent bot does.
    const accepted = [];
    let stopping = false;
    let felt = 0;
    const sender = (async () => {
      for (let i = 0; !stopping; i++) {
        const conversation = 7500 + i;
        const body = incomingMessage({ conversation, id: 55_000 + i });
        for (;;) {
          const { status, answer } = await post(deskwire, body).catch(() => ({ status: 0 }));
          if (status !== 202 || answer.spooled) felt++;
          if (status === 200 || status === 202) break;
          assert.ok(status === 429 || status === 0, `status ${status}`);
          await pause(50);
        }
        accepted.push(conversation);
        await pause(5);
      }
    })();
    const acceptedBeyond = (count) => eventually(() => accepted.length, (length) => length >= count, `${count} accepted`);

    await acceptedBeyond(50);
    await set.first.stop("SIGKILL");
    const port = `${set.ports[1]}`;
    const named = (answers) => answers.every((text) => text.includes(port));
    await eventually(() => set.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"), named, "the new master");
    // It has no replica that could confirm, so deliveries are spooled until the old one is back as one.
    await set.first.start();
    await acceptedBeyond(accepted.length + 50);
    stopping = true;
    await sender;
    assert.ok(felt > 0, "the failover was felt");
    await eventually(
      () => accepted.filter((conversation) => chatwoot.posted(conversation).length === 0),
      (unanswered) => unanswered.length === 0,
      "an answer to everything that was accepted",
    );
    // The status is the job's last step: after it nothing is posted any more.
    for (const conversation of accepted) {
      const sent = (events) => events.some(({ event, data }) => event === "message:status" && data.status === "sent");
      await eventually(() => deskwire.history(`conversation:${conversation}`), sent, `the status of ${conversation}`);
    }
    for (const conversation of accepted) assert.equal(chatwoot.posted(conversation).length, 1, `${conversation}`);
    assert.ok(deskwire.running);
  });
});
