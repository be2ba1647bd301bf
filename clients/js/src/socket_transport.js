// One WebSocket connection and its commands. It lives once: after `closed` a new one is made.
//
// A transport tells its `listener` {ready(session), push(event), members(channel, list), closed(end)}
// and offers start(), command(verb, body), probe(), close(). `closed` comes exactly once, `end` is
// {code, reason, hint, retryAfterMs, greeted}; by then every command has been answered or rejected.

import { DeskwireError, refusal } from "./errors.js";

// The server reads on while at most 64 commands wait for their answers.
const MAX_IN_FLIGHT = 32;
const MAX_BACKLOG = 1000;
// Beyond the server's own keep-alive period: how late a sign of life may be.
const SILENCE_MARGIN_MS = 10_000;
const ABNORMAL = 1006;
const OPEN = 1;

export class SocketTransport {
  name = "socket";
  listener = null;
  #url;
  #WebSocket;
  #socket = null;
  #limits;
  #nextId = 1;
  #waiting = new Map(); // command id -> {resolve, reject}
  #backlog = []; // {verb, body, resolve, reject} beyond MAX_IN_FLIGHT
  #pingMs = 0;
  #silence = 0;
  #greeted = false;
  #ended = false;
  #disconnect = null; // the server's last word

  /**
   * @param WebSocket  The browser's, Node's (22 and later), or npm's `ws`.
   * @param limits     {openTimeoutMs, probeTimeoutMs, maxFrameBytes}
   */
  constructor({ url, WebSocket, token, limits }) {
    this.#url = url;
    this.#WebSocket = WebSocket;
    this.token = token;
    this.#limits = limits;
  }

  start() {
    this.#listen(this.#limits.openTimeoutMs);
    try {
      this.#socket = new this.#WebSocket(this.#url);
    } catch (error) {
      this.#end(ABNORMAL, error.message);
      return;
    }
    this.#socket.addEventListener("open", () => this.#greet());
    this.#socket.addEventListener("message", ({ data }) => this.#heard(data));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#end(code, reason));
    // What happened is told by "close", which follows.
    this.#socket.addEventListener("error", () => {});
  }

  command(verb, body) {
    return new Promise((resolve, reject) => {
      if (this.#ended || !this.#greeted) {
        reject(new DeskwireError("offline", `${verb}: there is no connection`));
      } else if (this.#waiting.size < MAX_IN_FLIGHT) {
        this.#write({ verb, body, resolve, reject });
      } else if (this.#backlog.length < MAX_BACKLOG) {
        this.#backlog.push({ verb, body, resolve, reject });
      } else {
        reject(new DeskwireError("full", `${verb}: ${MAX_BACKLOG} commands wait already`));
      }
    });
  }

  /** Is somebody there? Asked when a phone wakes: a dead network often closes nothing. */
  probe() {
    if (!this.#greeted || this.#ended) return;
    this.#listen(this.#limits.probeTimeoutMs);
    this.command("ping", {}).catch(() => {});
  }

  close(code = 1000, reason = "") {
    this.#end(code, reason);
  }

  #greet() {
    if (this.#ended) return;
    const greeted = (session) => {
      if (this.#ended) return;
      this.#greeted = true;
      this.#pingMs = session.ping_ms ?? 25_000;
      this.#listen();
      this.listener.ready({ clientId: session.clientId, expires: session.expires ?? 0 });
    };
    new Promise((resolve, reject) => {
      this.#write({ verb: "connect", body: { token: this.token }, resolve, reject });
    }).then(greeted, (error) => this.#end(ABNORMAL, error.message));
  }

  #write({ verb, body, resolve, reject }) {
    const id = this.#nextId++;
    const frame = JSON.stringify({ id, [verb]: body });
    // The server would close the connection, and every repetition would close the next one.
    if (byteLength(frame) > this.#limits.maxFrameBytes) {
      const message = `${verb}: over the ${this.#limits.maxFrameBytes} bytes that a frame may have`;
      reject(new DeskwireError("refused", message, { code: 41300 }));
      return;
    }
    this.#waiting.set(id, { resolve, reject });
    if (this.#socket.readyState === OPEN) this.#socket.send(frame);
  }

  #heard(data) {
    if (this.#ended) return;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      this.#end(ABNORMAL, "the server sent what is not JSON");
      return;
    }
    if (this.#greeted) this.#listen();
    if (frame.push) {
      this.listener.push(frame.push);
    } else if (frame.disconnect) {
      this.#disconnect = frame.disconnect;
    } else if (this.#waiting.has(frame.id)) {
      const { resolve, reject } = this.#waiting.get(frame.id);
      this.#waiting.delete(frame.id);
      if (frame.error) reject(refusal(frame.error));
      else resolve(frame.ok ?? {});
      while (this.#backlog.length > 0 && this.#waiting.size < MAX_IN_FLIGHT) {
        this.#write(this.#backlog.shift());
      }
    }
  }

  #listen(timeoutMs = this.#pingMs + SILENCE_MARGIN_MS) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#end(ABNORMAL, "the server is silent"), timeoutMs);
  }

  // Does not wait for the socket's own "close": on a dead network that takes a minute.
  #end(code, reason) {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#silence);
    if (this.#socket?.readyState <= OPEN) this.#socket.close();
    const left = [...this.#waiting.values(), ...this.#backlog.splice(0)];
    this.#waiting.clear();
    left.forEach(({ reject }) => reject(new DeskwireError("lost", "the connection was lost")));
    const { code: said, reason: why, reconnect: hint, retry_after_ms: retryAfterMs } = this.#disconnect ?? {};
    // A dying connection may lose its close frame after the disconnect frame that names the code.
    this.listener.closed({
      code: said ?? code,
      reason: why ?? (reason || `closed with ${code}`),
      hint,
      retryAfterMs,
      greeted: this.#greeted,
    });
  }
}

function byteLength(text) {
  // Short enough in any encoding: not worth encoding it to know.
  return text.length * 3 < 1024 ? text.length : new TextEncoder().encode(text).length;
}
