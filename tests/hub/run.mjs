#!/usr/bin/env node
// The hub in a storm: three gateways on one Redis behind one address, and clients in channels who
// talk, read, type, come and go, while gateways are killed and started again, connections are cut and
// Redis is away. Half of the clients are npm's `ws`, half the JavaScript client; every other person has
// two tabs. In the end nobody may have missed an event, had one twice or out of order; presence is
// right soon after the last change, also of those who died with their gateway; nobody types any more.
//
//   DESKWIRE_BINARY=build/release/deskwire tests/hub/run.mjs --seconds 300 --clients 200 --seed 1 [--json]
//
// Exit code 0: all held; 1: something did not (the seed is printed with it); 2: usage.

import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import { seeded } from "../chaos/random.mjs";
import { Cleanup } from "../e2e/support/cleanup.mjs";
import { Redis } from "../e2e/support/redis.mjs";
import { eventually, within } from "../e2e/support/waiting.mjs";
import { Balancer } from "./balancer.mjs";
import { startGateways } from "./gateways.mjs";
import { Person } from "./person.mjs";
import { judgeMember, judgeReads, judgeSends, wrongViews } from "./verdict.mjs";

const TABS = 3; // of two persons
const PERSONS_A_CHANNEL = 6;
const KILL_EVERY_MS = 3000;
const CUT_EVERY_MS = 1500;
const CUT_SHARE = 0.05;
const REDIS_AWAY_MS = 1500;
const PRESENCE_LIMIT_MS = 15_000;
const TYPING_LIMIT_MS = 9000;
const ANSWER_LIMIT_MS = 30_000;
const SHOWN = 10;

const OPTIONS = {
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  seconds: { type: "string", default: "60" },
  clients: { type: "string", default: "60" },
  json: { type: "boolean", default: false },
  verbose: { type: "boolean", default: false },
};

function readOptions() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    for (const name of ["seed", "seconds", "clients"]) {
      values[name] = Number(values[name]);
      if (!Number.isInteger(values[name]) || values[name] <= 0) throw new Error(`--${name}: a whole number above 0`);
    }
    return values;
  } catch (error) {
    console.error(`hub: ${error.message}`);
    process.exit(2);
  }
}

function makePersons({ clients }, url, random) {
  const persons = [];
  for (let left = clients, number = 1; left > 0; number++) {
    const tabs = Math.min(left, number % 2 === 0 ? TABS - 1 : 1);
    const kinds = number % 4 < 2 ? ["js", "plain"] : ["plain", "js"];
    const room = Math.floor((number - 1) / PERSONS_A_CHANNEL) + 1;
    persons.push(new Person(number, { channel: `conversation:try~room-${room}`, tabs, kinds, url, random }));
    left -= tabs;
  }
  return persons;
}

async function storm({ seconds }, { gateways, redis, balancer, persons, random, say }) {
  const counts = { kills: 0, "redis restarts": 0, "subscriptions cut": 0 };
  const over = AbortSignal.timeout(seconds * 1000);
  const every = async (ms, act) => {
    while (await pause(ms, true, { signal: over }).catch(() => false)) await act();
  };
  const lives = persons.map((person) => person.live(over));
  await Promise.all([
    every(KILL_EVERY_MS, async () => {
      const gateway = random.pick(gateways);
      say(`kill -9 ${gateway.name}`);
      await gateway.kill();
      counts.kills++;
      await pause(random.below(1000));
      await gateway.start({ ready: false });
    }),
    every(CUT_EVERY_MS, () => balancer.cut(CUT_SHARE)),
    every(CUT_EVERY_MS * 3, () => {
      try {
        redis.command("CLIENT", "KILL", "TYPE", "pubsub");
        counts["subscriptions cut"]++;
      } catch {
        // Redis is away: nothing is connected.
      }
    }),
    every((seconds * 1000) / 2.5, async () => {
      say("redis goes away");
      await redis.stop();
      await pause(REDIS_AWAY_MS);
      await redis.start();
      counts["redis restarts"]++;
      say("redis is back");
    }),
  ]);
  return { counts, answered: Promise.all(lives) };
}

/** The last changes, and the death of a gateway with a part of its clients: how long until all see it? */
async function lastChanges({ gateways, persons, random, say }) {
  await Promise.all(persons.filter(() => random.chance(0.5)).map((person) => person.change()));
  const victim = random.pick(gateways);
  say(`kill -9 ${victim.name} for good`);
  const killed = victim.kill();
  const dying = persons.filter(() => random.chance(0.25));
  dying.forEach((person) => person.die());
  await killed;
  const begun = Date.now();
  const wrong = () => persons.flatMap((person) => wrongViews(person, persons));
  const left = await eventually(async () => wrong(), (list) => list.length === 0, "presence", PRESENCE_LIMIT_MS)
    .catch(() => wrong());
  return { wrong: left, ms: Date.now() - begun, dead: dying.length, survivors: gateways.filter((one) => one !== victim) };
}

const living = (persons) => persons.flatMap(({ tabs }) => tabs).filter(({ gone }) => !gone);

/** What each channel's log holds: event as members note it, and its message or read receipt. */
async function readLogs(gateway, persons) {
  const logs = new Map();
  for (const channel of new Set(persons.map((person) => person.channel))) logs.set(channel, await gateway.history(channel));
  return logs;
}

async function run(options, cleanup, say) {
  const problems = [];
  const [portChance, personChance, faultChance, cutChance] = [0, 1, 2, 3].map((stream) => seeded(options.seed * 4 + stream));
  const redis = new Redis(cleanup);
  await redis.start();
  const gateways = await startGateways(cleanup, redis, portChance, problems);
  const balancer = await Balancer.start(cleanup, gateways.map(({ ports }) => ports[1]), cutChance);
  const persons = makePersons(options, balancer.url, personChance);
  cleanup.after(() => persons.forEach(({ tabs }) => tabs.forEach((tab) => tab.stop())));
  await Promise.all(persons.map((person) => person.start()));
  say(`${options.clients} clients of ${persons.length} persons are there`);
  const faults = await storm(options, { gateways, redis, balancer, persons, random: faultChance, say });
  say("the storm is over");
  await within(faults.answered, "the answers", ANSWER_LIMIT_MS);
  const presence = await lastChanges({ gateways, persons, random: faultChance, say });
  say(`presence after ${presence.ms} ms`);
  const members = living(persons);
  const typing = await eventually(async () => members.filter(({ typists }) => typists > 0), ({ length }) => length === 0, "typing", TYPING_LIMIT_MS)
    .then(() => []).catch(() => members.filter(({ typists }) => typists > 0).map(({ name }) => `${name} sees somebody type`));
  const logs = await readLogs(presence.survivors[0], persons);
  const newest = (member) => logs.get(member.person.channel).at(-1)?.offset ?? 0;
  await eventually(async () => members.every((member) => member.offset >= newest(member)), (all) => all, "the clients", ANSWER_LIMIT_MS)
    .catch(() => {}); // The comparison with the logs says what is missing.
  const all = persons.flatMap(({ tabs }) => tabs);
  const checks = {
    "every event heard, once, in order": members.flatMap((member) => judgeMember(member, logs.get(member.person.channel))),
    "every recovery exact": all.flatMap((member) => member.problems),
    "what was answered is kept, once": judgeSends(persons, logs),
    "read receipts kept": judgeReads(persons, logs),
    [`presence right within ${PRESENCE_LIMIT_MS / 1000} s`]: presence.wrong,
    "nobody types for ever": typing,
    "nothing unexpected": problems,
  };
  const sum = (name) => persons.reduce((total, { counts }) => total + counts[name], 0);
  const [kept, heard, recoveries] = [[...logs.values()].flat().length, members.reduce((total, member) => total + member.heard.length, 0), all.reduce((total, member) => total + member.recoveries, 0)];
  return {
    seed: options.seed, seconds: options.seconds, clients: options.clients, persons: persons.length,
    channels: logs.size, faults: { ...faults.counts, "connections cut": balancer.counts.cut },
    sends: sum("sends"), reads: sum("reads"), typings: sum("typings"), presence_changes: sum("changes"),
    events_kept: kept, events_heard: heard, subscriptions: recoveries,
    presence_right_after_ms: presence.ms, persons_who_died: presence.dead,
    checks: Object.fromEntries(Object.entries(checks).map(([name, found]) => [name, { violations: found.length, first: found.slice(0, SHOWN) }])),
    violations: Object.values(checks).reduce((total, found) => total + found.length, 0),
  };
}

function print({ checks, violations, ...figures }) {
  for (const [name, value] of Object.entries(figures)) {
    const text = typeof value === "object" ? Object.entries(value).map(([key, one]) => `${key} ${one}`).join(", ") : value;
    console.log(`${name.replaceAll("_", " ").padEnd(28)}${text}`);
  }
  console.log();
  for (const [check, { violations: count, first }] of Object.entries(checks)) {
    console.log(`${check.padEnd(40)}${count === 0 ? "ok" : `${count} VIOLATIONS`}`);
    for (const line of first) console.log(`    ${line}`);
  }
  console.log(violations === 0 ? "\nall held" : `\n${violations} violations; seed ${figures.seed}`);
}

async function main() {
  const options = readOptions();
  const cleanup = new Cleanup();
  const begun = Date.now();
  const say = (text) => {
    if (options.verbose) console.error(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${text}`);
  };
  // Nothing that was started outlives a run that somebody ends.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "uncaughtException"]) {
    process.once(signal, async (reason) => {
      if (reason instanceof Error) console.error(`hub: seed ${options.seed}: ${reason.stack}`);
      await cleanup.run();
      process.exit(1);
    });
  }
  try {
    const report = await run(options, cleanup, say);
    if (options.json) console.log(JSON.stringify(report, null, 2));
    else print(report);
    return report.violations === 0 ? 0 : 1;
  } catch (error) {
    console.error(`hub: seed ${options.seed}: ${error.stack}`);
    return 1;
  } finally {
    await cleanup.run();
  }
}

process.exitCode = await main();
