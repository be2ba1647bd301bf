// Time that the test moves: setTimeout, clearTimeout and Date.now, nothing else.

export class FakeClock {
  #now;
  #timers = new Map();
  #nextId = 1;
  #real = { setTimeout, clearTimeout, now: Date.now };

  constructor(now = 1_800_000_000_000) {
    this.#now = now;
    globalThis.setTimeout = (call, delay = 0, ...args) => {
      this.#timers.set(this.#nextId, { at: this.#now + delay, call: () => call(...args) });
      return this.#nextId++;
    };
    globalThis.clearTimeout = (id) => this.#timers.delete(id);
    Date.now = () => this.#now;
  }

  /** Moves on; what comes due runs in its order. */
  tick(ms) {
    const end = this.#now + ms;
    for (;;) {
      const [id, timer] = [...this.#timers].sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0] ?? [];
      if (!timer || timer.at > end) break;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, timer.at);
      timer.call();
    }
    this.#now = end;
  }

  /** Timers that would keep a process alive. */
  get pending() {
    return this.#timers.size;
  }

  restore() {
    globalThis.setTimeout = this.#real.setTimeout;
    globalThis.clearTimeout = this.#real.clearTimeout;
    Date.now = this.#real.now;
  }
}
