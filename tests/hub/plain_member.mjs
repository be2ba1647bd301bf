// A client on npm's `ws` that follows docs/protocol.md and nothing else.

import { setTimeout as pause } from "node:timers/promises";

import { WebSocket } from "../e2e/support/plain_client.mjs";
import { Member } from "./member.mjs";

const AGAIN_MS = 100;
const SILENCE_MS = 5000;
const NOT_THERE = 40400;

export class PlainMember extends Member {
  members = new Map(); // clientId → data as JSON
  #url;
  #token;
  #ws = null;
  #ready = null; // {promise, resolve}: subscribed on the connection that there is
  #waiting = new Map(); // command id → {resolve, reject}
  #nextId = 1;
  #typists = new Map(); // typist → when
  #data = null; // while it is present
  #changes = 0;
  #telling = null;

  constructor(person, tab, { url, token }) {
    super(person, tab);
    this.#url = `${url.replace(/^http/, "ws")}/v1/ws`;
    this.#token = token;
    this.#unready();
  }

  async start() {
    this.#run();
    await this.#ready.promise;
  }

  get typists() {
    return this.#typists.size;
  }

  async deliver(content, clientMessageId) {
    return this.#untilAnswered("send", { content, clientMessageId });
  }

  async acknowledge(messageId) {
    return this.#untilAnswered("publish", { event: "read", data: { messageId } });
  }

  typing() {
    this.#command("publish", { event: "typing:start", data: {} }).catch(() => {});
  }

  enter(data) {
    this.#data = data;
    return this.#tell();
  }

  leave() {
    this.#data = null;
    return this.#tell();
  }

  die() {
    this.gone = true;
    this.#ws?.terminate();
  }

  stop() {
    this.die();
  }

  /** Says whether it is there, again while the server says "not now"; the newest state last. */
  #tell() {
    this.#changes++;
    this.#telling ??= this.#tellNewest().finally(() => (this.#telling = null));
    return this.#telling;
  }

  async #tellNewest() {
    for (let told = -1; told !== this.#changes; ) {
      told = this.#changes;
      const [verb, body] = this.#data ? ["enter", { data: this.#data }] : ["leave", {}];
      try {
        await this.#command(verb, body);
      } catch (error) {
        if (error.code === undefined) {
          // The connection is gone: said again with the next one, or asked for by it already.
          if (told === this.#changes) return;
        } else if (error.code >= 42900) {
          told = -1;
          await pause(error.retry_after_ms ?? AGAIN_MS);
        } else if (error.code !== NOT_THERE) {
          throw error;
        }
      }
    }
  }

  async #untilAnswered(verb, body) {
    for (;;) {
      await this.#ready.promise;
      try {
        return await this.#command(verb, body);
      } catch (error) {
        if (error.code !== undefined && error.code < 42900) throw error;
        await pause(error.retry_after_ms ?? AGAIN_MS);
      }
    }
  }

  // Who waits already goes on waiting for the next time that it is.
  #unready() {
    if (this.#ready && !this.#ready.done) return;
    let resolve;
    const promise = new Promise((done) => (resolve = done));
    this.#ready = { promise, resolve, done: false };
  }

  /** @param atOnce  Gets the answer before anything behind it in the same packet is looked at. */
  #command(verb, body, atOnce = () => {}) {
    return new Promise((done, reject) => {
      const resolve = (answer) => {
        atOnce(answer);
        done(answer);
      };
      const lost = new Error("lost");
      if (this.#ws?.readyState !== WebSocket.OPEN) return reject(lost);
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#ws.send(JSON.stringify({ id, [verb]: verb === "connect" ? body : { channel: this.person.channel, ...body } }));
    });
  }

  async #run() {
    while (!this.gone) {
      await this.#oneConnection();
      this.#unready();
      this.#typists.clear();
      this.#waiting.forEach(({ reject }) => reject(new Error("lost")));
      this.#waiting.clear();
      await pause(AGAIN_MS);
    }
  }

  #oneConnection() {
    return new Promise((ended) => {
      const ws = (this.#ws = new WebSocket(this.#url, { handshakeTimeout: SILENCE_MS }));
      let heard = Date.now();
      const watch = setInterval(() => {
        if (Date.now() - heard > SILENCE_MS) ws.terminate();
        else if (ws.readyState === WebSocket.OPEN) ws.ping();
      }, 1000);
      ws.on("pong", () => (heard = Date.now()));
      ws.on("open", () => this.#begin(ws).catch(() => ws.terminate()));
      ws.on("error", () => {});
      ws.on("close", () => {
        clearInterval(watch);
        ended();
      });
      ws.on("message", (data) => {
        heard = Date.now();
        const frame = JSON.parse(data);
        if (frame.push) return this.#take(frame.push);
        const waiting = this.#waiting.get(frame.id);
        this.#waiting.delete(frame.id);
        if (frame.error) waiting?.reject(Object.assign(new Error(frame.error.message), frame.error));
        else waiting?.resolve(frame.ok);
      });
    });
  }

  async #begin(ws) {
    await this.#command("connect", { token: this.#token });
    const recover = this.first === null ? undefined : { epoch: this.epoch, offset: this.offset };
    for (let answer = null; !answer; ) {
      // What is not refused for good is asked again, as long as this connection lasts.
      answer = await this.#command("subscribe", { recover }, (ok) => this.#subscribed(recover, ok)).catch((error) => {
        if (ws.readyState !== WebSocket.OPEN || error.code < 42900) throw error;
        return pause(AGAIN_MS);
      });
    }
    this.#ready.done = true;
    this.#ready.resolve();
    if (this.#data) await this.#tell();
  }

  #subscribed(recover, answer) {
    if (this.first === null) this.begins(answer);
    this.recoveries++;
    if (recover && !answer.recovered) this.problems.push(`${this.name}: not recovered after ${recover.offset}`);
    this.members = new Map(answer.presence.map(({ clientId, data }) => [clientId, JSON.stringify(data)]));
  }

  #take(push) {
    const { event, data } = push;
    if (event === "presence:leave") this.members.delete(data.clientId);
    else if (event.startsWith("presence:")) this.members.set(data.clientId, JSON.stringify(data.data));
    else if (event === "typing:start") this.#typists.set(data.sender.id, Date.now());
    else if (event === "typing:stop") this.#typists.delete(data.sender.id);
    this.hears(push);
  }
}
