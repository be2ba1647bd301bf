// A short run of tests/chaos with a fixed seed; its own header says what it does. Longer ones:
// tests/chaos/run.mjs --seconds 600.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { within } from "./support/waiting.mjs";

const RUNNER = fileURLToPath(new URL("../chaos/run.mjs", import.meta.url));
const LIMIT_MS = 300_000;

async function run(...args) {
  const child = spawn(process.execPath, [RUNNER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].on("data", (data) => (output[name] += data));
  const [code] = await within(once(child, "close"), "the end of the run", LIMIT_MS);
  return { code, ...output };
}

describe("chaos", () => {
  test("kills, freezes, a restarted and a killed Redis and an ill helpdesk lose, repeat and disorder nothing", async () => {
    // Short leases, so that a process sleeps for longer than they last several times in the run.
    const { code, stdout, stderr } = await run("--seed", "1", "--seconds", "20", "--lease-ms", "2000", "--json");
    assert.equal(code, 0, `${stderr}${stdout}`);
    const { messages, faults, attempts_that_crashed, outcomes } = JSON.parse(stdout);
    assert.ok(messages >= 1000, `${messages} messages`);
    assert.ok(outcomes.replied >= messages * 0.95, JSON.stringify(outcomes));
    // Two of each are planned; on a busy machine a restart takes long, and the time is up before the second.
    assert.ok(faults.kills >= 5 && faults.freezes >= 2 && faults["redis restarts"] >= 1 && faults["redis kills"] >= 1, JSON.stringify(faults));
    assert.ok(attempts_that_crashed > 0, "no fault hit an attempt");
  });

  test("an option that the runner does not understand is a usage error", async () => {
    const { code, stderr } = await run("--seconds", "soon");
    assert.equal(code, 2);
    assert.match(stderr, /--seconds: a whole number above 0/);
  });
});
