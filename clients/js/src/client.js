// The connection: made, kept, and made again. Commands and channels do not know which transport
// carries them; transports do not know that they will be replaced.
//
//   idle ──connect()──▶ connecting ──▶ connected
//                          ▲  │            │ closed
//                    timer │  ▼            ▼
//                     or   waiting ◀── afterClose() ──▶ ended     (never again, or no token to be had)
//                  retry()                              closed    (close() was called)

import { Channel } from "./channel.js";
import { Emitter } from "./emitter.js";
import { afterClose, DeskwireError } from "./errors.js";
import { DEFAULT_LIMITS, delayCeilingMs } from "./limits.js";
import { Outbox } from "./outbox.js";
import { PollTransport } from "./poll_transport.js";
import { Positions, tabStorage } from "./positions.js";
import { SocketTransport } from "./socket_transport.js";
import { TokenSource } from "./token_source.js";
import { watchWake } from "./wake.js";

const NO_TOKEN = 4001;
const DENIED = 40160;
const DEFAULT_RETRY_MS = 1000;
const REFRESH_AGAIN_MS = 5000;

export class DeskwireClient extends Emitter {
  #options;
  #limits;
  #base; // http(s)://host, without a slash at its end
  #tokens;
  #positions;
  #channels = new Map();
  #wanted = new Set();
  #transport = null;
  #upgrade = null; // a WebSocket being tried beside the polls
  #state = { name: "idle" };
  #clientId = null;
  #failures = 0;
  #socketFailures = 0;
  #polledLast = false;
  #connectedAt = 0;
  #attempt = 0; // an attempt that waits for its token is void after close() or another one
  #timers = { retry: 0, refresh: 0, upgrade: 0 };
  #refreshing = false;
  #givenMeanwhile; // a token that came while another was being exchanged
  #sawExpiry = false; // the server said so, whatever our clock says
  #stopWatching = null;

  constructor(options) {
    super();
    this.#options = {
      WebSocket: globalThis.WebSocket,
      fetch: globalThis.fetch,
      storage: tabStorage(),
      random: Math.random,
      fallback: true,
      ...options,
    };
    const limits = (this.#limits = { ...DEFAULT_LIMITS, ...options.limits });
    this.#base = baseOf(options.url);
    const { token, getToken: ask, random } = this.#options;
    this.#tokens = new TokenSource({ token, ask, limits, random });
    this.#positions = new Positions(this.#options.storage, this.#base);
    this.outbox = new Outbox(
      {
        maxItems: limits.maxQueuedItems,
        maxBytes: limits.maxQueuedBytes,
        maxAgeMs: limits.maxQueuedAgeMs,
      },
      (verb, body) => this.command(verb, body),
    );
  }

  get state() {
    return this.#state;
  }

  /** Who the server says we are; null before the first connection. */
  get clientId() {
    return this.#clientId;
  }

  /** Messages and events that wait to be sent or answered. */
  get queued() {
    return this.outbox.size;
  }

  connect() {
    if (this.#state.name !== "idle" && this.#state.name !== "closed") return;
    this.#stopWatching ??= watchWake({
      woke: () => this.#woke(),
      offline: () => this.#transport?.probe(),
      hidden: () => this.#positions.save(),
    });
    this.#connect();
  }

  /** Ends it; connect() would begin anew. What waits to be sent is rejected. */
  close() {
    if (this.#state.name === "closed") return;
    this.#stopWatching?.();
    this.#stopWatching = null;
    this.#stop();
    this.outbox.abandon(new DeskwireError("closed", "the client was closed"));
    this.#positions.save();
    this.#setState({ name: "closed" });
  }

  /** Tries now instead of later: for a button. Also leaves "ended". */
  retry() {
    if (this.#state.name !== "waiting" && this.#state.name !== "ended") return;
    this.#tokens.forgiveRefusals();
    this.#connect();
  }

  /** Another token of the same client, from now on. */
  setToken(token) {
    this.#tokens.set(token);
    if (this.#state.name === "connected") this.#refresh(token);
    else this.retry();
  }

  channel(name) {
    if (!this.#channels.has(name)) {
      if (this.#channels.size >= this.#limits.maxChannels) {
        const message = `channel ${name}: ${this.#limits.maxChannels} are open; release() one`;
        throw new DeskwireError("full", message);
      }
      this.#channels.set(name, new Channel(name, this, this.#positions));
    }
    return this.#channels.get(name);
  }

  /** Unsubscribes from a channel and forgets it, its position too. */
  async release(name) {
    const channel = this.#channels.get(name);
    this.#channels.delete(name);
    await channel?.unsubscribe();
    this.#positions.forget(name);
  }

  // ---- For channels.

  /** One command over whatever connection there is; rejects with "offline" when there is none. */
  async command(verb, body) {
    if (this.#state.name !== "connected") {
      throw new DeskwireError("offline", `${verb}: there is no connection`);
    }
    try {
      return await this.#transport.command(verb, body);
    } catch (error) {
      if (error.tokenExpired) {
        this.#sawExpiry = true;
        this.#refresh();
      }
      throw error;
    }
  }

  /** Waits while the server says "not now", as long as this connection lasts. */
  async patiently(verb, body) {
    const transport = this.#transport;
    for (;;) {
      try {
        return await this.command(verb, body);
      } catch (error) {
        if (error.kind !== "refused" || !error.temporary) throw error;
        const delay = (error.retryAfterMs ?? DEFAULT_RETRY_MS) * (1 + this.#options.random());
        await new Promise((resolve) => setTimeout(resolve, delay));
        if (this.#transport !== transport) {
          throw new DeskwireError("lost", "the connection was lost");
        }
      }
    }
  }

  wants(channel) {
    this.#wanted.add(channel);
    if (this.#state.name === "connected") channel.attach();
  }

  unwanted(channel) {
    this.#wanted.delete(channel);
  }

  reconnect(reason) {
    this.#transport?.close(1000, reason);
  }

  // ---- Connecting.

  async #connect() {
    const attempt = ++this.#attempt;
    clearTimeout(this.#timers.retry);
    this.outbox.admit();
    this.#setState({ name: "connecting" });
    let token;
    try {
      token = await this.#tokens.current();
    } catch (error) {
      if (attempt === this.#attempt) this.#comeBack(`no token: ${error.message}`, 0);
      return;
    }
    if (attempt !== this.#attempt) return;
    if (token === null) {
      this.#endFor("there is no token", NO_TOKEN, true);
      return;
    }
    this.#polledLast = this.#pollsNext();
    this.#transport = this.#polledLast ? this.#polls(token) : this.#socket(token);
    this.#transport.start();
  }

  /** Once WebSockets seem to be blocked, both ways take turns until one works. */
  #pollsNext() {
    const { WebSocket, fetch, fallback } = this.#options;
    if (!WebSocket) return true;
    const blocked = this.#socketFailures >= this.#limits.pollAfterFailures;
    return blocked && fallback && Boolean(fetch) && !this.#polledLast;
  }

  #socket(token, more = {}) {
    const { WebSocket } = this.#options;
    const url = `${this.#base.replace(/^http/, "ws")}/v1/ws`;
    const socket = new SocketTransport({ url, WebSocket, token, limits: this.#limits });
    socket.listener = { ...this.#listener(socket), ...more };
    return socket;
  }

  #polls(token) {
    const { fetch } = this.#options;
    const polls = new PollTransport({ base: this.#base, fetch, token });
    polls.listener = this.#listener(polls);
    return polls;
  }

  // A transport that has been replaced has nothing more to say.
  #listener(transport) {
    const current = () => this.#transport === transport;
    return {
      ready: (session) => current() && this.#ready(session),
      push: (event) => current() && this.#channels.get(event.channel)?.take(event),
      members: (channel, list) => current() && this.#channels.get(channel)?.listed(list),
      closed: (end) => current() && this.#closed(end),
    };
  }

  #ready({ clientId, expires }) {
    const transport = this.#transport;
    this.#connectedAt = Date.now();
    this.#sawExpiry = false;
    this.#clientId = clientId;
    if (transport.name === "socket") this.#socketFailures = 0;
    // At once: what failed before may have been the whole network, which is back now.
    else this.#planUpgrade(0);
    this.#planRefresh(expires);
    this.#setState({ name: "connected", transport: transport.name });
    // A listener may have closed or changed everything.
    if (this.#transport !== transport) return;
    this.#wanted.forEach((channel) => channel.attach());
    this.outbox.open();
  }

  #closed({ code, reason, hint, retryAfterMs, greeted }) {
    const { name, token } = this.#transport;
    this.#detach();
    if (greeted && Date.now() - this.#connectedAt >= this.#limits.stableMs) this.#failures = 0;
    // A server that says why it closes has been reached.
    const unreached = !greeted && hint === undefined;
    if (name === "socket") this.#socketFailures = unreached ? this.#socketFailures + 1 : 0;
    const next = afterClose(code, hint);
    if (next === "never") {
      this.#endFor(reason, code, false);
    } else if (next === "token" && !this.#tokens.refused(token)) {
      this.#endFor(reason, code, true);
    } else {
      this.#comeBack(reason, code, retryAfterMs);
    }
  }

  /** @param retryAfterMs  What the server asked for: it spreads its clients, and knows when it is back. */
  #comeBack(reason, code, retryAfterMs) {
    const asked = Number.isFinite(retryAfterMs) && retryAfterMs >= 0;
    const ceiling = asked ? this.#limits.firstDelayMs : delayCeilingMs(this.#limits, this.#failures, code);
    const least = asked ? Math.min(retryAfterMs, this.#limits.longestDelayMs) : 0;
    this.#failures++;
    const delay = least + this.#options.random() * ceiling;
    clearTimeout(this.#timers.retry);
    this.#timers.retry = setTimeout(() => this.#connect(), delay);
    this.#setState({ name: "waiting", reason, code, retryAt: Date.now() + delay });
  }

  #endFor(reason, code, needsToken) {
    this.#stop();
    // With another token what waits may go out yet, unless it gets too old.
    if (!needsToken) {
      this.outbox.abandon(new DeskwireError("closed", `the server refused this client: ${reason}`));
    }
    this.#setState({ name: "ended", reason, code, needsToken });
  }

  #stop() {
    this.#attempt++;
    const transport = this.#transport;
    this.#detach();
    transport?.close();
    Object.values(this.#timers).forEach((timer) => clearTimeout(timer));
  }

  #detach() {
    this.#transport = null;
    clearTimeout(this.#timers.refresh);
    clearTimeout(this.#timers.upgrade);
    const upgrade = this.#upgrade;
    this.#upgrade = null;
    upgrade?.close();
    this.outbox.shut();
    this.#wanted.forEach((channel) => channel.detach());
  }

  #setState(state) {
    this.#state = state;
    this.emit("state", state);
  }

  #woke() {
    if (this.#state.name === "waiting") this.#connect();
    else this.#transport?.probe();
  }

  // ---- A polling client looks for something better.

  #planUpgrade(delay = this.#limits.upgradeEveryMs * (0.5 + this.#options.random())) {
    if (!this.#options.WebSocket) return;
    this.#timers.upgrade = setTimeout(() => this.#tryUpgrade(), delay);
  }

  #tryUpgrade() {
    const polls = this.#transport;
    const socket = this.#socket(polls.token, {
      ready: (session) => {
        this.#upgrade = null;
        this.#detach();
        this.#transport = socket;
        polls.close();
        this.#ready(session);
      },
      closed: (end) => {
        if (this.#transport === socket) this.#closed(end);
        if (this.#upgrade !== socket) return;
        this.#upgrade = null;
        this.#planUpgrade();
      },
    });
    this.#upgrade = socket;
    socket.start();
  }

  // ---- Tokens.

  #planRefresh(expires) {
    clearTimeout(this.#timers.refresh);
    const delay = this.#tokens.accepted(expires);
    if (delay !== null) this.#timers.refresh = setTimeout(() => this.#refresh(), delay);
  }

  /** One at a time; without a getToken there is nothing to do but wait for the end. */
  async #refresh(given) {
    if (this.#refreshing) this.#givenMeanwhile = given ?? this.#givenMeanwhile;
    if (this.#refreshing || (given === undefined && !this.#tokens.renewable)) return;
    this.#refreshing = true;
    const transport = this.#transport;
    try {
      const token = given ?? (await this.#tokens.renew("expiring"));
      if (this.#transport !== transport) return;
      const answer = await transport.command("refresh", { token });
      if (this.#transport !== transport) return;
      transport.token = token;
      this.#renewed(answer.ended ?? []);
      this.#planRefresh(answer.expires);
    } catch {
      // Once it has expired the server ends the connection, and the next one asks for a token.
      if (this.#transport !== transport) return;
      clearTimeout(this.#timers.refresh);
      this.#timers.refresh = setTimeout(() => this.#refresh(given), REFRESH_AGAIN_MS);
    } finally {
      this.#refreshing = false;
      const next = this.#givenMeanwhile;
      this.#givenMeanwhile = undefined;
      if (next !== undefined && this.#state.name === "connected") this.#refresh(next);
    }
  }

  #renewed(ended) {
    const expired = this.#sawExpiry || this.#tokens.expired;
    this.#sawExpiry = false;
    for (const channel of [...this.#wanted]) {
      if (ended.includes(channel.name)) {
        this.#wanted.delete(channel);
        const message = "the new token does not allow this channel";
        channel.refuse(new DeskwireError("refused", message, { code: DENIED }));
      } else if (expired) {
        // The server ended every subscription with the old token.
        channel.attach();
      }
    }
  }
}

/** "https://host", from an address written with http, https, ws or wss and perhaps a path. */
function baseOf(url) {
  const parsed = new URL(url, globalThis.location?.href);
  const scheme = parsed.protocol.replace(/^ws/, "http");
  if (scheme !== "http:" && scheme !== "https:") {
    throw new TypeError(`url ${url}: must begin with http, https, ws or wss`);
  }
  return `${scheme}//${parsed.host}${parsed.pathname.replace(/(\/v1\/ws)?\/*$/, "")}`;
}
