// One address for several gateways, as a load balancer gives it: each connection goes to any of those
// that accept it. A gateway that is killed takes its connections with it.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Balancer {
  counts = { forwarded: 0, refused: 0, cut: 0 };
  #server;
  #ports;
  #random;
  #pairs = new Set();

  static async start(cleanup, ports, random) {
    const balancer = new Balancer();
    balancer.#ports = ports;
    balancer.#random = random;
    balancer.#server = createServer((client) => balancer.#forward(client));
    balancer.#server.listen(0, "127.0.0.1");
    await once(balancer.#server, "listening");
    balancer.url = `http://127.0.0.1:${balancer.#server.address().port}`;
    cleanup.after(() => {
      balancer.#server.close();
      balancer.cut(1);
    });
    return balancer;
  }

  /** Ends a share of the connections, as bad networks do. */
  cut(share) {
    for (const pair of this.#pairs) {
      if (!this.#random.chance(share)) continue;
      this.counts.cut++;
      pair.forEach((socket) => socket.destroy());
    }
  }

  async #forward(client) {
    client.on("error", () => {});
    const server = await this.#dial();
    if (!server) {
      this.counts.refused++;
      client.destroy();
      return;
    }
    this.counts.forwarded++;
    const pair = [client, server];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      pair.forEach((socket) => socket.destroy());
    };
    pair.forEach((socket) => socket.on("error", end).on("close", end));
    client.pipe(server);
    server.pipe(client);
    if (client.destroyed) end();
  }

  async #dial() {
    const first = this.#random.below(this.#ports.length);
    for (let i = 0; i < this.#ports.length; i++) {
      const socket = connect(this.#ports[(first + i) % this.#ports.length], "127.0.0.1");
      const connected = await new Promise((resolve) => {
        socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      });
      if (connected) return socket;
    }
    return null;
  }
}
