// Starts the built binary with a config and a data directory of its own, and looks after its end.

import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { eventually, Recorder, within } from "./waiting.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const BINARY = resolve(ROOT, process.env.DESKWIRE_BINARY ?? "build/release/deskwire");
export const FIXTURES = join(ROOT, "tests/fixtures");

export const SERVER_KEY = "e2e-server-key-0123456789abcdef0123456789";
export const SIGNING_KEY = { kid: "e2e", secret: "e2e-signing-key-0123456789abcdef0123456789" };
export const CHATWOOT_SECRET = "n3nQd1mJ5oYcQ8u7vB2xW6zKtest";
export const SECOND_SECRET = "second-door-secret-of-the-same-account";
export const BOT_TOKEN = "bot-token-of-the-fake";
export const USER_TOKEN = "user-token-of-the-fake";

const OPERATIONS = ["subscribe", "publish", "presence", "history"];
/** Every channel that a test looks at, the restricted ones by name. */
export const EVERYTHING = Object.fromEntries(
  ["*", "conversation:*:internal", "agents", "oncall", "ops"].map((name) => [name, OPERATIONS]),
);

/** A temporary directory that goes with the test, after `first` has run. */
export function temporaryDirectory(t, first = async () => {}) {
  const path = mkdtempSync(join(tmpdir(), "dw-e2e-"));
  t.after(async () => {
    try {
      await first();
    } finally {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    }
  });
  return path;
}

const RESERVED = join(tmpdir(), "deskwire-test-ports");
const reserved = new Set();
process.once("exit", () => {
  for (const file of reserved) rmSync(file, { force: true });
});

/** Whether this process now has the port among the tests' processes; it keeps it to its end. */
function reserve(port) {
  mkdirSync(RESERVED, { recursive: true });
  const file = join(RESERVED, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch {
    const owner = Number(readFileSync(file, { encoding: "utf8", flag: "a+" }));
    // One that was killed has left it; whoever asks next may have it.
    if (owner > 0 && !existsSync(`/proc/${owner}`)) rmSync(file, { force: true });
    return false;
  }
  reserved.add(file);
  return true;
}

/**
 * `count` free TCP ports of the loopback address, held open together while they are picked. Below
 * those that systems give to connections, where another test could be given one in the meantime.
 */
export async function freePorts(count) {
  const servers = [];
  while (servers.length < count) {
    const port = randomInt(12_000, 32_000);
    if (!reserve(port)) continue;
    const server = createServer().listen(port, "127.0.0.1");
    // Rejects where the port is taken.
    await once(server, "listening").then(() => servers.push(server), () => {});
  }
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

export function chatwootSource(baseUrl, more = {}) {
  return {
    name: "support",
    type: "chatwoot",
    account_id: "1",
    base_url: baseUrl,
    secrets: [CHATWOOT_SECRET, SECOND_SECRET],
    bot_token: BOT_TOKEN,
    user_token: USER_TOKEN,
    ...more,
  };
}

export const SANDBOX_SOURCE = { name: "sandbox", type: "sandbox", namespace: "try" };

/** Runs the binary to its end. */
export async function runDeskwire(args, { cwd, env = {}, input } = {}) {
  const child = spawn(BINARY, args, { cwd, env: { ...process.env, ...env } });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => (output.stdout += data));
  child.stderr.on("data", (data) => (output.stderr += data));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code, signal] = await within(once(child, "close"), `the end of deskwire ${args.join(" ")}`);
  return { code, signal, ...output };
}

/** One `deskwire serve` that can be killed and started again on the same data. */
export class Deskwire {
  output = new Recorder();
  roles = null; // "gateway": not all of them
  #child = null;

  constructor(directory, ports, config) {
    this.directory = directory;
    this.ports = ports;
    this.config = config;
    this.configFile = join(directory, "config.json");
    this.dataDirectory = config.data_dir;
    this.receiver = `http://127.0.0.1:${ports[0]}`;
    this.gateway = `http://127.0.0.1:${ports[1]}`;
    this.socket = `ws://127.0.0.1:${ports[1]}/v1/ws`;
    this.admin = `http://127.0.0.1:${ports[2]}`;
    writeFileSync(this.configFile, JSON.stringify(config, null, 2));
  }

  /** Starts the process; resolves when all doors answer (or, with `ready: false`, at once). */
  async start({ ready = true } = {}) {
    const roles = this.roles ? ["--roles", this.roles] : [];
    this.#child = spawn(BINARY, ["serve", "--config", this.configFile, ...roles], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const child = this.#child;
    for (const name of ["stdout", "stderr"]) {
      let rest = "";
      child[name].setEncoding("utf8").on("data", (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop();
        for (const line of lines) this.output.push({ from: name, line });
      });
    }
    this.exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
    if (!ready) return;
    await eventually(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return { gone: true };
        const response = await fetch(`${this.admin}/readyz`);
        await response.text();
        return { status: response.status };
      },
      ({ gone, status }) => gone || status === 200,
      "readyz",
    );
    if (child.exitCode !== null) {
      throw new Error(`deskwire serve ended with ${child.exitCode}:\n${this.text()}`);
    }
  }

  text() {
    return this.output.items.map(({ line }) => line).join("\n");
  }

  get running() {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid() {
    return this.#child.pid;
  }

  /** As the kernel's out-of-memory killer would. */
  async kill() {
    if (this.running) this.#child.kill("SIGKILL");
    await within(this.exited, "the end after SIGKILL");
  }

  async stop() {
    if (!this.#child) return null;
    if (this.running) this.#child.kill("SIGTERM");
    const ended = await within(this.exited, "the end after SIGTERM", 45_000).catch(() => null);
    if (!ended) await this.kill();
    return ended;
  }

  /** Runs a command of the CLI against this server's config. */
  cli(args, options = {}) {
    return runDeskwire([...args, "--config", this.configFile], { cwd: this.directory, ...options });
  }

  async token({ clientId = "tester", role = "agent", capability = EVERYTHING, ttl } = {}) {
    const response = await fetch(`${this.gateway}/v1/tokens`, {
      method: "POST",
      headers: { Authorization: `Bearer ${SERVER_KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify({ clientId, name: clientId, role, capability, ttl }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`POST /v1/tokens: ${response.status} ${text}`);
    return JSON.parse(text).token;
  }

  /** All kept events of a channel, oldest first. */
  async history(channel) {
    const all = [];
    for (let more = true; more; ) {
      const before = all.length > 0 ? `&before=${all[0].offset}` : "";
      const url = `${this.gateway}/v1/channels/${encodeURIComponent(channel)}/messages?limit=100${before}`;
      const response = await fetch(url, { headers: { Authorization: `Bearer ${SERVER_KEY}` } });
      const text = await response.text();
      if (!response.ok) throw new Error(`GET ${url}: ${response.status} ${text}`);
      const page = JSON.parse(text);
      all.unshift(...page.events);
      more = page.more && page.events.length > 0;
    }
    return all;
  }
}

/** A server for this test: stopped, and its data removed, when the test is over. */
export async function newDeskwire(t, { sources, config = {} } = {}) {
  let deskwire = null;
  const directory = temporaryDirectory(t, () => deskwire?.stop());
  const ports = await freePorts(3);
  const listen = ports.map((port) => `127.0.0.1:${port}`);
  const { receiver, gateway, admin, ...rest } = config;
  deskwire = new Deskwire(directory, ports, {
    data_dir: join(directory, "data"),
    receiver: { listen: listen[0], ...receiver },
    gateway: {
      listen: listen[1],
      keys: [SIGNING_KEY],
      server_keys: [{ secret: SERVER_KEY }],
      ...gateway,
    },
    admin: { listen: listen[2], ...admin },
    sources: sources ?? [SANDBOX_SOURCE],
    log: { level: "info" },
    ...rest,
  });
  return deskwire;
}

export async function startedDeskwire(t, options) {
  const deskwire = await newDeskwire(t, options);
  await deskwire.start();
  return deskwire;
}
