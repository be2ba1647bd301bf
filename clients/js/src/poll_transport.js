// The same as SocketTransport over plain HTTP, where WebSockets are blocked: each subscribed channel
// is a loop of long polls, the other commands are single requests. Nothing that is kept is missed;
// typing is seen while a poll waits. Presence can be read, but not entered: it belongs to a
// connection, and here there is none.

import { DeskwireError, refusal } from "./errors.js";

const WAIT_S = 25;
const PATIENCE_MS = 15_000;
// Browsers open six connections to one host; two are left for everything else.
const MAX_POLLS = 4;
const TURN_S = 1;
const MEMBERS_EVERY_MS = 30_000;
const DEFAULT_RETRY_MS = 1000;
const ABNORMAL = 1006;
const NOT_HERE = 40301;

export class PollTransport {
  name = "poll";
  listener = null;
  #base;
  #fetch;
  #clientId;
  #aborting = new AbortController();
  #asleep = new AbortController(); // aborted to wake the polls that wait
  #greeted = false;
  #ended = false;
  #loops = new Map(); // channel -> AbortController
  #polls = 0;
  #turns = []; // who waits for a free poll

  constructor({ base, fetch, token }) {
    this.#base = base;
    this.#fetch = fetch;
    this.token = token;
    this.#clientId = claimsOf(token).sub;
  }

  async command(verb, body) {
    if (this.#ended || !this.#greeted) {
      throw new DeskwireError("offline", `${verb}: there is no connection`);
    }
    const { channel } = body;
    switch (verb) {
      case "subscribe":
        return this.#subscribe(channel, body.recover);
      case "unsubscribe":
        this.#loops.get(channel)?.abort();
        this.#loops.delete(channel);
        return {};
      case "publish":
        return this.#request(path(channel, "messages"), { body: { event: body.event, data: body.data } });
      case "send": {
        const { channel: _, ...message } = body;
        return this.#request(path(channel, "messages"), { body: message });
      }
      case "history":
        return this.#request(path(channel, "messages", body));
      case "presence":
        return this.#request(path(channel, "presence"));
      case "refresh":
        this.token = body.token;
        return { expires: (claimsOf(body.token).exp ?? 0) * 1000, ended: [] };
      case "ping":
      case "leave":
        return {};
      default:
        throw new DeskwireError("refused", `${verb}: needs a WebSocket`, { code: NOT_HERE });
    }
  }

  /** Polls that may wait over a dead network are given up and asked again. */
  probe() {
    this.#asleep.abort();
    this.#asleep = new AbortController();
  }

  close(code = 1000, reason = "") {
    if (this.#ended) return;
    this.#ended = true;
    this.#aborting.abort();
    this.#loops.clear();
    this.#turns.splice(0).forEach((turn) => turn());
    this.listener.closed({ code, reason: reason || `closed with ${code}`, greeted: this.#greeted });
  }

  // Any answer in the gateway's own error shape shows that HTTP reaches it; the token is tried by the
  // first poll.
  async start() {
    try {
      const response = await this.#ask("/v1/ws", {});
      const { error } = await response.json();
      if (!error?.code) throw new Error("no gateway answers");
    } catch (error) {
      this.close(ABNORMAL, error.message);
      return;
    }
    if (this.#ended) return;
    this.#greeted = true;
    const { sub, exp = 0 } = claimsOf(this.token);
    this.listener.ready({ clientId: sub, expires: exp * 1000 });
  }

  async #subscribe(channel, recover) {
    if (this.#loops.has(channel)) {
      throw new DeskwireError("refused", `already subscribed to ${channel}`, { code: 40900 });
    }
    const stop = new AbortController();
    this.#loops.set(channel, stop);
    try {
      // A poll from the given position would consume what follows it: ask only where the end is,
      // and whether the log still reaches back.
      const [now, { presence }] = await Promise.all([
        this.#request(path(channel, "poll", { ...recover, wait: 0 })),
        this.command("presence", { channel }),
      ]);
      const recovered = recover !== undefined && now.recovered;
      const from = recovered ? recover : { epoch: now.epoch, offset: now.offset };
      // After the answer has been taken in, as on a WebSocket.
      setTimeout(() => this.#loop(channel, from, stop.signal), 0);
      return { channel, epoch: now.epoch, offset: now.offset, recovered, presence };
    } catch (error) {
      this.#loops.delete(channel);
      throw error;
    }
  }

  async #loop(channel, from, stopped) {
    let position = from;
    let membersAt = Date.now();
    const over = () => this.#ended || stopped.aborted;
    while (!over()) {
      try {
        const page = await this.#poll(channel, position, stopped);
        if (over()) return;
        if (!page.recovered) {
          // Too far behind, or the server lost its data: subscribing anew says so to the channel.
          this.close(ABNORMAL, "the position was lost");
          return;
        }
        position = { epoch: page.epoch, offset: page.offset };
        page.events.forEach((event) => this.#take(event));
        if (Date.now() - membersAt >= MEMBERS_EVERY_MS) {
          membersAt = Date.now();
          const { presence } = await this.command("presence", { channel });
          if (!over()) this.listener.members(channel, presence);
        }
      } catch (error) {
        if (over()) return;
        if (error.kind === "closed") continue;
        if (error.kind !== "refused" || !error.temporary || error.tokenExpired) {
          this.#failed(error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? DEFAULT_RETRY_MS));
      }
    }
  }

  // More channels than polls take turns.
  async #poll(channel, position, stopped) {
    while (this.#polls >= MAX_POLLS) await new Promise((resolve) => this.#turns.push(resolve));
    this.#polls++;
    try {
      const wait = this.#loops.size > MAX_POLLS ? TURN_S : WAIT_S;
      return await this.#request(path(channel, "poll", { ...position, wait }), {
        signals: [stopped, this.#asleep.signal],
        patienceMs: wait * 1000 + PATIENCE_MS,
      });
    } finally {
      this.#polls--;
      this.#turns.shift()?.();
    }
  }

  // A connection hears no typing of its own; a poll has no identity, so that is done here.
  #take(event) {
    const own = event.event.startsWith("typing:") && event.data?.sender?.id === this.#clientId;
    if (!own) this.listener.push(event);
  }

  #failed(error) {
    if (error.tokenExpired) this.close(4009, error.message);
    else if (error.code === 40101) this.close(4001, error.message);
    else this.close(ABNORMAL, error.message);
  }

  async #request(target, options = {}) {
    let response;
    let answer;
    try {
      response = await this.#ask(target, options);
      answer = await response.json();
    } catch (error) {
      if (options.signals?.some(({ aborted }) => aborted)) {
        throw new DeskwireError("closed", "the poll was given up");
      }
      const lost = new DeskwireError("lost", `the server cannot be reached: ${error.message}`);
      this.#failed(lost);
      throw lost;
    }
    if (response.ok) return answer;
    const retryAfterMs = Number(response.headers.get("Retry-After")) * 1000 || undefined;
    const error = refusal({ code: response.status * 100, ...answer.error, retry_after_ms: retryAfterMs });
    if (error.code === 40101) this.#failed(error);
    throw error;
  }

  #ask(target, { body, signals = [], patienceMs = PATIENCE_MS }) {
    const headers = { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return (0, this.#fetch)(this.#base + target, {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: anyOf([this.#aborting.signal, AbortSignal.timeout(patienceMs), ...signals]),
    });
  }
}

function path(channel, what, query = {}) {
  const asked = new URLSearchParams();
  for (const name of ["epoch", "offset", "wait", "limit", "before", "after"]) {
    if (query[name] !== undefined) asked.set(name, query[name]);
  }
  const text = asked.toString();
  return `/v1/channels/${encodeURIComponent(channel)}/${what}${text ? `?${text}` : ""}`;
}

// AbortSignal.any came to browsers in 2023 only.
function anyOf(signals) {
  if (AbortSignal.any) return AbortSignal.any(signals);
  const any = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) any.abort();
    signal.addEventListener("abort", () => any.abort(), { once: true });
  }
  return any.signal;
}

/** The token's claims, for what the server would tell over a WebSocket; the server checks them. */
function claimsOf(token) {
  try {
    const text = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
  } catch {
    return {};
  }
}
