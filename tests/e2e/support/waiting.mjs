// Tests wait for events, never for time; the limits below only end a test that would wait for ever.

import { setTimeout as pause } from "node:timers/promises";

export const LONG_MS = 30_000;

/** Resolves like `promise`, or rejects naming what was awaited. */
export function within(promise, what, limitMs = LONG_MS) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms for ${what}`)), limitMs);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** A list that can be awaited: `until` resolves with the first item, old or new, that fits. */
export class Recorder {
  items = [];
  #watchers = new Set();

  push(item) {
    this.items.push(item);
    for (const watcher of [...this.#watchers]) watcher(item);
  }

  until(fits, what, limitMs = LONG_MS) {
    const known = this.items.find(fits);
    if (known) return Promise.resolve(known);
    let watcher;
    const found = new Promise((resolve) => {
      watcher = (item) => fits(item) && resolve(item);
      this.#watchers.add(watcher);
    });
    return within(found, what, limitMs)
      .catch((error) => {
        const seen = JSON.stringify(this.items.slice(-20)).slice(0, 4000);
        throw new Error(`${error.message}; seen so far: ${seen}`);
      })
      .finally(() => this.#watchers.delete(watcher));
  }
}

/** Asks again until the answer fits: for states that nothing announces. */
export async function eventually(ask, fits, what, limitMs = LONG_MS) {
  const end = Date.now() + limitMs;
  for (;;) {
    let answer;
    try {
      answer = await ask();
      if (fits(answer)) return answer;
    } catch (error) {
      answer = error;
    }
    if (Date.now() > end) {
      const last = answer?.message ?? JSON.stringify(answer);
      throw new Error(`waited ${limitMs} ms for ${what}; last: ${last}`);
    }
    await pause(20);
  }
}
