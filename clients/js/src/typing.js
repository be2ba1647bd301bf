// Typing, both ways. Others see it while keys are pressed; what we see of others ends by itself.

import { Emitter } from "./emitter.js";

// The server forgets a start after 6 s; repeated well before, so that a late one does no harm.
const REPEAT_MS = 3000;
const IDLE_MS = 5000;
// A stop can be lost (typing is dropped first when a client is slow), so each start ends here too.
const FORGET_MS = 7000;
const MAX_TYPISTS = 50;

/** Turns key presses into few events: call `pressed()` on each, `stop()` when the text is gone. */
export class TypingSender {
  #publish;
  #lastStart = -Infinity;
  #idle = 0;

  constructor(publish) {
    this.#publish = publish;
  }

  pressed() {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), IDLE_MS);
    const now = Date.now();
    if (now - this.#lastStart < REPEAT_MS) return;
    this.#lastStart = now;
    this.#publish("typing:start");
  }

  stop() {
    clearTimeout(this.#idle);
    if (this.#lastStart === -Infinity) return;
    this.#lastStart = -Infinity;
    this.#publish("typing:stop");
  }

  /** Forgets without a word: the connection is gone, and the server ends it. */
  reset() {
    clearTimeout(this.#idle);
    this.#lastStart = -Infinity;
  }
}

/** Who types now: emits "change" with the list. */
export class TypingWatcher extends Emitter {
  #typists = new Map();

  get list() {
    return [...this.#typists.values()].map(({ actor, id, name }) => ({ actor, id, name }));
  }

  take(event, data) {
    const { actor = "", sender = {} } = data ?? {};
    const key = `${actor} ${sender?.id ?? ""}`;
    const known = this.#typists.get(key);
    clearTimeout(known?.timer);
    if (event === "typing:stop") {
      if (!this.#typists.delete(key)) return;
    } else {
      if (!known && this.#typists.size >= MAX_TYPISTS) return;
      const timer = setTimeout(() => this.take("typing:stop", data), FORGET_MS);
      this.#typists.set(key, { actor, id: sender?.id ?? "", name: sender?.name ?? "", timer });
      if (known) return;
    }
    this.emit("change", this.list);
  }

  clear() {
    for (const { timer } of this.#typists.values()) clearTimeout(timer);
    if (this.#typists.size === 0) return;
    this.#typists.clear();
    this.emit("change", []);
  }
}
