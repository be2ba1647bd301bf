// One subscription to one channel over the plain WebSocket protocol, kept alive: after a lost
// connection it comes back by itself and asks for what it missed by (epoch, offset). When the
// server's log no longer reaches back it starts over from the history.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const HISTORY_LIMIT = 100;
// Beyond the server's own keep-alive period: how late a sign of life may be.
const SILENCE_MARGIN_MS = 10_000;
// Close codes that a new attempt with the same token would only repeat.
const FINAL_CODES = new Set([1003, 1007, 1009, 4001, 4002, 4003, 4009]);

// Answers that only say "not now": rate limits and a server whose storage is away.
const NOT_NOW = (code) => code >= 42900;
const DEFAULT_RETRY_MS = 1000;

/** A refusal by the server, as opposed to a connection that broke. */
export class ProtocolError extends Error {
  constructor({ code, message, retry_after_ms: retryAfterMs = DEFAULT_RETRY_MS }) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export class ChannelConnection {
  #options;
  #socket = null;
  #nextId = 1;
  #waiting = new Map(); // command id -> {resolve, reject}
  #unsent = new Map(); // clientMessageId -> {body, resolve, reject}: repeated until answered
  #position = null; // {epoch, offset} of the newest event taken in
  #held = null; // pushes that arrived while the history is being loaded
  #failures = 0;
  #pingMs = 25_000;
  #silence = 0;
  #retry = 0;
  #reason = null; // why the server ended the connection, in its words
  #refused = false; // it will not take us with this token or this channel

  /**
   * @param options {url, token, channel, onState(state, text), onReset(), onEvent(event)}
   *        state: connecting, connected, waiting, ended. onReset: forget every event shown so far.
   */
  constructor(options) {
    this.#options = options;
    window.addEventListener("online", () => {
      if (this.#retry) this.open();
    });
  }

  open() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#options.onState("connecting", "Connecting…");
    const socket = new WebSocket(this.#options.url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#greet().catch((error) => {
        this.#refused = error instanceof ProtocolError && !NOT_NOW(error.code);
        if (this.#refused) this.#reason = error.message;
        socket.close();
      });
    });
    socket.addEventListener("message", ({ data }) => {
      this.#listen();
      this.#take(JSON.parse(data));
    });
    socket.addEventListener("close", ({ code }) => this.#closed(code));
    this.#listen();
  }

  /** Sends a customer's message. Safe to repeat: the server knows clientMessageId for a day. */
  send(content, clientMessageId, simulate) {
    const body = { channel: this.#options.channel, content, clientMessageId };
    if (Object.keys(simulate).length > 0) body.simulate = simulate;
    return new Promise((resolve, reject) => {
      this.#unsent.set(clientMessageId, { body, resolve, reject });
      if (this.#connected) this.#transmit(clientMessageId);
    });
  }

  /** Publishes what is not worth repeating; dropped while there is no connection. */
  publish(event, data) {
    if (!this.#connected) return;
    this.#command("publish", { channel: this.#options.channel, event, data }).catch(() => {});
  }

  get #connected() {
    return this.#socket?.readyState === WebSocket.OPEN && this.#position !== null && !this.#held;
  }

  #command(verb, body) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, [verb]: body }));
    });
  }

  async #greet() {
    const { channel, token } = this.#options;
    this.#held = [];
    const session = await this.#command("connect", { token });
    this.#pingMs = session.ping_ms ?? this.#pingMs;
    const recover = this.#position ?? undefined;
    const subscribed = await this.#command("subscribe", { channel, recover });
    if (!(recover && subscribed.recovered)) await this.#startOver(subscribed);
    const held = this.#held;
    this.#held = null;
    held.forEach((event) => this.#accept(event));
    this.#failures = 0;
    this.#options.onState("connected", "Connected");
    for (const key of this.#unsent.keys()) this.#transmit(key);
  }

  async #startOver({ epoch, offset }) {
    const { channel } = this.#options;
    const page = await this.#command("history", { channel, limit: HISTORY_LIMIT });
    this.#options.onReset();
    this.#position = { epoch, offset: 0 };
    page.events.forEach((event) => this.#accept({ epoch: page.epoch, ...event }));
    if (this.#position.offset < offset) this.#position = { epoch, offset };
  }

  #transmit(clientMessageId) {
    // Answered meanwhile: a repeat was under way when the connection came back.
    if (!this.#unsent.has(clientMessageId)) return;
    const { body, resolve, reject } = this.#unsent.get(clientMessageId);
    this.#command("send", body).then(
      (answer) => {
        this.#unsent.delete(clientMessageId);
        resolve(answer);
      },
      (error) => {
        // A lost connection is no answer: the message goes out again with the next one.
        if (!(error instanceof ProtocolError)) return;
        if (NOT_NOW(error.code)) {
          const again = () => this.#connected && this.#transmit(clientMessageId);
          setTimeout(again, error.retryAfterMs);
          return;
        }
        this.#unsent.delete(clientMessageId);
        reject(error);
      },
    );
  }

  #take(frame) {
    if (frame.push) {
      if (this.#held) this.#held.push(frame.push);
      else this.#accept(frame.push);
    } else if (frame.disconnect) {
      this.#reason = frame.disconnect.reason;
    } else if (this.#waiting.has(frame.id)) {
      const { resolve, reject } = this.#waiting.get(frame.id);
      this.#waiting.delete(frame.id);
      if (frame.error) reject(new ProtocolError(frame.error));
      else resolve(frame.ok);
    }
  }

  #accept(event) {
    if (event.offset !== undefined) {
      const known = this.#position;
      if (known && known.epoch === event.epoch && event.offset <= known.offset) return;
      this.#position = { epoch: event.epoch, offset: event.offset };
    }
    this.#options.onEvent(event);
  }

  // The server speaks at least every ping_ms; a dead network often closes nothing.
  #listen() {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#silence = setTimeout(() => socket.close(), this.#pingMs + SILENCE_MARGIN_MS);
  }

  #closed(code) {
    clearTimeout(this.#silence);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#held = null;
    waiting.forEach(({ reject }) => reject(new Error("connection lost")));
    if (this.#refused || FINAL_CODES.has(code)) {
      this.#options.onState("ended", `Ended: ${this.#reason ?? `closed with ${code}`}`);
      return;
    }
    // Full jitter, so that the clients of a restarted server do not return all at once.
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++);
    const delay = Math.random() * ceiling;
    this.#options.onState("waiting", "Connection lost, trying again…");
    this.#retry = setTimeout(() => this.open(), delay);
  }
}
