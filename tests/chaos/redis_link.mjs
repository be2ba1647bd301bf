// A pipelining Redis client in a few lines: the checks read every job, and a process for each
// command would take hours.

import { connect } from "node:net";

const CRLF = Buffer.from("\r\n");

/** One reply from `buffer` at `at`: [value, next position], or null while it is incomplete. */
function parse(buffer, at) {
  const end = buffer.indexOf(CRLF, at);
  if (end < 0) return null;
  const head = buffer.toString("utf8", at + 1, end);
  let next = end + 2;
  switch (String.fromCharCode(buffer[at])) {
    case "+":
      return [head, next];
    case "-":
      return [new Error(head), next];
    case ":":
      return [Number(head), next];
    case "$": {
      const length = Number(head);
      if (length < 0) return [null, next];
      if (buffer.length < next + length + 2) return null;
      return [buffer.toString("utf8", next, next + length), next + length + 2];
    }
    case "*": {
      const items = [];
      for (let left = Number(head); left > 0; left--) {
        const item = parse(buffer, next);
        if (!item) return null;
        items.push(item[0]);
        next = item[1];
      }
      return [items, next];
    }
    default:
      throw new Error(`redis: a reply that begins with byte ${buffer[at]}`);
  }
}

export class RedisLink {
  #path;
  #socket = null;
  #waiting = [];

  constructor(path) {
    this.#path = path;
  }

  /** Sends the commands together; resolves with their replies, rejects when Redis is away. */
  async ask(commands) {
    if (commands.length === 0) return [];
    const socket = await this.#connected();
    const replies = commands.map(
      () => new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })),
    );
    const text = commands.map((command) => {
      const parts = command.map((part) => `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`);
      return `*${parts.length}\r\n${parts.join("")}`;
    });
    socket.write(text.join(""));
    return Promise.all(replies);
  }

  close() {
    this.#socket?.destroy();
  }

  async #connected() {
    if (this.#socket) return this.#socket;
    const socket = connect(this.#path);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    this.#socket = socket;
    let rest = Buffer.alloc(0);
    socket.on("data", (data) => {
      rest = Buffer.concat([rest, data]);
      let at = 0;
      for (let reply = parse(rest, at); reply; reply = at < rest.length ? parse(rest, at) : null) {
        at = reply[1];
        const { resolve, reject } = this.#waiting.shift();
        if (reply[0] instanceof Error) reject(reply[0]);
        else resolve(reply[0]);
      }
      rest = rest.subarray(at);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = null;
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("redis: connection closed"));
    });
    return socket;
  }
}

export const SHARDS = Array.from({ length: 16 }, (_, shard) => `dw:{${shard}}:`);

/** Names of all keys that match. */
export async function scan(link, pattern) {
  const names = new Set();
  let cursor = "0";
  do {
    const [[next, found]] = await link.ask([["SCAN", cursor, "MATCH", pattern, "COUNT", "5000"]]);
    cursor = next;
    for (const name of found) names.add(name);
  } while (cursor !== "0");
  return [...names];
}

/** As `ask`, in pieces that neither side has to hold whole. */
export async function askAll(link, commands) {
  const replies = [];
  for (let at = 0; at < commands.length; at += 2000) {
    replies.push(...(await link.ask(commands.slice(at, at + 2000))));
  }
  return replies;
}
