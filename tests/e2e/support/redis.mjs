// A Redis of the test's own, on a Unix socket, that can go away and come back with its data.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { temporaryDirectory } from "./deskwire.mjs";
import { eventually, Recorder } from "./waiting.mjs";

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

  constructor(t) {
    this.directory = temporaryDirectory(t, () => this.stop());
    this.socket = join(this.directory, "redis.sock");
    this.url = `unix://${this.socket}`;
  }

  async start() {
    const options = { port: "0", unixsocket: this.socket, dir: this.directory, save: "", appendonly: "yes" };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    this.#child = spawn("redis-server", args, { stdio: "ignore" });
    await eventually(() => this.command("PING"), (answer) => answer === "PONG", "redis-server");
  }

  command(...args) {
    return execFileSync("redis-cli", ["-s", this.socket, ...args], { encoding: "utf8", stdio: "pipe" }).trim();
  }

  async stop() {
    if (!this.#child) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    this.#child = null;
  }
}
