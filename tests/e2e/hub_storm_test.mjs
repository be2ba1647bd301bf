// A short run of tests/hub with a fixed seed; its own header says what it does. Longer ones:
// tests/hub/run.mjs --seconds 300 --clients 200.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { within } from "./support/waiting.mjs";

const RUNNER = fileURLToPath(new URL("../hub/run.mjs", import.meta.url));
const LIMIT_MS = 300_000;

async function run(...args) {
  const child = spawn(process.execPath, [RUNNER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].on("data", (data) => (output[name] += data));
  const [code] = await within(once(child, "close"), "the end of the run", LIMIT_MS);
  return { code, ...output };
}

describe("the hub in a storm", () => {
  test("clients of gateways that are killed miss nothing, hear nothing twice and see who is there", async () => {
    const { code, stdout, stderr } = await run("--seed", "1", "--seconds", "8", "--clients", "24", "--json");
    assert.equal(code, 0, `${stderr}${stdout}`);
    const { sends, faults, subscriptions, persons_who_died } = JSON.parse(stdout);
    assert.ok(sends > 20, `${sends} sends`);
    assert.ok(faults.kills >= 1 && faults["redis restarts"] >= 1, JSON.stringify(faults));
    assert.ok(subscriptions > 24 && persons_who_died > 0, stdout);
  });

  test("an option that the runner does not understand is a usage error", async () => {
    const { code, stderr } = await run("--clients", "many");
    assert.equal(code, 2);
    assert.match(stderr, /--clients: a whole number above 0/);
  });
});
