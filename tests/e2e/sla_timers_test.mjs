// Many clocks fall due while three processes keep them, one of which is killed now and then, and
// Redis once: each warning and violation is in the log exactly once, none early, none for a clock
// that was met or paused before. $DESKWIRE_SLA_CLOCKS and $DESKWIRE_SLA_SPAN_S make it larger.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { newDeskwire, SANDBOX_SOURCE } from "./support/deskwire.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { Redis } from "./support/redis.mjs";
import { eventually } from "./support/waiting.mjs";

const CLOCKS = Number(process.env.DESKWIRE_SLA_CLOCKS ?? 200);
const SPAN_S = Number(process.env.DESKWIRE_SLA_SPAN_S ?? 8);
const LEAD_S = CLOCKS > 1000 ? 60 : 8; // Until the first warning, for making the clocks.
const TARGET_S = 300;
const WARN_S = 3;
const POLICY = {
  id: "gold",
  metrics: {
    first_response: { targets: { default: TARGET_S }, warn_at: [{ before_s: WARN_S }], pause_on: ["snoozed"] },
  },
  violation_grace_s: 0,
};

/** CRC-16/XMODEM, which decides the shard of a conversation. */
function shardOf(key) {
  let crc = 0;
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % 16;
}

/** Sends commands without waiting for each. */
class Pipe {
  static async open(socket) {
    const pipe = new Pipe();
    pipe.socket = connect(socket);
    await once(pipe.socket, "connect");
    return pipe;
  }
  async send(commands) {
    const text = commands
      .map((words) => `*${words.length}\r\n${words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join("")}`)
      .join("");
    let answers = 0;
    let errors = "";
    const done = new Promise((resolve) => {
      this.socket.on("data", (data) => {
        for (const line of String(data).split("\r\n")) {
          if (/^[:+]/.test(line) || /^\$\d/.test(line)) answers++;
          if (line.startsWith("-")) errors += line;
        }
        if (errors || answers >= commands.length) resolve();
      });
    });
    this.socket.write(text);
    await done;
    this.socket.removeAllListeners("data");
    assert.equal(errors, "");
  }
}

/** When each event was published, by the clock of this machine. */
function listen(t, redis, into) {
  const child = spawn("redis-cli", ["-s", redis.socket, "--csv", "PSUBSCRIBE", "dw:ev:conversation:*:internal"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => child.kill());
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const at = Date.now();
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const id = /event_id\\":\\"([0-9a-f]{32})/.exec(line);
      if (id && !into.has(id[1])) into.set(id[1], at);
    }
  });
  child.on("exit", () => {
    if (redis.wanted) setTimeout(() => listen(t, redis, into), 100);
  });
}

/** Clocks as the receiver makes them: a fact, and the conversation due to be looked at. */
async function makeClocks(redis, begun) {
  const pipe = await Pipe.open(redis.socket);
  const dues = [];
  const fact = (fields) => JSON.stringify({ v: 1, at: begun, source: "sandbox", account: "1", ...fields });
  for (let from = 0; from < CLOCKS; from += 500) {
    const commands = [];
    for (let i = from; i < Math.min(CLOCKS, from + 500); i++) {
      const lane = `c${i}`;
      const prefix = `dw:{${shardOf(lane)}}:`;
      const due = begun + (LEAD_S + WARN_S) * 1000 + Math.floor((i * SPAN_S * 1000) / CLOCKS);
      const fate = i % 10; // 8: answered before the warning, 9: snoozed before it.
      dues.push({ lane, due, prefix, quiet: fate >= 8 });
      const add = (fields) => commands.push(["XADD", `${prefix}facts:${lane}`, "*", "f", fact(fields)]);
      const created = { kind: "message_created", by: "contact", message: `m${i}`, created_at: due - TARGET_S * 1000 };
      add(created);
      if (i % 7 === 0) add(created); // A repetition.
      if (fate === 8) add({ kind: "message_created", by: "user", message: `a${i}`, created_at: begun });
      if (fate === 9) add({ kind: "conversation_status", status: "snoozed", updated_at: begun });
      commands.push(["ZADD", `${prefix}clocks`, String(begun), lane]);
    }
    await pipe.send(commands);
  }
  await pipe.send([...new Set(dues.map(({ prefix }) => prefix))].map((prefix) => ["LPUSH", `${prefix}clockbell`, "1"]));
  pipe.socket.destroy();
  return dues;
}

test(`${CLOCKS} clocks fall due under kills`, { timeout: 600_000 }, async (t) => {
  const redis = new Redis(t);
  await redis.start();
  redis.wanted = true;
  t.after(() => (redis.wanted = false));
  const processes = [];
  for (let i = 0; i < 3; i++) {
    const config = { redis: { url: redis.url }, sla: { policies: [POLICY] } };
    const deskwire = await newDeskwire(t, { sources: [SANDBOX_SOURCE], config });
    await deskwire.start();
    processes.push(deskwire);
  }
  const heard = new Map();
  listen(t, redis, heard);

  const begun = Date.now();
  const dues = await makeClocks(redis, begun);

  // Kills while they fall due.
  const outages = [];
  const end = begun + (LEAD_S + WARN_S + SPAN_S) * 1000;
  await pause(Math.max(0, begun + LEAD_S * 1000 - Date.now()));
  for (let round = 0; Date.now() < end; round++) {
    await pause(Math.min(5000, (SPAN_S * 1000) / 3));
    const from = Date.now();
    if (round === 1) {
      await redis.stop("SIGKILL");
      await redis.start();
    } else {
      const victim = processes[round % 3];
      await victim.kill();
      await victim.start();
    }
    outages.push([from - 100, Date.now() + 4000]);
  }

  const log = ({ lane, prefix }) => {
    const entries = redis.command("--json", "XRANGE", `${prefix}log:conversation:${lane}:internal`, "-", "+");
    return JSON.parse(entries).map(([, [, envelope]]) => JSON.parse(envelope));
  };
  const loud = dues.filter(({ quiet }) => !quiet);
  await eventually(() => log(loud.at(-1)).length, (count) => count === 2, "the last violation", 60_000);
  const lateness = [];
  const problems = [];
  for (const clock of dues) {
    const events = await eventually(
      () => log(clock),
      (list) => clock.quiet || list.length >= 2,
      `the events of ${clock.lane}`,
    );
    const names = events.map(({ event }) => event);
    const alerts = names.filter((name) => name === "sla:warning" || name === "sla:violation");
    const expected = clock.quiet ? [] : ["sla:warning", "sla:violation"];
    if (JSON.stringify(alerts) !== JSON.stringify(expected)) problems.push(`${clock.lane}: ${names}`);
    if (clock.quiet) continue;
    for (const [index, instant] of [clock.due - WARN_S * 1000, clock.due].entries()) {
      const { data } = events[index];
      if (data.timestamp < instant) problems.push(`${clock.lane} ${data.type} ${instant - data.timestamp} ms early`);
      const at = heard.get(data.event_id);
      const inOutage = outages.some(([from, to]) => instant >= from && instant <= to);
      if (at && !inOutage) lateness.push(at - instant);
    }
  }
  lateness.sort((a, b) => a - b);
  const at = (part) => lateness[Math.min(lateness.length - 1, Math.floor(lateness.length * part))];
  t.diagnostic(`clocks ${CLOCKS}, kills ${outages.length}, measured outside of them ${lateness.length}`);
  t.diagnostic(`late by ms: p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`);
  assert.deepEqual(problems.slice(0, 20), []);
});

test("a warning reaches a client soon after its instant", { timeout: 300_000 }, async (t) => {
  const redis = new Redis(t);
  await redis.start();
  const config = { redis: { url: redis.url }, sla: { policies: [POLICY] } };
  const deskwire = await newDeskwire(t, { sources: [SANDBOX_SOURCE], config });
  await deskwire.start();
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), "oncall");
  const arrived = new Map(); // channel → when
  client.ws.on("message", (text) => {
    const { push } = JSON.parse(text);
    if (push?.event === "sla:warning") arrived.set(push.data.channel, Date.now());
  });
  const dues = await makeClocks(redis, Date.now());
  const loud = dues.filter(({ quiet }) => !quiet);
  const instants = new Map(loud.map(({ lane, due }) => [`conversation:${lane}`, due - WARN_S * 1000]));
  await eventually(() => arrived.size, (count) => count === instants.size, "all warnings", 200_000);
  const lateness = [...arrived].map(([channel, at]) => at - instants.get(channel));
  lateness.sort((a, b) => a - b);
  t.diagnostic(`${lateness.length} warnings at the socket, late by ms: p50 ${lateness[Math.floor(lateness.length / 2)]}, p99 ${lateness[Math.floor(lateness.length * 0.99)]}`);
  assert.ok(lateness[0] >= 0, "none is early");
});
