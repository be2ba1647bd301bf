// What waits to be sent. One lane a channel, one command of a lane in flight, so that messages arrive
// in the order in which they were written, also when one of them has to be repeated. Bounded in
// count, bytes and age.

import { DeskwireError } from "./errors.js";

const DEFAULT_RETRY_MS = 1000;

export class Outbox {
  #limits;
  #transmit;
  #lanes = new Map(); // channel -> [item], the first one perhaps in flight
  #items = 0;
  #bytes = 0;
  #open = false;
  #refusal = null; // why nothing is taken
  #timer = 0;

  /**
   * @param limits    {maxItems, maxBytes, maxAgeMs}
   * @param transmit  (verb, body) -> Promise of the answer; rejects with a DeskwireError.
   */
  constructor(limits, transmit) {
    this.#limits = limits;
    this.#transmit = transmit;
  }

  get size() {
    return this.#items;
  }

  /**
   * @param repeat    Sent again when the connection ends before the answer. Otherwise that rejects
   *                  with "lost": only commands whose repetition has no further effect may repeat.
   * @param maxAgeMs  How long it may wait, at most the queue's own limit.
   */
  add(channel, verb, body, { repeat, maxAgeMs = Infinity }) {
    if (this.#refusal) return Promise.reject(this.#refusal);
    const bytes = JSON.stringify(body).length;
    if (this.#items >= this.#limits.maxItems || this.#bytes + bytes > this.#limits.maxBytes) {
      const full = `${verb} ${channel}: ${this.#items} items wait already; try again later`;
      return Promise.reject(new DeskwireError("full", full));
    }
    const deadline = Date.now() + Math.min(maxAgeMs, this.#limits.maxAgeMs);
    return new Promise((resolve, reject) => {
      const item = { channel, verb, body, repeat, bytes, deadline, resolve, reject };
      if (!this.#lanes.has(channel)) this.#lanes.set(channel, []);
      this.#lanes.get(channel).push(item);
      this.#items++;
      this.#bytes += bytes;
      this.#watchAge();
      this.#advance(channel);
    });
  }

  /** Takes items again after abandon(). */
  admit() {
    this.#refusal = null;
  }

  /** There is a connection: what waits goes out. */
  open() {
    this.#open = true;
    for (const channel of [...this.#lanes.keys()]) this.#advance(channel);
  }

  /** There is none; what is in flight will be rejected by its transport. */
  shut() {
    this.#open = false;
    for (const lane of this.#lanes.values()) {
      clearTimeout(lane[0].pause);
      lane[0].pause = undefined;
    }
  }

  /** Everything that waits is rejected, and what comes. */
  abandon(error) {
    this.#refusal = error;
    this.shut();
    for (const lane of [...this.#lanes.values()]) {
      for (const item of [...lane]) this.#remove(item).reject(error);
    }
  }

  #advance(channel) {
    const item = this.#lanes.get(channel)?.[0];
    if (!item || !this.#open || item.inFlight || item.pause) return;
    item.inFlight = true;
    this.#transmit(item.verb, item.body).then(
      (answer) => {
        this.#remove(item).resolve(answer);
        this.#advance(channel);
      },
      (error) => {
        item.inFlight = false;
        this.#failed(item, error);
        this.#advance(channel);
      },
    );
  }

  #failed(item, error) {
    // "offline": it never left. From 50000 on the server does not know what became of it either.
    const unknown = error.kind === "lost" || error.code >= 50000;
    const again = error.temporary && (item.repeat || !unknown);
    if (!again) {
      this.#remove(item).reject(error);
    } else if (Date.now() >= item.deadline) {
      this.#expire(item);
    } else if (error.kind === "refused" && this.#open) {
      item.pause = setTimeout(() => {
        item.pause = undefined;
        this.#advance(item.channel);
      }, error.retryAfterMs ?? DEFAULT_RETRY_MS);
    }
  }

  #remove(item) {
    const lane = this.#lanes.get(item.channel) ?? [];
    const at = lane.indexOf(item);
    if (at < 0) return item;
    lane.splice(at, 1);
    if (lane.length === 0) this.#lanes.delete(item.channel);
    clearTimeout(item.pause);
    this.#items--;
    this.#bytes -= item.bytes;
    if (this.#items === 0) clearTimeout(this.#timer);
    return item;
  }

  #expire(item) {
    const message = `${item.verb} ${item.channel}: not answered in time; send it again`;
    this.#remove(item).reject(new DeskwireError("expired", message));
  }

  // What is in flight waits for its answer or for the end of its connection.
  #watchAge() {
    clearTimeout(this.#timer);
    const waiting = [...this.#lanes.values()].flat().filter(({ inFlight }) => !inFlight);
    if (this.#items === 0) return;
    const next = Math.min(...waiting.map(({ deadline }) => deadline), Date.now() + this.#limits.maxAgeMs);
    this.#timer = setTimeout(() => {
      const now = Date.now();
      const late = [...this.#lanes.values()].flat();
      for (const item of late) {
        if (!item.inFlight && item.deadline <= now) this.#expire(item);
      }
      for (const channel of [...this.#lanes.keys()]) this.#advance(channel);
      this.#watchAge();
    }, Math.max(next - Date.now(), 1));
  }
}
