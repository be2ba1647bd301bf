// Who is in a channel, and our own being there: entered again whenever the connection comes back.

import { DeskwireError } from "./errors.js";

// As many as the server lists.
const MAX_MEMBERS = 1000;

export class Presence {
  #command;
  #changed;
  #members = new Map();
  #own = null; // our data while we are in

  constructor(command, changed) {
    this.#command = command;
    this.#changed = changed;
  }

  /** [{clientId, data}], one entry a client however many connections it has. */
  get members() {
    return [...this.#members].map(([clientId, data]) => ({ clientId, data }));
  }

  enter(data = {}) {
    this.#own = data;
    return this.#tell("enter", data);
  }

  update(data = {}) {
    this.#own = data;
    return this.#tell("update", data);
  }

  async leave() {
    if (this.#own === null) return;
    this.#own = null;
    await this.#tell("leave");
  }

  // Without a connection there is nothing to do but remember it: attached() will say it.
  async #tell(verb, data) {
    try {
      await this.#command(verb, data === undefined ? {} : { data });
    } catch (error) {
      if (!(error instanceof DeskwireError) || !error.temporary) throw error;
    }
  }

  attached(list) {
    this.listed(list);
    if (this.#own !== null) this.#tell("enter", this.#own).catch(() => {});
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
