// A client of the plain protocol on npm's `ws`.

import WebSocket from "ws";

import { Recorder, within } from "./waiting.mjs";

export { WebSocket }; // For callers outside this package, which cannot find `ws`.

export class PlainClient {
  frames = new Recorder(); // every frame from the server, parsed
  pushes = new Recorder(); // the pushed events
  #nextId = 1;

  /** Opens a connection; it ends with the test. */
  static async open(t, url, options = {}) {
    const client = new PlainClient();
    client.ws = new WebSocket(url, options);
    client.closed = new Promise((resolve) => {
      client.ws.on("close", (code, reason) => resolve({ code, reason: String(reason) }));
    });
    client.ws.on("message", (data, binary) => {
      const frame = binary ? { binary: data } : JSON.parse(data);
      client.frames.push(frame);
      if (frame.push) client.pushes.push(frame.push);
    });
    t.after(() => client.ws.terminate());
    await within(
      new Promise((resolve, reject) => client.ws.once("open", resolve).once("error", reject)),
      `the upgrade of ${url.split("?")[0]}`,
    );
    return client;
  }

  /** Connected with a token by the first command, and subscribed. */
  static async subscribed(t, url, token, channel, recover) {
    const client = await PlainClient.open(t, url);
    await client.command("connect", { token });
    client.subscription = await client.command("subscribe", { channel, recover });
    return client;
  }

  /** Sends a command; resolves with its `ok`, rejects with its error code. */
  async command(verb, body) {
    const frame = await this.ask({ id: this.#nextId++, [verb]: body });
    if (!frame.error) return frame.ok;
    throw Object.assign(new Error(`${verb}: ${JSON.stringify(frame.error)}`), frame.error);
  }

  /** Sends any frame with an id; resolves with the whole answer. */
  async ask(frame) {
    this.ws.send(JSON.stringify(frame));
    const answer = this.frames.until(({ id }) => id === frame.id, `an answer to ${frame.id}`);
    const ended = this.closed.then(({ code }) => {
      throw new Error(`closed with ${code} before the answer to ${JSON.stringify(frame)}`);
    });
    return Promise.race([answer, ended]);
  }

  event(name, fits = () => true, limitMs = undefined) {
    return this.pushes.until((push) => push.event === name && fits(push), name, limitMs);
  }

  names() {
    return this.pushes.items.map(({ event }) => event);
  }

  close() {
    this.ws.close();
    return this.closed;
  }
}
