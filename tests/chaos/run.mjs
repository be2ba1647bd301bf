#!/usr/bin/env node
// Chaos: three Deskwire processes on one Redis and a Chatwoot on a bad day, 200 customers who keep
// writing, clients who keep watching; processes are killed and frozen, Redis is restarted and killed,
// connections are cut. In the end nothing may be lost, nothing done or shown twice, nothing out of
// order, and everything must have run again in time.
//
//   DESKWIRE_BINARY=build/release/deskwire tests/chaos/run.mjs --seconds 600 --seed 1 [--json]
//
// Exit code 0: all held; 1: something did not (the seed is printed with it); 2: usage.

import { parseArgs } from "node:util";

import { Cleanup } from "../e2e/support/cleanup.mjs";
import { FakeChatwoot } from "../e2e/support/fake_chatwoot.mjs";
import { jwt } from "../e2e/support/jwt.mjs";
import { Redis } from "../e2e/support/redis.mjs";
import { eventually } from "../e2e/support/waiting.mjs";
import { nowSeconds } from "../e2e/support/webhooks.mjs";
import { Customers } from "./customers.mjs";
import { Faults, misbehave } from "./faults.mjs";
import { laneViolations } from "./lane_check.mjs";
import { startProcesses } from "./processes.mjs";
import { seeded } from "./random.mjs";
import { Recovery } from "./recovery.mjs";
import { RedisLink } from "./redis_link.mjs";
import { print, reportOf } from "./report.mjs";
import { judge, newestOffsets } from "./verdict.mjs";
import { Watcher } from "./watcher.mjs";

const RECOVERY_LIMIT_MS = 16_000;
const QUIET_LIMIT_MS = 180_000;
const CATCH_UP_LIMIT_MS = 30_000;
const WAITING = ["available", "scheduled", "retryable", "running"];

const OPTIONS = {
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  seconds: { type: "string", default: "60" },
  rate: { type: "string", default: "100" },
  conversations: { type: "string", default: "200" },
  "lease-ms": { type: "string", default: "10000" },
  json: { type: "boolean", default: false },
  verbose: { type: "boolean", default: false },
};

function readOptions() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    const numbers = {};
    for (const name of ["seed", "seconds", "rate", "conversations", "lease-ms"]) {
      numbers[name] = Number(values[name]);
      const fits = Number.isInteger(numbers[name]) && numbers[name] > 0;
      if (!fits) throw new Error(`--${name}: a whole number above 0`);
    }
    return { ...values, ...numbers, leaseMs: numbers["lease-ms"] };
  } catch (error) {
    console.error(`chaos: ${error.message}`);
    process.exit(2);
  }
}

function watch(cleanup, processes, conversations) {
  const token = jwt({ exp: nowSeconds() + 20 * 3600 });
  const channels = conversations.map((conversation) => `conversation:${conversation}`);
  return processes.map((one) => {
    const watcher = new Watcher(`the client of ${one.name}`, one.socket, token, channels);
    cleanup.after(() => watcher.stop());
    return watcher;
  });
}

/** Until nothing waits, runs or is on its way; resolves with what `deskwire jobs stats` says. */
async function quiet({ customers, processes, watchers, link }) {
  await customers.delivered();
  const stats = await eventually(
    async () => JSON.parse((await processes[0].cli(["jobs", "stats", "--json"])).stdout),
    (counts) =>
      WAITING.every((state) => !counts[state]) &&
      // What still lies in a receiver's spool is no job yet.
      counts.completed + counts.dead >= customers.acknowledged.size,
    "quiet",
    QUIET_LIMIT_MS,
  );
  const channels = watchers[0].channels;
  const newest = await newestOffsets(link, channels);
  await eventually(
    async () => watchers.every((watcher) => channels.every((name, i) => watcher.offset(name) === newest[i])),
    (caughtUp) => caughtUp,
    "the clients",
    CATCH_UP_LIMIT_MS,
  ).catch(() => {}); // The comparison with the logs says what is missing.
  return stats;
}

async function runChaos(options, cleanup, say) {
  const problems = [];
  const [portChance, customerChance, helpdeskChance, faultChance] = [0, 1, 2, 3].map((stream) =>
    seeded(options.seed * 4 + stream),
  );
  // What the embedded one has, and a Redis that is killed needs.
  const redis = new Redis(cleanup, { appendfsync: "always" });
  await redis.start();
  const chatwoot = await FakeChatwoot.start(cleanup);
  const processes = await startProcesses(cleanup, options, portChance, redis, chatwoot, problems);
  const link = new RedisLink(redis.socket);
  cleanup.after(() => link.close());
  const receivers = processes.map(({ receiver }) => receiver);
  const { conversations, leaseMs } = options;
  const customers = new Customers({ receivers, chatwoot, random: customerChance, conversations });
  const echo = (message) => customers.echo(message);
  chatwoot.hooks.afterAnswer = async (_, message) => echo(message);
  const watchers = watch(cleanup, processes, customers.conversations);
  await eventually(async () => watchers.every(({ following }) => following), (all) => all, "the subscriptions");
  const helpdesk = misbehave(chatwoot, helpdeskChance, { errors: 0.05, hangs: 0.02 }, echo);
  const recovery = new Recovery(link, RECOVERY_LIMIT_MS);
  const durationMs = options.seconds * 1000;
  const faults = new Faults({ processes, redis, recovery, random: faultChance, say, leaseMs, durationMs });

  say("the storm begins");
  const over = AbortSignal.timeout(durationMs);
  await Promise.all([customers.write(options.rate, over), faults.run(over)]);
  say("the storm is over");
  const calm = Date.now();
  const stats = await quiet({ customers, processes, watchers, link });
  await recovery.done();
  const quietMs = Date.now() - calm;
  say("quiet");
  const verdict = await judge({ link, customers, chatwoot, watchers });
  const rows = {
    ...verdict.rows,
    "all again within 16 s": recovery.problems,
    "nothing left": WAITING.filter((state) => stats[state]).map((state) => `${stats[state]} jobs ${state}`),
    // The user token lets every reply be looked up.
    "nobody called for a reply of unknown fate": Object.keys(verdict.outcomes).filter((outcome) =>
      outcome.includes("unknown_outcome"),
    ),
    "lane invariant": await laneViolations(link),
    "nothing unexpected": [...problems, ...customers.problems],
  };
  return reportOf({ options, customers, helpdesk, faults, recovery, watchers, verdict, rows, stats, quietMs });
}

async function main() {
  const options = readOptions();
  const cleanup = new Cleanup();
  const begun = Date.now();
  const say = (text) => {
    if (options.verbose) console.error(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${text}`);
  };
  // Nothing that was started outlives a run that somebody ends.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.once(signal, async () => {
      await cleanup.run();
      process.exit(1);
    });
  }
  try {
    const report = await runChaos(options, cleanup, say);
    if (options.json) console.log(JSON.stringify(report, null, 2));
    else print(report);
    return report.violations === 0 ? 0 : 1;
  } catch (error) {
    console.error(`chaos: seed ${options.seed}: ${error.stack}`);
    return 1;
  } finally {
    await cleanup.run();
  }
}

process.exitCode = await main();
