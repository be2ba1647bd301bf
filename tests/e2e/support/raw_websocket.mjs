// WebSocket as bytes on a socket: a client that can break every rule of RFC 6455.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";

import { within } from "./waiting.mjs";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
export const FIN = 0x80;

function lengthBytes(size, form) {
  if (form === 7 || (form === undefined && size < 126)) return [size];
  if (form === 16 || (form === undefined && size < 65_536)) return [126, size >> 8, size & 255];
  const eight = Buffer.alloc(8);
  eight.writeBigUInt64BE(BigInt(size));
  return [127, ...eight];
}

/**
 * One frame. `first` is the whole first byte when given; `form` (7, 16, 64) forces a length's form;
 * `claim` lies about the length; `masked: false` is what clients must not send.
 */
export function frame(opcode, payload = "", { fin = true, rsv = 0, first, form, claim, masked = true } = {}) {
  const body = Buffer.from(payload);
  const [length, ...more] = lengthBytes(claim ?? body.length, form);
  const head = Buffer.from([first ?? ((fin ? FIN : 0) | (rsv << 4) | opcode), (masked ? 0x80 : 0) | length, ...more]);
  if (!masked) return Buffer.concat([head, body]);
  const mask = randomBytes(4);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([head, mask, body]);
}

export const text = (payload, options) => frame(OPCODE.text, payload, options);
export const binary = (payload, options) => frame(OPCODE.binary, payload, options);
export const ping = (payload, options) => frame(OPCODE.ping, payload, options);
export const pong = (payload, options) => frame(OPCODE.pong, payload, options);
export const more = (payload, options) => frame(OPCODE.continuation, payload, options);

export function close(code, reason = "", options) {
  if (code === undefined) return frame(OPCODE.close, "", options);
  return frame(OPCODE.close, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]), options);
}

/** A message in fragments of `size` bytes. */
export function fragments(opcode, payload, size) {
  const bytes = Buffer.from(payload);
  const parts = [];
  for (let at = 0; at < bytes.length; at += size) {
    const last = at + size >= bytes.length;
    parts.push(frame(at === 0 ? opcode : OPCODE.continuation, bytes.subarray(at, at + size), { fin: last }));
  }
  return parts;
}

export const handshake = (path = "/", headers = []) =>
  [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
    "",
    "",
  ].join("\r\n");

export class RawWebSocket {
  head = null; // the handshake's answer
  frames = []; // {opcode, payload} as received
  violations = []; // what a server must not send
  #socket;
  #chunks = [];
  #bytes = 0;
  #needed = 0; // bytes until there is something to look at
  #watchers = new Set();

  /** Opens a connection; `first` is sent right behind the handshake's request, in one packet. */
  static async open(port, { path, headers, first = Buffer.alloc(0) } = {}) {
    const client = new RawWebSocket();
    const socket = (client.#socket = connect(port, "127.0.0.1"));
    socket.setNoDelay(true);
    client.ended = new Promise((resolve) => {
      socket.on("end", () => resolve("end")).on("close", () => resolve("reset"));
    });
    socket.on("error", () => {});
    socket.on("data", (data) => client.#take(data));
    client.ended.then(() => client.#changed());
    await within(once(socket, "connect"), "a connection");
    socket.write(Buffer.concat([Buffer.from(handshake(path, headers)), first]));
    await client.until(() => client.head !== null, "the handshake's answer");
    return client;
  }

  /** Sends bytes, in packets of `chop` bytes if given. Errors show as the connection's end. */
  async send(bytes, chop = Infinity) {
    for (let at = 0; at < bytes.length; at += chop) {
      const all = this.#socket.write(bytes.subarray(at, at + chop));
      // A turn of the loop each, so that the packets do not become one again.
      if (chop !== Infinity) await new Promise(setImmediate);
      if (!all) await Promise.race([once(this.#socket, "drain"), this.ended]);
    }
  }

  async until(fits, what) {
    if (fits()) return;
    let watcher;
    const found = new Promise((resolve) => {
      watcher = () => fits() && resolve();
      this.#watchers.add(watcher);
    });
    await within(found, what).finally(() => this.#watchers.delete(watcher));
  }

  /** Resolves when the server has ended the connection. */
  async end() {
    const how = await within(this.ended, "the end of the connection");
    this.#socket.destroy();
    return how;
  }

  destroy() {
    this.#socket.destroy();
  }

  #changed() {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #take(data) {
    this.#chunks.push(data);
    this.#bytes += data.length;
    if (this.#bytes < this.#needed) return;
    let rest = Buffer.concat(this.#chunks);
    if (this.head === null) {
      const end = rest.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.head = rest.subarray(0, end).toString("latin1");
        rest = rest.subarray(end + 4);
      }
    }
    while (this.head !== null) {
      const size = this.#frameSize(rest);
      this.#needed = size;
      if (rest.length < size || size === 0) break;
      rest = rest.subarray(size);
    }
    this.#chunks = [rest];
    this.#bytes = rest.length;
    this.#changed();
  }

  /** The size of the frame at the front, as far as it is known; takes the frame when it is there. */
  #frameSize(bytes) {
    if (bytes.length < 2) return 2;
    const form = bytes[1] & 127;
    const headSize = 2 + (form === 126 ? 2 : form === 127 ? 8 : 0);
    if (bytes.length < headSize) return headSize;
    const size = form === 126 ? bytes.readUInt16BE(2) : form === 127 ? Number(bytes.readBigUInt64BE(2)) : form;
    if (bytes.length < headSize + size) return headSize + size;
    if (bytes[0] & 0x70) this.violations.push("a reserved bit");
    if (bytes[1] & 0x80) this.violations.push("a mask");
    if ((form === 126 && size < 126) || (form === 127 && size < 65_536)) this.violations.push("a long length");
    this.frames.push({
      fin: (bytes[0] & FIN) !== 0,
      opcode: bytes[0] & 15,
      payload: bytes.subarray(headSize, headSize + size),
    });
    return headSize + size;
  }
}
