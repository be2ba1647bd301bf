// Three gateways on one Redis: killed and started again by the stories, and never to end by themselves.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { ChaosProcess, quietPorts } from "../chaos/processes.mjs";
import { SANDBOX_SOURCE, SERVER_KEY, SIGNING_KEY, temporaryDirectory } from "../e2e/support/deskwire.mjs";

const NODES = 3;

class Gateway extends ChaosProcess {
  roles = "gateway";
}

export async function startGateways(cleanup, redis, random, problems) {
  const directory = temporaryDirectory(cleanup);
  const ports = await quietPorts(3 * NODES, random);
  const gateways = [];
  for (let i = 0; i < NODES; i++) {
    const own = join(directory, String(i + 1));
    mkdirSync(own);
    const mine = ports.slice(3 * i, 3 * i + 3);
    const [receiver, gateway, admin] = mine.map((port) => `127.0.0.1:${port}`);
    const one = new Gateway(`gateway ${i + 1}`, own, mine, {
      data_dir: join(own, "data"),
      redis: { url: redis.url },
      receiver: { listen: receiver },
      gateway: { listen: gateway, keys: [SIGNING_KEY], server_keys: [{ secret: SERVER_KEY }], log: { max_events: 1_000_000, max_bytes: 1 << 30 } },
      admin: { listen: admin },
      sources: [SANDBOX_SOURCE],
      log: { level: "warn" },
    }, problems);
    cleanup.after(() => one.stop());
    await one.start();
    gateways.push(one);
  }
  return gateways;
}
