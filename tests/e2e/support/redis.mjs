// A Redis of the test's own, on a Unix socket, that can go away and come back with its data; and a
// whole set with a replica and sentinels. $DESKWIRE_REDIS_SERVER names another program, such as
// valkey-server.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { freePorts, temporaryDirectory } from "./deskwire.mjs";
import { eventually, Recorder } from "./waiting.mjs";

const SERVER = process.env.DESKWIRE_REDIS_SERVER || "redis-server";

/** Everything that a Redis does from now on, a line a command (also those inside scripts). */
export async function monitor(t, socket) {
  const child = spawn("redis-cli", ["-s", socket, "MONITOR"], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => child.kill());
  const lines = new Recorder();
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop();
    parts.forEach((line) => lines.push(line));
  });
  await lines.until((line) => line === "OK", "the monitor");
  return lines;
}

export class Redis {
  #child = null;

  /** @param options  More settings: `{"cluster-enabled": "yes"}`. */
  constructor(t, options = {}) {
    this.options = options;
    this.directory = temporaryDirectory(t, () => this.stop());
    this.socket = join(this.directory, "redis.sock");
    this.url = `unix://${this.socket}`;
  }

  async start() {
    const own = { port: "0", unixsocket: this.socket, dir: this.directory, save: "", appendonly: "yes" };
    const args = Object.entries({ ...own, ...this.options }).flatMap(([name, value]) => [`--${name}`, value]);
    this.#child = spawn(SERVER, args, { stdio: "ignore" });
    await eventually(() => this.command("PING"), (answer) => answer === "PONG", "redis-server");
  }

  command(...args) {
    return execFileSync("redis-cli", ["-s", this.socket, ...args], { encoding: "utf8", stdio: "pipe" }).trim();
  }

  async stop(signal = "SIGTERM") {
    if (!this.#child) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
    this.#child = null;
  }
}

/** A master, a replica of it and three sentinels, which miss a master after two seconds. */
export class FailoverSet {
  #sentinels = [];

  static async start(t) {
    const set = new FailoverSet();
    const [first, second, ...sentinels] = await freePorts(5);
    const data = (port, more) => ({ bind: "127.0.0.1", port: `${port}`, "repl-diskless-sync-delay": "0", ...more });
    set.ports = [first, second];
    set.sentinelPorts = sentinels;
    set.first = new Redis(t, data(first));
    set.second = new Redis(t, data(second, { replicaof: `127.0.0.1 ${first}` }));
    await set.first.start();
    await set.second.start();
    const follows = (text) => text.includes("state=online");
    await eventually(() => set.first.command("INFO", "replication"), follows, "the replica");
    const directory = temporaryDirectory(t, () => set.#stop());
    sentinels.forEach((port, i) => {
      const file = join(directory, `${i}.conf`);
      const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${directory}`, `sentinel monitor main 127.0.0.1 ${first} 2`];
      lines.push("sentinel down-after-milliseconds main 2000", "sentinel failover-timeout main 6000", "");
      writeFileSync(file, lines.join("\n"));
      set.#sentinels.push(spawn(SERVER, [file, "--sentinel"], { stdio: "ignore" }));
    });
    const agree = (texts) => texts.every((text) => /num-slaves\n1\n/.test(text) && /num-other-sentinels\n2\n/.test(text));
    await eventually(() => set.ask("SENTINEL", "MASTER", "main"), agree, "the sentinels");
    return set;
  }

  get url() {
    return `redis+sentinel://${this.sentinelPorts.map((port) => `127.0.0.1:${port}`).join(",")}/main`;
  }

  /** What each sentinel answers. */
  ask(...args) {
    const options = { encoding: "utf8", stdio: "pipe" };
    return this.sentinelPorts.map((port) => execFileSync("redis-cli", ["-p", `${port}`, ...args], options));
  }

  async #stop() {
    for (const child of this.#sentinels) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
}
