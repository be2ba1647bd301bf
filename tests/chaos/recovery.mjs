// How long what was leased at the moment of a fault takes to run again: until its job is finished or
// has another lease.

import { SHARDS } from "./redis_link.mjs";

const LOOK_EVERY_MS = 100;

export class Recovery {
  slowestMs = 0;
  slowest = "";
  watched = 0;
  problems = [];
  #link;
  #limitMs;
  #pending = new Set();

  constructor(link, limitMs) {
    this.#link = link;
    this.#limitMs = limitMs;
  }

  /** Looks at all leases of this moment: nobody but Redis knows whose they are. */
  watch(name) {
    const begun = Date.now();
    const watching = this.#follow(name, begun).finally(() => this.#pending.delete(watching));
    this.#pending.add(watching);
  }

  async done() {
    await Promise.all(this.#pending);
  }

  async #follow(name, begun) {
    let open = null;
    for (;;) {
      try {
        open = open ? await this.#still(open) : await this.#leased();
        if (open.length === 0) break;
      } catch {
        // Redis is away; what it held is looked at when it is back.
      }
      const waited = Date.now() - begun;
      if (waited > 4 * this.#limitMs) {
        this.problems.push(`${name}: after ${waited} ms not again: ${JSON.stringify(open)}`);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    const tookMs = Date.now() - begun;
    this.watched++;
    if (tookMs > this.slowestMs) Object.assign(this, { slowestMs: tookMs, slowest: name });
    if (tookMs > this.#limitMs) this.problems.push(`${name}: all ran again only after ${tookMs} ms`);
  }

  async #leased() {
    const lanes = await this.#link.ask(SHARDS.map((prefix) => ["ZRANGE", `${prefix}lease`, "0", "-1"]));
    const found = lanes.flatMap((names, shard) => names.map((lane) => ({ prefix: SHARDS[shard], lane })));
    const heads = await this.#link.ask(found.map(({ prefix, lane }) => ["LINDEX", `${prefix}l:${lane}`, "0"]));
    const jobs = found.map((place, i) => ({ ...place, id: heads[i] })).filter(({ id }) => id !== null);
    const tokens = await this.#states(jobs);
    return jobs.map((job, i) => ({ ...job, token: tokens[i][1] })).filter((_, i) => tokens[i][0] === "r");
  }

  async #still(open) {
    const states = await this.#states(open);
    return open.filter(({ token }, i) => "rast".includes(states[i][0] ?? "gone") && states[i][1] === token);
  }

  #states(jobs) {
    return this.#link.ask(jobs.map(({ prefix, id }) => ["HMGET", `${prefix}j:${id}`, "s", "tok"]));
  }
}
