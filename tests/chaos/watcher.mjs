// A client that follows every conversation at one process's gateway, and comes back with
// (epoch, offset) whenever it loses the connection.

import { setTimeout as pause } from "node:timers/promises";

import { WebSocket } from "../e2e/support/plain_client.mjs";

const AGAIN_MS = 200;
const SILENCE_MS = 5000;

export class Watcher {
  /** channel → kept events in the order in which they came. */
  events = new Map();
  problems = [];
  counts = { connections: 0, recoveries: 0 };
  #places = new Map(); // channel → {epoch, offset}
  #ws = null;
  #stopped = false;

  constructor(name, url, token, channels) {
    this.name = name;
    this.url = url;
    this.token = token;
    this.channels = channels;
    for (const channel of channels) this.events.set(channel, []);
    this.#run();
  }

  /** Whether every channel was subscribed to once: from then on nothing may be missed. */
  get following() {
    return this.#places.size === this.channels.length;
  }

  offset(channel) {
    return this.#places.get(channel)?.offset ?? 0;
  }

  stop() {
    this.#stopped = true;
    this.#ws?.terminate();
  }

  async #run() {
    while (!this.#stopped) {
      await this.#oneConnection();
      await pause(AGAIN_MS);
    }
  }

  #oneConnection() {
    return new Promise((ended) => {
      const ws = new WebSocket(this.url, { handshakeTimeout: SILENCE_MS });
      this.#ws = ws;
      const asked = new Map(); // command id → channel
      let nextId = 2;
      const subscribe = (channel) => {
        const id = nextId++;
        asked.set(id, channel);
        const recover = this.#places.get(channel);
        ws.send(JSON.stringify({ id, subscribe: { channel, ...(recover && { recover }) } }));
      };
      const open = () => ws.readyState === WebSocket.OPEN;
      // A frozen process keeps its connections; a client notices by the silence.
      let heard = Date.now();
      const watch = setInterval(() => {
        if (Date.now() - heard > SILENCE_MS) ws.terminate();
        else if (open()) ws.ping();
      }, 1000);
      ws.on("pong", () => (heard = Date.now()));
      ws.on("open", () => ws.send(JSON.stringify({ id: 1, connect: { token: this.token } })));
      ws.on("error", () => {});
      ws.on("close", () => {
        clearInterval(watch);
        ended();
      });
      ws.on("message", (data) => {
        heard = Date.now();
        const frame = JSON.parse(data);
        if (frame.push) return this.#take(frame.push);
        if (frame.id === 1) {
          if (frame.error) return ws.terminate();
          this.counts.connections++;
          this.channels.forEach(subscribe);
          return;
        }
        const channel = asked.get(frame.id);
        if (channel === undefined) return;
        asked.delete(frame.id);
        if (frame.ok) this.#subscribed(channel, frame.ok);
        else setTimeout(() => open() && subscribe(channel), AGAIN_MS);
      });
    });
  }

  #subscribed(channel, { epoch, offset, recovered }) {
    const place = this.#places.get(channel);
    if (!place) {
      this.#places.set(channel, { epoch, offset });
      return;
    }
    this.counts.recoveries++;
    if (!recovered) this.problems.push(`${this.name}: ${channel} was not recovered after ${place.offset}`);
    if (epoch !== place.epoch) this.problems.push(`${this.name}: ${channel} began anew`);
  }

  #take(push) {
    if (push.offset === undefined) return;
    const place = this.#places.get(push.channel);
    const follows = place && push.epoch === place.epoch && push.offset === place.offset + 1;
    if (!follows) {
      const after = place ? place.offset : "nothing";
      this.problems.push(`${this.name}: ${push.channel} offset ${push.offset} came after ${after}`);
    }
    this.#places.set(push.channel, { epoch: push.epoch, offset: push.offset });
    this.events.get(push.channel).push(`${push.offset} ${push.id}`);
  }
}
