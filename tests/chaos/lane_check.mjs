// The lane invariant of docs/redis-keys.md, recounted on a quiet server, as
// tests/support/lane_check.cc does it.

import { askAll, scan, SHARDS } from "./redis_link.mjs";

const HEAD_STATES = { ready: "a", lease: "r", timers: "st", parked: "ast" };
const LIVE = "astr";

async function places(link, prefix) {
  const [ready, lease, timers, parked] = await link.ask([
    ["LRANGE", `${prefix}ready`, "0", "-1"],
    ["ZRANGE", `${prefix}lease`, "0", "-1"],
    ["ZRANGE", `${prefix}timers`, "0", "-1"],
    ["ZRANGE", `${prefix}parked`, "0", "-1"],
  ]);
  return { ready, lease, parked, timers: timers.map((name) => name.slice(2)) };
}

async function checkShard(link, prefix, say) {
  const laneKeys = await scan(link, `${prefix}l:*`);
  const lists = await askAll(link, laneKeys.map((key) => ["LRANGE", key, "0", "-1"]));
  const lanes = new Map(laneKeys.map((key, i) => [key.slice(prefix.length + 2), lists[i]]));
  const jobKeys = await scan(link, `${prefix}j:*`);
  const stateList = await askAll(link, jobKeys.map((key) => ["HGET", key, "s"]));
  const states = new Map(jobKeys.map((key, i) => [key.slice(prefix.length + 2), stateList[i]]));

  const foundIn = new Map();
  for (const [place, members] of Object.entries(await places(link, prefix))) {
    for (const lane of members) {
      foundIn.set(lane, [...(foundIn.get(lane) ?? []), place]);
      const head = states.get(lanes.get(lane)?.[0]);
      if (!head || !HEAD_STATES[place].includes(head)) say(`lane ${lane} in ${place} has a head in state ${head}`);
    }
  }
  const times = new Map();
  for (const [lane, ids] of lanes) {
    const count = foundIn.get(lane)?.length ?? 0;
    if (count !== 1) say(`lane ${lane} is in ${count} places`);
    for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1);
  }
  for (const lane of foundIn.keys()) if (!lanes.has(lane)) say(`the empty lane ${lane} is in a place`);
  const recount = {};
  for (const [id, state] of states) {
    recount[state] = (recount[state] ?? 0) + 1;
    const expected = LIVE.includes(state) ? 1 : 0;
    if ((times.get(id) ?? 0) !== expected) say(`job ${id} in state ${state} is in ${times.get(id) ?? 0} lanes`);
  }
  const [counted, leased, done, dead] = await link.ask([
    ["HMGET", `${prefix}meta`, "a", "s", "t"],
    ["ZCARD", `${prefix}lease`],
    ["ZCARD", `${prefix}done`],
    ["ZCARD", `${prefix}dead`],
  ]);
  const counters = { a: counted[0], s: counted[1], t: counted[2], r: leased, c: done, d: dead };
  for (const [state, value] of Object.entries(counters)) {
    if (Number(value ?? 0) !== (recount[state] ?? 0)) {
      say(`counter ${state} says ${value}, there are ${recount[state] ?? 0}`);
    }
  }
}

/** What contradicts the invariant or the counters; empty: sound. */
export async function laneViolations(link) {
  const violations = [];
  for (const prefix of SHARDS) await checkShard(link, prefix, (what) => violations.push(`${prefix} ${what}`));
  return violations;
}
