// The three processes under test, and the config that they share but for their doors and data.

import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { chatwootSource, Deskwire, SERVER_KEY, SIGNING_KEY, temporaryDirectory } from "../e2e/support/deskwire.mjs";

const PROCESSES = 3;

/**
 * Free ports below the range from which the kernel takes those of outgoing connections: a process
 * that is killed has to find its ports free a moment later.
 */
export async function quietPorts(count, random) {
  const ports = new Set();
  while (ports.size < count) {
    const port = 20_000 + random.below(12_000);
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, "close");
    ports.add(port);
  }
  return [...ports];
}

/** One of the three: killed and frozen by the faults, and never to end by itself. */
export class ChaosProcess extends Deskwire {
  #ending = false;
  #over = false; // Nobody starts it any more.

  constructor(name, directory, ports, config, problems) {
    super(directory, ports, config);
    this.name = name;
    this.problems = problems;
  }

  async start(options) {
    if (this.#over) return;
    this.#ending = false;
    await super.start(options);
    this.exited.then((how) => {
      if (this.#ending) return;
      const last = this.output.items.slice(-5).map(({ line }) => line);
      this.problems.push(`${this.name} ended by itself: ${JSON.stringify(how)}\n${last.join("\n")}`);
    });
  }

  async kill() {
    this.#ending = true;
    await super.kill();
  }

  async stop() {
    this.#over = true;
    this.#ending = true;
    this.signal("SIGCONT");
    return super.stop();
  }

  /** Nothing where it has ended meanwhile. */
  signal(name) {
    if (this.running) process.kill(this.pid, name);
  }
}

function configOf(directory, ports, options, redis, chatwoot) {
  const [receiver, gateway, admin] = ports.map((port) => `127.0.0.1:${port}`);
  return {
    data_dir: join(directory, "data"),
    redis: { url: redis.url },
    receiver: { listen: receiver },
    gateway: {
      listen: gateway,
      keys: [SIGNING_KEY],
      server_keys: [{ secret: SERVER_KEY }],
      limits: { max_channels_per_session: options.conversations },
      log: { max_events: 1_000_000 },
    },
    admin: { listen: admin },
    sources: [chatwootSource(chatwoot.url, { request_timeout_ms: 1000 })],
    replies: { rules: [{ contains: "", reply: "Answer to {content}" }] },
    jobs: {
      lease_ms: options.leaseMs,
      backoff: { base_ms: 200, cap_ms: 3000 },
      retention: { completed_max: 1_000_000 },
    },
    log: { level: "warn" },
  };
}

export async function startProcesses(cleanup, options, random, redis, chatwoot, problems) {
  const directory = temporaryDirectory(cleanup);
  const ports = await quietPorts(3 * PROCESSES, random);
  const processes = [];
  for (let i = 0; i < PROCESSES; i++) {
    const name = `process ${i + 1}`;
    const own = join(directory, String(i + 1));
    mkdirSync(own);
    const mine = ports.slice(3 * i, 3 * i + 3);
    const config = configOf(own, mine, options, redis, chatwoot);
    const one = new ChaosProcess(name, own, mine, config, problems);
    processes.push(one);
    cleanup.after(() => one.stop());
    await one.start();
  }
  return processes;
}
