// Who is in a channel, and our own being there: entered again whenever the connection comes back.

import { DeskwireError } from "./errors.js";

// As many as the server lists.
const MAX_MEMBERS = 1000;
const NOT_THERE = 40400;

export class Presence {
  #command;
  #changed;
  #members = new Map();
  #own = null; // our data while we are in
  #verb = "enter"; // how it is told
  #version = 0; // counts what is to be told
  #telling = null; // the promise of telling it

  /**
   * @param command  (verb, body) -> Promise; waits while the server says "not now".
   * @param changed  Called when the members are others.
   */
  constructor(command, changed) {
    this.#command = command;
    this.#changed = changed;
  }

  /** [{clientId, data}], one entry a client however many connections it has. */
  get members() {
    return [...this.#members].map(([clientId, data]) => ({ clientId, data }));
  }

  enter(data = {}) {
    return this.#want("enter", data);
  }

  update(data = {}) {
    return this.#want("update", data);
  }

  async leave() {
    if (this.#own !== null) await this.#want("leave", null);
  }

  #want(verb, own) {
    this.#own = own;
    this.#verb = verb;
    return this.#tell();
  }

  // One command at a time, the newest state last: an earlier one that had to wait must not win.
  #tell() {
    this.#version++;
    this.#telling ??= this.#tellNewest().finally(() => (this.#telling = null));
    return this.#telling;
  }

  async #tellNewest() {
    for (let told = -1; told !== this.#version; ) {
      told = this.#version;
      const leaves = this.#own === null;
      try {
        await this.#command(leaves ? "leave" : this.#verb, leaves ? {} : { data: this.#own });
      } catch (error) {
        if (leaves && error.code === NOT_THERE) continue;
        if (!(error instanceof DeskwireError) || !error.temporary) throw error;
        // Without a connection there is nothing to do but remember it: attached() will say it, or
        // has asked for it already.
        if (told === this.#version) return;
      }
    }
  }

  attached(list) {
    this.listed(list);
    if (this.#own === null) return;
    this.#verb = "enter";
    this.#tell().catch(() => {});
  }

  /** The server's list replaces ours. */
  listed(list) {
    this.#members = new Map(
      list.slice(0, MAX_MEMBERS).map(({ clientId, data }) => [clientId, data ?? {}]),
    );
    this.#changed();
  }

  take(event, { clientId, data }) {
    if (event === "presence:leave") {
      this.#members.delete(clientId);
    } else if (this.#members.has(clientId) || this.#members.size < MAX_MEMBERS) {
      this.#members.set(clientId, data ?? {});
    }
    this.#changed();
  }
}
