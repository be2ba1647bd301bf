// A network between a client and the gateway that can be cut, frozen, or closed to WebSockets.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class BadNetwork {
  refusesUpgrades = false;
  upgrades = 0; // asked for, refused ones included
  #server;
  #frozen = false;
  #pairs = new Set();

  /** Forwards to 127.0.0.1:port; ends with the test. */
  static async before(t, port) {
    const network = new BadNetwork();
    network.#server = createServer((client) => network.#forward(client, port));
    network.#server.listen(0, "127.0.0.1");
    await once(network.#server, "listening");
    network.url = `http://127.0.0.1:${network.#server.address().port}`;
    t.after(() => {
      network.cut();
      network.#server.close();
    });
    return network;
  }

  /** Ends every connection, as a lost radio link that comes back at once. */
  cut() {
    for (const pair of this.#pairs) pair.forEach((socket) => socket.destroy());
  }

  /** Connections stay open, and nothing passes: what a phone wakes up to. */
  freeze() {
    this.#frozen = true;
    for (const pair of this.#pairs) pair.forEach((socket) => socket.pause());
  }

  /** New connections work again; frozen ones stay so. */
  thaw() {
    this.#frozen = false;
  }

  #forward(client, port) {
    const server = connect(port, "127.0.0.1");
    const pair = [client, server];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      pair.forEach((socket) => socket.destroy());
    };
    pair.forEach((socket) => socket.on("error", end).on("close", end));
    server.on("data", (data) => client.write(data));
    client.on("data", (data) => {
      if (/\r\nupgrade: websocket\r\n/i.test(data.toString("latin1"))) {
        this.upgrades++;
        if (this.refusesUpgrades) {
          client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
          return;
        }
      }
      server.write(data);
    });
    if (this.#frozen) pair.forEach((socket) => socket.pause());
  }
}
