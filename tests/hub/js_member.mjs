// A client on the JavaScript client of clients/js.

import { DeskwireClient } from "../../clients/js/src/index.js";
import { WebSocket } from "../e2e/support/plain_client.mjs";
import { Member } from "./member.mjs";

const NOT_HERE = 40301;
// Comes back fast, so that a short run has many recoveries; polls now and then, but not for long.
const LIMITS = { firstDelayMs: 50, longestDelayMs: 1000, stableMs: 1000, upgradeEveryMs: 1000 };

/** Presence needs a WebSocket; the client says it when it has one again. */
function whilePolling(error) {
  if (error.code !== NOT_HERE) throw error;
}

export class JsMember extends Member {
  #client;
  #channel;

  constructor(person, tab, { url, token }) {
    super(person, tab);
    const open = new Set();
    this.sockets = open;
    // To be able to let it die: the client has no call for that.
    class Tracked extends WebSocket {
      constructor(address) {
        super(address);
        open.add(this);
        this.on("close", () => open.delete(this));
      }
    }
    this.#client = new DeskwireClient({ url, WebSocket: Tracked, token, storage: null, limits: LIMITS });
    this.#channel = this.#client.channel(person.channel);
    this.#channel.on("event", (event) => this.hears(event));
    this.#channel.on("reset", ({ reason }) => {
      if (reason !== "start") this.problems.push(`${this.name}: not recovered: ${reason}`);
    });
    this.#channel.on("ended", (error) => this.problems.push(`${this.name}: ${error.message}`));
    this.#channel.on("state", ({ subscribed }) => (this.recoveries += subscribed ? 1 : 0));
  }

  async start() {
    this.#client.connect();
    this.begins(await this.#channel.subscribe());
  }

  deliver(content, clientMessageId) {
    return this.#channel.send(content, { clientMessageId }).sent;
  }

  acknowledge(messageId) {
    return this.#channel.publish("read", { messageId });
  }

  typing() {
    this.#channel.typing();
  }

  enter(data) {
    return this.#channel.presence.enter(data).catch(whilePolling);
  }

  leave() {
    return this.#channel.presence.leave().catch(whilePolling);
  }

  get members() {
    return new Map(this.#channel.presence.members.map(({ clientId, data }) => [clientId, JSON.stringify(data)]));
  }

  get typists() {
    return this.#channel.typists.length;
  }

  die() {
    this.gone = true;
    const sockets = [...this.sockets];
    sockets.forEach((socket) => socket.terminate());
    this.#client.close();
  }

  stop() {
    this.#client.close();
  }
}
