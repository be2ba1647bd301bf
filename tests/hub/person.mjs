// Somebody in a channel, with one tab or two; both say the same about them.

import { setTimeout as pause } from "node:timers/promises";

import { jwt } from "../e2e/support/jwt.mjs";
import { nowSeconds } from "../e2e/support/webhooks.mjs";
import { JsMember } from "./js_member.mjs";
import { PlainMember } from "./plain_member.mjs";

const LEAST_PAUSE_MS = 400;
const MOST_PAUSE_MS = 2000;

export class Person {
  counts = { sends: 0, reads: 0, typings: 0, changes: 0 };
  /** What everybody should see of this person: data as JSON, or null. */
  expected = null;
  #random;

  constructor(number, { channel, tabs, kinds, url, random }) {
    this.clientId = `person-${number}`;
    this.channel = channel;
    this.#random = random;
    const token = jwt({ sub: this.clientId, name: this.clientId, exp: nowSeconds() + 20 * 3600 });
    this.tabs = Array.from({ length: tabs }, (_, i) => {
      const Kind = kinds[i % kinds.length] === "js" ? JsMember : PlainMember;
      return new Kind(this, i + 1, { url, token });
    });
  }

  async start() {
    await Promise.all(this.tabs.map((tab) => tab.start()));
  }

  /** Talks, reads, types, comes and goes until the signal; resolves when all that is answered. */
  async live(signal) {
    const answers = [];
    while (!signal.aborted) {
      await pause(LEAST_PAUSE_MS + this.#random.below(MOST_PAUSE_MS - LEAST_PAUSE_MS));
      if (signal.aborted) break;
      answers.push(this.#act(this.#random.pick(this.tabs)));
    }
    return Promise.all(answers);
  }

  #act(tab) {
    const chance = this.#random.next();
    if (chance < 0.5) {
      const number = ++this.counts.sends;
      return tab.send(`${tab.name} says ${number}`, number);
    }
    if (chance < 0.7 && tab.readable) {
      this.counts.reads++;
      return tab.read(tab.readable);
    }
    if (chance < 0.9) {
      // Never ended: that is for the server.
      this.counts.typings++;
      return tab.typing();
    }
    return this.change();
  }

  /** In or out, or in with other data; all tabs at once. */
  change() {
    const stays = this.expected !== null && this.#random.chance(0.5);
    return this.expected === null || stays ? this.enter() : this.leave();
  }

  enter() {
    const data = { state: ++this.counts.changes };
    this.expected = JSON.stringify(data);
    return Promise.all(this.tabs.map((tab) => tab.enter(data)));
  }

  leave() {
    this.counts.changes++;
    this.expected = null;
    return Promise.all(this.tabs.map((tab) => tab.leave()));
  }

  die() {
    this.expected = null;
    this.tabs.forEach((tab) => tab.die());
  }
}
