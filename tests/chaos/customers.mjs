// The helpdesk's side of the receiver: customers who write, and Chatwoot that delivers. A delivery
// that is refused or not answered is sent again under the same id, as a good sender does; the next
// message of a conversation goes out when the one before was acknowledged, so that "in order" has a
// meaning. Some are delivered twice, or through both doors of the account. A conversation keeps to one
// receiver: what a receiver spools while Redis is away is in order with what itself takes in later.

import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import { CHATWOOT_SECRET, SECOND_SECRET } from "../e2e/support/deskwire.mjs";
import { echoOf, incomingMessage, signedHeaders } from "../e2e/support/webhooks.mjs";

const ANSWER_LIMIT_MS = 3000;
const AGAIN_MS = 250;
const REPEATED = 0.03;
const ECHOED = 0.5;
const MOST_UNDER_WAY = 4000;

export class Customers {
  /** number → {number, conversation, job, spooled, at}: everything that was answered 2xx, and when. */
  acknowledged = new Map();
  counts = { written: 0, spooled: 0, refused: 0, unanswered: 0, repeated: 0, echoes: 0 };
  problems = [];
  ackMs = [];
  #receivers;
  #chatwoot;
  #random;
  #tails = new Map();
  #underWay = new Set();

  constructor({ receivers, chatwoot, random, conversations }) {
    this.#receivers = receivers;
    this.#chatwoot = chatwoot;
    this.#random = random;
    this.conversations = Array.from({ length: conversations }, (_, i) => 1001 + i);
  }

  /** Writes `perSecond` messages a second until the signal. */
  async write(perSecond, signal) {
    const begun = Date.now();
    while (!signal.aborted) {
      const due = ((Date.now() - begun) / 1000) * perSecond;
      while (this.counts.written < due && this.#underWay.size < MOST_UNDER_WAY) {
        this.#writeOne(this.#random.pick(this.conversations));
      }
      await pause(10);
    }
  }

  /**
   * Chatwoot tells its webhooks about a bot's message as well, but it sends those once: half of them
   * come, so that a reply of unknown fate is now proven by its echo, now looked up.
   */
  echo(message) {
    if (!this.#random.chance(ECHOED)) return;
    this.counts.echoes++;
    const deliver = this.#sender(message.conversation_id, echoOf(message));
    this.#track(deliver(randomUUID(), CHATWOOT_SECRET));
  }

  async delivered() {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #writeOne(conversation) {
    const number = ++this.counts.written;
    const before = this.#tails.get(conversation) ?? Promise.resolve();
    const twice = this.#random.chance(REPEATED) ? this.#random.pick(["resent", "other door"]) : null;
    const sent = before.then(() => this.#send(number, conversation, twice));
    this.#tails.set(conversation, sent);
    this.#track(sent);
  }

  #track(promise) {
    const tracked = promise
      .catch((error) => this.problems.push(`the sender broke: ${error.stack}`))
      .finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  async #send(number, conversation, twice) {
    const content = `message ${number}.`;
    const deliver = this.#sender(conversation, incomingMessage({ conversation, id: this.#chatwoot.takeId(), content }));
    const delivery = randomUUID();
    const { job, spooled = false } = await deliver(delivery, CHATWOOT_SECRET);
    if (!job) this.problems.push(`message ${number} was answered without a job`);
    if (spooled) this.counts.spooled++;
    this.acknowledged.set(number, { number, conversation, job, spooled, at: new Date().toISOString() });
    if (!twice) return;
    this.counts.repeated++;
    const again = await (twice === "other door"
      ? deliver(randomUUID(), SECOND_SECRET)
      : deliver(delivery, CHATWOOT_SECRET));
    // What was spooled is found out to be a duplicate only when the spool drains.
    const told = !spooled && !again.spooled;
    if (told && (again.duplicate !== true || again.job !== job)) {
      this.problems.push(`message ${number}, ${twice}, was not known: ${JSON.stringify(again)}`);
    }
  }

  #sender(conversation, body) {
    const receiver = this.#receivers[conversation % this.#receivers.length];
    return (delivery, secret) => this.#deliver(`${receiver}/webhooks/support`, body, delivery, secret);
  }

  /** Until it is answered 2xx. Every answer but 2xx and 429 is a problem. */
  async #deliver(url, body, delivery, secret) {
    for (;;) {
      const begun = performance.now();
      try {
        const headers = signedHeaders(body, { delivery, secret });
        const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
        const response = await fetch(url, { method: "POST", headers, body, signal });
        const text = await response.text();
        if (response.ok) {
          this.ackMs.push(performance.now() - begun);
          return JSON.parse(text);
        }
        this.counts.refused++;
        if (response.status !== 429) this.problems.push(`webhook: ${response.status} ${text}`);
      } catch {
        this.counts.unanswered++;
      }
      await pause(AGAIN_MS + this.#random.below(AGAIN_MS));
    }
  }
}
