// What goes wrong during a run, and when: seeded.

import { setTimeout as pause } from "node:timers/promises";

export const KILL_EVERY_MS = 3000;
const CUT_EVERY_MS = 7000;
const REDIS_AWAY_MS = 1500;
const REDIS_ROUNDS = 2; // each with one that is stopped and one that is killed

/**
 * Chatwoot on a bad day: errors of every kind, and answers that never come although it posted; `told`
 * hears of those posts, as webhooks do.
 */
export function misbehave(chatwoot, random, { errors, hangs }, told) {
  const counts = { calls: 0, errors: 0, hangs: 0 };
  const answers = [
    { status: 500, body: { error: "Internal server error" } },
    { status: 502 },
    { status: 503 },
    { status: 429, headers: { "Retry-After": "1" }, body: { error: "Throttled" } },
  ];
  chatwoot.hooks.onCall = async () => {
    counts.calls++;
    if (!random.chance(errors)) return null;
    counts.errors++;
    return random.pick(answers);
  };
  chatwoot.hooks.afterStore = async (_, message) => {
    if (!random.chance(hangs)) return null;
    counts.hangs++;
    told(message);
    return "hang";
  };
  return counts;
}

/** Kills, freezes, restarts and cuts until the signal; `say` gets a line for each. */
export class Faults {
  counts = { kills: 0, freezes: 0, "redis restarts": 0, "redis kills": 0, "connections cut": 0 };
  #frozen = null; // the process that is stopped just now: it must wake up, so it is not killed

  constructor({ processes, redis, recovery, random, say, leaseMs, durationMs }) {
    Object.assign(this, { processes, redis, recovery, random, say, leaseMs, durationMs });
  }

  async run(signal) {
    await Promise.all([
      this.#every(KILL_EVERY_MS, signal, () => this.#kill()),
      this.#every(CUT_EVERY_MS, signal, () => this.#cut()),
      this.#freezes(signal),
      this.#redisRestarts(signal),
    ]);
  }

  async #every(intervalMs, signal, act) {
    while (await waited(intervalMs, signal)) await act();
  }

  async #kill() {
    const process = this.random.pick(this.processes.filter((one) => one !== this.#frozen));
    this.say(`kill -9 ${process.name}`);
    await process.kill();
    this.counts.kills++;
    this.recovery.watch(`kill ${this.counts.kills} of ${process.name}`);
    await process.start({ ready: false });
  }

  /** One process at a time sleeps for longer than its leases last, and then goes on as if nothing. */
  async #freezes(signal) {
    const lasts = this.leaseMs + Math.max(2000, this.leaseMs * 0.3);
    while (await waited(Math.min(10_000, this.durationMs / 6), signal)) {
      const process = this.random.pick(this.processes);
      if (!process.running) continue;
      this.#frozen = process;
      this.say(`SIGSTOP ${process.name} for ${lasts} ms`);
      process.signal("SIGSTOP");
      this.counts.freezes++;
      this.recovery.watch(`freeze ${this.counts.freezes} of ${process.name}`);
      await pause(lasts);
      process.signal("SIGCONT");
      this.#frozen = null;
      this.say(`SIGCONT ${process.name}`);
    }
  }

  /** Stopped, killed, stopped, …: a killed one has only what it had on disk before it answered. */
  async #redisRestarts(signal) {
    for (let time = 1; time <= 2 * REDIS_ROUNDS; time++) {
      if (!(await waited(this.durationMs / (2 * REDIS_ROUNDS + 1), signal))) return;
      const killed = time % 2 === 0;
      this.say(killed ? "kill -9 redis" : "redis goes away");
      await this.redis.stop(killed ? "SIGKILL" : "SIGTERM");
      await pause(REDIS_AWAY_MS);
      await this.redis.start();
      this.counts[killed ? "redis kills" : "redis restarts"]++;
      this.say("redis is back");
    }
  }

  async #cut() {
    const type = this.random.pick(["normal", "pubsub"]);
    try {
      this.redis.command("CLIENT", "KILL", "TYPE", type);
      this.counts["connections cut"]++;
      this.say(`connections of type ${type} cut`);
    } catch {
      // Redis is away: nothing is connected.
    }
  }
}

/** False when the signal came first. */
async function waited(ms, signal) {
  try {
    await pause(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
