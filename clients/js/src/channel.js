// One channel: its subscription, the position it was read to, and what it looks like from here.
//
// The order that listeners see, whatever the network does: each kept event once, ascending. After a
// lost connection the server replays what follows our position; when its log no longer reaches back,
// or when this page has shown nothing yet, `reset` comes first, then the newest history, then the
// rest. While history is being loaded, pushes are held.

import { Emitter } from "./emitter.js";
import { DeskwireError } from "./errors.js";
import { Presence } from "./presence.js";
import { TypingSender, TypingWatcher } from "./typing.js";

// The server replays at most 10,000 events.
const MAX_HELD = 12_000;
const MAX_HISTORY = 200;
const CONFLICT = 40900;
const DENIED = 40160;
// Saying one of these twice says nothing new, so they may be repeated.
const REPEATABLE = new Set(["read", "delivered", "reaction:add", "reaction:remove"]);

export class Channel extends Emitter {
  #client;
  #positions;
  #position;
  #wanted = null; // {promise, resolve, reject, history} of subscribe()
  #attachment = 0; // counts attempts: answers to an earlier one are void
  #attached = false;
  #shown = false; // listeners have been given a beginning
  #held = null; // pushes that wait for the history
  #replayTop = 0; // pushes up to here were missed, not live
  #typing;
  #watcher = new TypingWatcher();

  /** Made by DeskwireClient.channel(). */
  constructor(name, client, positions) {
    super();
    this.name = name;
    this.#client = client;
    this.#positions = positions;
    this.#position = positions.get(name);
    this.presence = new Presence(
      (verb, body) => client.patiently(verb, { channel: name, ...body }),
      () => this.emit("presence", this.presence.members),
    );
    this.#typing = new TypingSender((event) => {
      client.command("publish", { channel: name, event, data: {} }).catch(() => {});
    });
    this.#watcher.on("change", (list) => this.emit("typing", list));
  }

  get subscribed() {
    return this.#attached;
  }

  /** {epoch, offset} of the newest kept event that listeners have seen; null before the first. */
  get position() {
    return this.#position;
  }

  get typists() {
    return this.#watcher.list;
  }

  /** Listens to one event by its name. @return a function that takes the listener off again. */
  onEvent(name, listener) {
    return this.on("event", (event, meta) => event.event === name && listener(event, meta));
  }

  subscribe({ history = 0, from } = {}) {
    if (this.#wanted) return this.#wanted.promise;
    if (from) this.#moveTo(from);
    const wanted = { history: Math.min(history, MAX_HISTORY) };
    wanted.promise = new Promise((resolve, reject) => Object.assign(wanted, { resolve, reject }));
    // Who does not wait for it hears of a refusal by "ended".
    wanted.promise.catch(() => {});
    this.#wanted = wanted;
    this.#client.wants(this);
    return wanted.promise;
  }

  async unsubscribe() {
    if (!this.#wanted) return;
    const was = this.#attached;
    this.#finish(new DeskwireError("closed", `unsubscribed from ${this.name}`));
    this.#client.unwanted(this);
    if (was) await this.#client.command("unsubscribe", { channel: this.name }).catch(() => {});
  }

  /**
   * A customer's or an agent's message. It waits for a connection, goes out in order, and is
   * repeated until answered: the server knows `clientMessageId` for a day.
   */
  send(content, { clientMessageId = randomId(), simulate, maxAgeMs } = {}) {
    this.#typing.stop();
    const body = { channel: this.name, content, clientMessageId };
    if (simulate && Object.keys(simulate).length > 0) body.simulate = simulate;
    const sent = this.#client.outbox.add(this.name, "send", body, { repeat: true, maxAgeMs });
    return { clientMessageId, sent };
  }

  publish(event, data = {}, { queue = true, maxAgeMs } = {}) {
    const body = { channel: this.name, event, data };
    if (!queue) return this.#client.command("publish", body);
    const repeat = REPEATABLE.has(event);
    return this.#client.outbox.add(this.name, "publish", body, { repeat, maxAgeMs });
  }

  /** Call it on each key press; what is sent is little, and ends by itself. */
  typing() {
    this.#typing.pressed();
  }

  stopTyping() {
    this.#typing.stop();
  }

  /** Events of the log, ascending: the newest, or those just before or after an offset. */
  history({ limit = 50, before, after } = {}) {
    return this.#client.patiently("history", { channel: this.name, limit, before, after });
  }

  // ---- Told by the client.

  /** There is a new connection, or a token that allows what the last one did not. */
  async attach() {
    const attempt = ++this.#attachment;
    const current = () => attempt === this.#attachment && this.#wanted !== null;
    this.#held = [];
    try {
      await this.#begin(current);
    } catch (error) {
      if (!current()) return;
      if (error instanceof DeskwireError && (error.temporary || error.kind === "closed")) return;
      this.#finish(error);
      this.#client.unwanted(this);
      this.emit("ended", error);
    }
  }

  detach() {
    this.#attachment++;
    this.#held = null;
    this.#typing.reset();
    this.#watcher.clear();
    this.#setAttached(false);
  }

  /** The server has ended the subscription: a token that no longer allows it. */
  refuse(error) {
    this.#finish(error);
    this.emit("ended", error);
  }

  take(event) {
    if (!this.#held) {
      this.#accept(event);
    } else if (this.#held.length < MAX_HELD) {
      this.#held.push(event);
    } else {
      this.#client.reconnect("too many events while the history was loading");
    }
  }

  listed(members) {
    if (this.#attached) this.presence.listed(members);
  }

  // ---- The beginning of a subscription.

  async #begin(current) {
    const recover = this.#position ?? undefined;
    const result = await this.#subscribe(recover);
    if (!current()) return;
    const recovered = recover !== undefined && result.recovered;
    this.#replayTop = recovered ? result.offset : 0;
    if (!recovered || (!this.#shown && this.#wanted.history > 0)) {
      await this.#startOver(result, recovered ? recover : null, current);
      if (!current()) return;
    }
    this.#shown = true;
    const held = this.#held;
    this.#held = null;
    this.presence.attached(result.presence ?? []);
    for (const event of held) {
      this.#accept(event);
      if (!current()) return; // A listener has had enough.
    }
    this.#setAttached(true);
    this.#wanted.resolve({ recovered, epoch: result.epoch, offset: result.offset });
  }

  async #subscribe(recover) {
    const body = { channel: this.name, recover };
    try {
      return await this.#client.patiently("subscribe", body);
    } catch (error) {
      if (error.code !== CONFLICT) throw error;
      // The server has us still, from before a refreshed token.
      await this.#client.patiently("unsubscribe", { channel: this.name }).catch(() => {});
      return this.#client.patiently("subscribe", body);
    }
  }

  // With `seen` (the page was reloaded) what follows it is replayed, so the history ends there.
  async #startOver({ epoch, offset }, seen, current) {
    const page = await this.#newestHistory(seen ? seen.offset + 1 : undefined);
    if (!current()) return;
    const reason = seen ? "restored" : this.#shown ? "gap" : "start";
    this.emit("reset", { reason });
    // Pushes that repeat the page are told by their offsets.
    this.#moveTo({ epoch, offset: 0 });
    for (const event of page.events) {
      this.#accept({ channel: this.name, epoch: page.epoch, ...event }, "history");
    }
    const end = seen ?? { epoch, offset };
    const now = this.#position;
    if (now.epoch === end.epoch && now.offset < end.offset) this.#moveTo(end);
  }

  async #newestHistory(before) {
    const { history: limit } = this.#wanted;
    if (limit === 0 || before === 1) return { events: [] };
    try {
      return await this.history({ limit, before });
    } catch (error) {
      // A token may allow to listen and not to look back.
      if (error.code === DENIED) return { events: [] };
      throw error;
    }
  }

  // ---- Events.

  #accept(event, source) {
    const kept = event.offset !== undefined;
    if (kept) {
      const known = this.#position;
      const same = known !== null && known.epoch === event.epoch;
      if (same && event.offset <= known.offset) return;
      // The server has lost its data and counts from 1 again.
      if (known !== null && !same && !source) this.#replayTop = 0;
    }
    const name = event.event;
    if (name.startsWith("presence:")) this.presence.take(name, event.data);
    else if (name.startsWith("typing:")) this.#watcher.take(name, event.data);
    const missed = kept && event.offset <= this.#replayTop;
    this.emit("event", event, { source: source ?? (missed ? "replay" : "live") });
    // After the listeners: a page that dies in between gets the event again.
    if (kept) this.#moveTo(event);
  }

  #moveTo({ epoch, offset }) {
    this.#position = { epoch, offset };
    this.#positions.set(this.name, this.#position);
  }

  #setAttached(attached) {
    if (attached === this.#attached) return;
    this.#attached = attached;
    this.emit("state", { subscribed: attached });
  }

  #finish(error) {
    const wanted = this.#wanted;
    this.#wanted = null;
    this.#shown = false;
    this.detach();
    wanted?.reject(error);
  }
}

/** Unguessable enough to be unique; randomUUID is for secure contexts only. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `c-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
