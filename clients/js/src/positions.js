// Where each channel was read to, kept over a reload of the page. Positions only: no message, no
// token, nothing personal.

const KEY = "deskwire.positions";
const MAX_CHANNELS = 200;
const SAVE_AFTER_MS = 200;

/** The storage that lives as long as the tab; null where there is none or it may not be used. */
export function tabStorage() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}

export class Positions {
  #storage;
  #server;
  #known = new Map(); // channel -> {epoch, offset}, the oldest change first
  #timer = 0;

  constructor(storage, server) {
    this.#storage = storage;
    this.#server = server;
    for (const [channel, position] of Object.entries(this.#read()[server] ?? {})) {
      const { epoch, offset } = position ?? {};
      if (typeof epoch === "string" && Number.isSafeInteger(offset) && offset >= 0) {
        this.#known.set(channel, { epoch, offset });
      }
    }
  }

  get(channel) {
    return this.#known.get(channel) ?? null;
  }

  set(channel, position) {
    this.#known.delete(channel);
    this.#known.set(channel, position);
    if (this.#known.size > MAX_CHANNELS) this.#known.delete(this.#known.keys().next().value);
    if (this.#storage && !this.#timer) this.#timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  forget(channel) {
    this.#known.delete(channel);
    this.save();
  }

  /** Writes now: when the page is hidden there may be no later. */
  save() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#storage) return;
    try {
      const all = { [this.#server]: Object.fromEntries(this.#known) };
      this.#storage.setItem(KEY, JSON.stringify(all));
    } catch {
      // A full or forbidden storage costs the position over a reload, nothing else.
    }
  }

  #read() {
    try {
      return JSON.parse(this.#storage?.getItem(KEY) ?? "{}") ?? {};
    } catch {
      return {};
    }
  }
}
