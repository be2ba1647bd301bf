// What people meet first: the start, its messages, its mistakes.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { BINARY, SANDBOX_SOURCE, chatwootSource, newDeskwire, runDeskwire, startedDeskwire, temporaryDirectory } from "./support/deskwire.mjs";

test("the version and the wrong command", async () => {
  const version = await runDeskwire(["--version"]);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /\d+\.\d+\.\d+/);
  assert.equal((await runDeskwire(["frobnicate"])).code, 2);
  assert.equal((await runDeskwire(["jobs"])).code, 2);
  assert.equal((await runDeskwire(["serve", "--no-such-flag"])).code, 2);
});

test("serve prints its addresses and the next commands, and no secret", async (t) => {
  const deskwire = await startedDeskwire(t, {});
  const stdout = () => deskwire.output.items.filter(({ from }) => from === "stdout").map(({ line }) => line).join("\n");
  for (const address of [deskwire.receiver, deskwire.gateway, deskwire.admin]) {
    await deskwire.output.until(({ line }) => line.includes(address.replace("http://", "")), address);
  }
  assert.match(stdout(), /deskwire (send|watch|jobs|token|doctor)/);
  const secrets = join(deskwire.dataDirectory, "secrets.json");
  assert.equal(statSync(secrets).mode & 0o777, 0o600);
  const words = JSON.stringify(JSON.parse(readFileSync(secrets, "utf8"))).match(/"[^"]{20,}"/g) ?? [];
  const output = deskwire.text();
  for (const word of words) assert.ok(!output.includes(word.slice(1, -1)), "a secret was printed");
  assert.deepEqual(await deskwire.stop(), { code: 0, signal: null }, "SIGTERM is a clean end");
});

test("a port in use is named and ends the start", async (t) => {
  const deskwire = await newDeskwire(t, {});
  const [port] = deskwire.ports;
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const { code, stderr } = await deskwire.cli(["serve"]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, new RegExp(`${port}`));
  assert.match(stderr, /in use/);
});

test("a second serve on the same data directory is refused; the first goes on", async (t) => {
  const first = await startedDeskwire(t, {});
  const second = await newDeskwire(t, { config: { data_dir: first.dataDirectory } });
  const { code, stderr } = await second.cli(["serve"]);
  assert.equal(code, 1, stderr);
  assert.ok(stderr.includes(first.dataDirectory), stderr);
  const { status } = await fetch(`${first.admin}/readyz`);
  assert.equal(status, 200);
});

test("mistakes in the config are all named, each with what to do", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "config.json");
  const check = async (text, ...expected) => {
    writeFileSync(file, typeof text === "string" ? text : JSON.stringify(text));
    for (const args of [["config", "check"], ["serve"]]) {
      const { code, stdout, stderr } = await runDeskwire([...args, "--config", file], { cwd: directory });
      assert.ok([1, 2].includes(code), `${args}: exit code ${code}`);
      for (const words of expected) assert.match(stdout + stderr, words);
    }
  };
  const chatwoot = chatwootSource("http://127.0.0.1:9");
  await check({ sources: [{ ...chatwoot, auth: "basic", secrets: ["nocolon"] }] }, /sources\[0\]\.secrets\[0\]/, /user:password/);
  await check({ recevier: {} }, /recevier/, /receiver/);
  await check({ jobs: { lease: 5 } }, /jobs\.lease\b.*did you mean "lease_ms"/);
  await check({ receiver: { max_body_byte: 1 } }, /max_body_byte/, /max_body_bytes/);
  await check({ jobs: { max_attempts: "eight" } }, /jobs\.max_attempts/);
  await check({ jobs: { max_attempts: -1 } }, /jobs\.max_attempts/, /-1/);
  await check({ sources: [{ ...chatwoot, secrets: [] }] }, /sources\[0\]\.secrets/);
  await check({ sources: [{ ...chatwoot, secrets: [{ env: "DW_NOT_SET_ANYWHERE" }] }] }, /DW_NOT_SET_ANYWHERE/);
  await check({ sources: [{ ...chatwoot, bot_token: { file: "no-such-file" } }] }, /no-such-file/);
  await check({ receiver: { listen: "nowhere" }, admin: { listen: "0.0.0.0:8082" } }, /receiver\.listen/, /admin/);
  await check("{", /config .*config\.json: /);
  await check('{"data_dir": "a", "data_dir": "b"}', /data_dir/);
  const missing = await runDeskwire(["serve", "--config", join(directory, "absent.json")]);
  assert.ok([1, 2].includes(missing.code));
  assert.match(missing.stderr, /absent\.json/);
});

test("a secret of another form is a mistake, but no reason to keep the other sources down", async (t) => {
  const deskwire = await startedDeskwire(t, {
    sources: [SANDBOX_SOURCE, { name: "own", type: "generic", namespace: "own", secrets: ["whsec_not*base64"] }],
  });
  await deskwire.output.until(({ line }) => /event=secrets_unusable .*sources\[1\]\.secrets\[0\]/.test(line), "a word about it");
  assert.ok(!deskwire.output.items.some(({ line }) => line.includes("not*base64")));
  for (const args of [["config", "check"], ["config", "reload"], ["doctor"]]) {
    const { code, stdout, stderr } = await deskwire.cli(args);
    assert.equal(code, 1, args.join(" "));
    assert.match(stdout + stderr, /sources\[1\]\.secrets\[0\].*form/);
  }
});

test("an address or a file of another kind is named", async (t) => {
  const directory = temporaryDirectory(t);
  const run = (...args) => runDeskwire([...args, "--data-dir", join(directory, "none")], { cwd: directory });
  const send = await run("send", "--source", "sandbox", "--text", "Hello", "--url", "foo");
  assert.deepEqual([send.code, /--url: is no address of a receiver/.test(send.stderr)], [2, true], send.stderr);
  const watch = await run("watch", "--url", "http://127.0.0.1:1");
  assert.deepEqual([watch.code, /--url: is no address of a gateway/.test(watch.stderr)], [2, true], watch.stderr);
  const deskwire = await newDeskwire(t, { sources: [chatwootSource("http://127.0.0.1:9")] });
  const folder = await deskwire.cli(["send", "--source", "support", directory]);
  assert.deepEqual([folder.code, /is a directory/.test(folder.stderr)], [1, true], folder.stderr);
});

test("the shell completes values, and file names where a file is meant", () => {
  const completed = (...words) => {
    const script = 'source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _deskwire; echo "${COMPREPLY[*]}"';
    return execFileSync("bash", ["-c", script, BINARY, "deskwire", ...words], { encoding: "utf8" }).trim();
  };
  assert.equal(completed("serve", "--roles", ""), "receiver worker gateway sla");
  assert.match(completed("completion", ""), /bash zsh/);
  assert.match(completed("config", "check", "--js"), /--json/);
  // Nothing of ours: bash goes on with the names of files.
  const files = [["serve", "-c"], ["serve", "--config"], ["sla", "deadline", "--schedule"], ["config", "check"], ["replies", "try"]];
  for (const words of files) assert.equal(completed(...words, ""), "", words.join(" "));
});

test("a word that is no command is named", async () => {
  for (const args of [["nope"], ["jobs", "nope"]]) {
    const { code, stderr } = await runDeskwire(args);
    assert.equal(code, 2);
    assert.match(stderr, /"nope" is no command/);
  }
});

test("a good config passes the check, and show prints no secret", async (t) => {
  const deskwire = await newDeskwire(t, { sources: [chatwootSource("http://127.0.0.1:9")] });
  const check = await deskwire.cli(["config", "check"]);
  assert.equal(check.code, 0, check.stderr + check.stdout);
  const told = await deskwire.cli(["config", "check", "--json"]);
  assert.equal(told.code, 0, told.stderr);
  assert.deepEqual(JSON.parse(told.stdout).mistakes, []);
  const show = await deskwire.cli(["config", "show", "--json"]);
  assert.equal(show.code, 0, show.stderr);
  for (const secret of [deskwire.config.sources[0].bot_token, deskwire.config.gateway.keys[0].secret]) {
    assert.ok(!show.stdout.includes(secret));
  }
  assert.match(show.stdout, /redacted/);
});

test("commands that need the server say so when there is none, with exit code 3", async (t) => {
  const deskwire = await newDeskwire(t, {});
  const { code, stderr } = await deskwire.cli(["jobs", "stats"]);
  assert.equal(code, 3, stderr);
  assert.notEqual(stderr.trim(), "");
});

test("a command makes no keys up that no server knows, and says how to start one", async (t) => {
  const directory = temporaryDirectory(t);
  const elsewhere = join(directory, "elsewhere");
  for (const args of [["token", "--client", "ann"], ["watch", "agents"], ["send", "--source", "sandbox", "--text", "Hello"]]) {
    const { code, stdout, stderr } = await runDeskwire([...args, "--data-dir", elsewhere], { cwd: directory });
    assert.deepEqual([code, stdout], [3, ""], stderr);
    assert.match(stderr, /no server has run there/);
    assert.ok(stderr.includes(`deskwire serve --data-dir ${elsewhere}`), stderr);
    assert.ok(!existsSync(elsewhere));
  }
  const configured = await newDeskwire(t, {});
  const { code, stdout } = await configured.cli(["token", "--client", "ann"]);
  assert.deepEqual([code, stdout.split(".").length], [0, 3], "the key stands in the config");
});

test("output that cannot be written is no success", async (t) => {
  const deskwire = await startedDeskwire(t, {});
  const schedule = join(deskwire.directory, "schedule.json");
  writeFileSync(schedule, JSON.stringify({ timezone: "UTC", hours: { mon: [["09:00", "17:00"]] } }));
  const deadline = ["sla", "deadline", "--schedule", schedule, "--start", "2026-03-27T16:30:00Z", "--target", "60"];
  const usual = await runDeskwire([...deadline, "--json"], { cwd: deskwire.directory });
  assert.equal(usual.code, 0, usual.stderr);
  const served = [["jobs", "ls"], ["jobs", "stats"], ["config", "show"], ["token", "--client", "ann"], ["deliveries", "ls"]];
  const plain = [[...deadline, "--json"], ["completion", "bash"], ["--help"], ["--version"]];
  for (const args of [...served.map((words) => [...words, "--config", deskwire.configFile]), ...plain]) {
    const full = openSync("/dev/full", "w");
    const child = spawn(BINARY, args, { stdio: ["ignore", full, "pipe"], cwd: deskwire.directory });
    closeSync(full);
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    const [code] = await once(child, "close");
    assert.equal(code, 1, args.join(" "));
    assert.match(stderr, /deskwire: cannot write the output: No space left on device/, args.join(" "));
  }
});

test("a channel that no gateway would grant is a mistake of usage, not a connection to try for ever", async (t) => {
  const deskwire = await newDeskwire(t, {});
  const watch = await deskwire.cli(["watch", "bad channel"]);
  assert.deepEqual([watch.code, /only letters/.test(watch.stderr)], [2, true], watch.stderr);
  const token = await deskwire.cli(["token", "--client", "ann", "--cap", "conv*"]);
  assert.deepEqual([token.code, token.stdout], [2, ""], token.stderr);
});

test("commands find the doors of a server whose config leaves the ports open", async (t) => {
  const deskwire = await startedDeskwire(t, { config: { receiver: { listen: "127.0.0.1:0" } } });
  const args = ["send", "--source", "sandbox", "--text", "Hello"];
  const sent = await deskwire.cli(args);
  assert.equal(sent.code, 0, sent.stderr);
  await deskwire.stop();
  const nobody = await deskwire.cli(args);
  assert.equal(nobody.code, 3);
  assert.match(nobody.stderr, /port 0, and no running/);
});
