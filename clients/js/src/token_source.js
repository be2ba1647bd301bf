// The token in use, and where the next one comes from.

/** Timers hold 31 bits of milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const SOONEST_REFRESH_MS = 1000;

export class TokenSource {
  #token;
  #ask;
  #limits;
  #random;
  #expires = 0;
  #refusals = 0;

  /** @param ask  ({reason}) -> token, or a promise of one; undefined: there is only the first. */
  constructor({ token = null, ask, limits, random }) {
    this.#token = token;
    this.#ask = ask;
    this.#limits = limits;
    this.#random = random;
  }

  get renewable() {
    return Boolean(this.#ask);
  }

  /** By our clock, which may be wrong: the server has the last word. */
  get expired() {
    return this.#expires > 0 && Date.now() >= this.#expires;
  }

  set(token) {
    this.#token = token;
  }

  /** The token in use, or a new one when there is none; null when none is to be had. */
  async current() {
    return this.#token ?? (this.#ask ? this.renew("connecting") : null);
  }

  /** A new one; the old one stays in use when that fails. */
  async renew(reason) {
    let timer;
    const late = new Promise((_, reject) => {
      const message = `getToken did not answer in ${this.#limits.tokenTimeoutMs} ms`;
      timer = setTimeout(() => reject(new Error(message)), this.#limits.tokenTimeoutMs);
    });
    try {
      const token = await Promise.race([this.#ask({ reason }), late]);
      if (typeof token !== "string" || token === "") throw new Error("getToken gave no token");
      this.#token = token;
      return token;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @return the time to the next refresh, ms; null when there is none to come. */
  accepted(expires) {
    this.#refusals = 0;
    this.#expires = expires;
    if (!expires || !this.#ask) return null;
    const left = expires - Date.now();
    // Short-lived tokens after about half their time; and not those of all clients in step.
    const before = Math.min(this.#limits.refreshBeforeMs, left / 2) * (1 + this.#random() / 4);
    return Math.min(Math.max(left - before, SOONEST_REFRESH_MS), LONGEST_TIMER_MS);
  }

  /** The server does not take `token` any more. @return whether to try with a new one. */
  refused(token) {
    const replaced = this.#token !== token;
    if (!replaced) this.#token = null;
    if (++this.#refusals >= this.#limits.maxTokenRefusals) return false;
    return replaced || this.renewable;
  }

  forgiveRefusals() {
    this.#refusals = 0;
  }
}
