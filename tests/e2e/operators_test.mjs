// What operators do with the command line: pause, ask why, replay thousands, stop half-way.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { BINARY, chatwootSource, runDeskwire, startedDeskwire, temporaryDirectory } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { eventually, Recorder } from "./support/waiting.mjs";
import { givenBack, incomingMessage, post } from "./support/webhooks.mjs";

async function json(deskwire, ...args) {
  const { code, stdout, stderr } = await deskwire.cli(["jobs", ...args, "--json"]);
  assert.ok(stdout !== "", `jobs ${args.join(" ")}: ${code} ${stderr}`);
  return JSON.parse(stdout);
}

async function why(deskwire, of) {
  return json(deskwire, "why", String(of));
}

async function stats(deskwire) {
  return json(deskwire, "stats");
}

/** Conversations whose replies died because the helpdesk refused our token. */
async function refusedReplies(t, { conversations, first }) {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  chatwoot.hooks.beforeStore = () => ({ status: 401, body: { error: "Invalid Access Token" } });
  for (let i = 0; i < conversations; i++) {
    const { status } = await post(deskwire, incomingMessage({ conversation: first + i, id: 60_000 + first + i }));
    assert.equal(status, 202);
  }
  await eventually(() => stats(deskwire), ({ dead }) => dead === conversations, "dead replies");
  await eventually(
    () => stats(deskwire),
    ({ available, running, retryable }) => available + running + retryable === 0,
    "the hand-offs",
  );
  delete chatwoot.hooks.beforeStore;
  return { chatwoot, deskwire };
}

test("paused, messages come in and wait, and why says so; resumed, they are answered at once", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  const paused = await deskwire.cli(["jobs", "pause", "--all", "--actor", "ann", "--reason", "moving house"]);
  assert.equal(paused.code, 0, paused.stderr);
  assert.match(paused.stdout, /everything is paused/);
  const again = await deskwire.cli(["jobs", "pause", "--all"]);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /already/);

  assert.equal((await post(deskwire, incomingMessage({ conversation: 7701, id: 57_001 }))).status, 202);
  const waits = await why(deskwire, 7701);
  assert.equal(waits.state, "paused");
  assert.match(waits.why, /^paused \(everything\) since .* by ann: moving house; run `deskwire jobs resume --all`$/);
  assert.equal((await stats(deskwire)).available, 1);
  assert.equal(chatwoot.messages.length, 0);

  const resumed = await deskwire.cli(["jobs", "resume", "--all"]);
  assert.equal(resumed.code, 0, resumed.stderr);
  await chatwoot.calls.until(({ name }) => name === "POST messages", "the reply");
  const replied = await eventually(() => why(deskwire, "conversation:7701"), ({ state }) => state === "idle", "the end");
  assert.match(replied.why, /^nothing waits; the last job \(\w+\): replied/);

  const { entries } = await json(deskwire, "audit");
  assert.deepEqual(entries.map(({ verb }) => verb), ["resume", "pause"]);
  assert.equal(entries[1].actor, "ann");
  assert.equal(entries[1].reason, "moving house");
});

test("a parked conversation waits while others are answered; a waiting job can be dropped", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  assert.equal((await deskwire.cli(["jobs", "park", "7711"])).code, 0);
  const first = await post(deskwire, incomingMessage({ conversation: 7711, id: 57_101 }));
  const second = await post(deskwire, incomingMessage({ conversation: 7711, id: 57_102 }));
  await post(deskwire, incomingMessage({ conversation: 7712, id: 57_103 }));
  await chatwoot.calls.until(({ name, conversation }) => name === "POST messages" && conversation === "7712", "the other reply");
  assert.equal((await why(deskwire, 7711)).state, "parked");
  const behind = await why(deskwire, second.answer.job);
  assert.equal(behind.state, "behind");
  assert.match(behind.why, /^behind 1 job of conversation 7711; the head/);

  assert.equal((await deskwire.cli(["jobs", "drop", first.answer.job, "--reason", "spam"])).code, 0);
  assert.equal((await why(deskwire, first.answer.job)).state, "cancelled");
  assert.equal((await deskwire.cli(["jobs", "unpark", "7711"])).code, 0);
  await chatwoot.calls.until(({ name, conversation }) => name === "POST messages" && conversation === "7711", "the reply");
  await eventually(() => why(deskwire, 7711), ({ state }) => state === "idle", "the end");
  assert.equal(chatwoot.posted(7711).length, 1);
  const refused = await deskwire.cli(["jobs", "drop", second.answer.job]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /completed already/);
});

test("dead replies: a forecast, a bulk replay that is killed and gone on with, one answer each", async (t) => {
  const { chatwoot, deskwire } = await refusedReplies(t, { conversations: 60, first: 7800 });
  chatwoot.hooks.beforeStore = () => ({ status: 401, body: { error: "Invalid Access Token" } });
  const twice = await post(deskwire, incomingMessage({ conversation: 7800, id: 69_999, change: givenBack }));
  await eventually(() => why(deskwire, twice.answer.job), ({ state }) => state === "dead", "a second one");
  delete chatwoot.hooks.beforeStore;
  assert.match((await why(deskwire, twice.answer.job)).why, /unauthorized \(the helpdesk refused our token\)/);

  const filter = ["--state", "dead", "--error", "unauthorized"];
  const forecast = await json(deskwire, "replay", ...filter, "--dry-run");
  assert.deepEqual(forecast.counts, { reply: 60, superseded: 1 });
  const shown = await deskwire.cli(["jobs", "replay", ...filter, "--dry-run"]);
  assert.match(shown.stdout, /60 +a reply is posted/);
  assert.equal(chatwoot.messages.length, 0, "a dry run changes nothing");

  const args = ["jobs", "replay", ...filter, "--rate", "20", "--actor", "ann", "--config", deskwire.configFile];
  const runner = spawn(BINARY, args, { stdio: ["ignore", "ignore", "pipe"] });
  const said = new Recorder();
  runner.stderr.setEncoding("utf8").on("data", (text) => said.push(text));
  const [, batch] = /--batch (\w+)/.exec(await said.until((text) => /--batch \w+/.test(text), "the batch"));
  await chatwoot.calls.until(({ name, conversation }) => name === "POST messages" && Number(conversation) > 7815, "some replies");
  runner.kill("SIGKILL");
  await once(runner, "exit");
  const before = chatwoot.messages.length;
  assert.ok(before < 60, `${before} before the end`);

  const rest = await json(deskwire, "replay", "--batch", batch);
  assert.equal(rest.left, 0);
  assert.deepEqual(rest.failed, []);
  await eventually(() => chatwoot.messages.length, (count) => count >= 60, "all replies");
  await eventually(
    () => stats(deskwire),
    ({ available, running, retryable }) => available + running + retryable === 0,
    "the end",
  );
  for (let i = 0; i < 60; i++) assert.equal(chatwoot.posted(7800 + i).length, 1, `conversation ${7800 + i}`);

  const done = await deskwire.cli(["jobs", "replay", "--batch", batch]);
  assert.equal(done.code, 1);
  assert.match(done.stderr, /it is done/);
  const older = await deskwire.cli(["jobs", "replay", ...filter]);
  assert.equal(older.code, 1, "the older one stays left out");
  assert.match(older.stderr, /nothing is left to replay/);
  assert.equal(chatwoot.posted(7800).length, 1);

  // By name it is meant; and what a dry run says is what happens.
  const replayed = (await json(deskwire, "ls", "--conversation", "7800", "--state", "dead")).jobs.find(({ id }) => id === twice.answer.job);
  assert.deepEqual((await json(deskwire, "replay", replayed.id, "--dry-run")).counts, { no_effect: 1 });
  assert.deepEqual((await json(deskwire, "replay", replayed.id, "--again", "--dry-run")).counts, { reply: 1 });
});

test("a dry run says what will be refused", async (t) => {
  const { deskwire } = await refusedReplies(t, { conversations: 2, first: 7650 });
  const [dead] = (await json(deskwire, "ls", "--state", "dead", "--kind", "reply")).jobs;
  const [done] = (await json(deskwire, "ls", "--state", "completed", "--kind", "handoff")).jobs;
  const told = async (...args) => {
    const { code, stdout } = await deskwire.cli(["jobs", ...args, "--dry-run", "--json"]);
    return [code, JSON.parse(stdout).jobs.map(({ would }) => would)];
  };
  assert.deepEqual(await told("drop", done.id), [1, ["refused"]]);
  assert.deepEqual(await told("drop", dead.id), [0, ["dropped"]]);
  assert.deepEqual(await told("retry", dead.id), [1, ["refused"]]);
  assert.equal((await deskwire.cli(["jobs", "retry", dead.id])).code, 1);
});

test("a bulk replay is cancelled from elsewhere", async (t) => {
  const { deskwire } = await refusedReplies(t, { conversations: 20, first: 7900 });
  const args = ["jobs", "replay", "--state", "dead", "--rate", "2", "--json", "--config", deskwire.configFile];
  const runner = runDeskwire(args);
  const audit = await eventually(
    () => json(deskwire, "audit"),
    ({ entries }) => entries.some(({ verb }) => verb === "replay"),
    "the first replay",
  );
  const { batch } = audit.entries.find(({ verb }) => verb === "replay");
  const cancelled = await deskwire.cli(["jobs", "replay", "--cancel", batch, "--reason", "wrong filter"]);
  assert.equal(cancelled.code, 0, cancelled.stderr);
  const { code, stdout } = await runner;
  assert.equal(code, 1);
  const outcome = JSON.parse(stdout);
  assert.equal(outcome.cancelled, true);
  assert.ok(outcome.left > 0 && outcome.done.length < 20);
});

test("a tail shows a message's job from its arrival to its reply", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  const args = ["jobs", "tail", "--conversation", "7990", "--json", "--config", deskwire.configFile];
  const tail = spawn(BINARY, args, { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => tail.kill());
  const said = new Recorder();
  tail.stderr.setEncoding("utf8").on("data", (text) => said.push(text));
  await said.until((text) => text.includes("Following"), "the tail");
  const seen = new Recorder();
  let rest = "";
  tail.stdout.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    lines.forEach((line) => seen.push(JSON.parse(line)));
  });
  await post(deskwire, incomingMessage({ conversation: 7991, id: 57_991 }));
  const { answer } = await post(deskwire, incomingMessage({ conversation: 7990, id: 57_990, content: "private words" }));
  const end = await seen.until(({ state }) => state === "completed", "the end");
  assert.equal(end.id, answer.job);
  assert.equal(end.outcome, "replied");
  assert.ok(seen.items.every(({ conversation }) => conversation === "7990"));
  assert.ok(!JSON.stringify(seen.items).includes("private words"));
});

test("a key that somebody overwrote is named, costs one shard only, and is moved aside", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  const redis = (...args) =>
    execFileSync("redis-cli", ["-s", join(deskwire.dataDirectory, "redis.sock"), ...args], { encoding: "utf8" }).trim();
  const jobs = (...args) => deskwire.cli(["jobs", ...args]);
  assert.equal((await jobs("pause", "--all")).code, 0);
  for (let i = 0; i < 32; i++) await post(deskwire, incomingMessage({ conversation: 7740 + i, id: 57_400 + i }));
  const lane = redis("lindex", "dw:{4}:ready", "0");
  assert.notEqual(lane, "");
  redis("set", "dw:{4}:ready", "mine");

  const named = /key dw:\{4\}:ready holds a string, a list was expected; run `deskwire jobs fsck`\n$/;
  for (const args of [["ls"], ["resume", "--all"]]) {
    const { code, stderr } = await jobs(...args);
    assert.equal(code, 1);
    assert.match(stderr, named);
  }
  await eventually(() => stats(deskwire), ({ available, completed }) => completed > 0 && available < 16, "replies elsewhere");
  assert.deepEqual((await stats(deskwire)).halts, []);

  const seen = await jobs("fsck");
  assert.equal(seen.code, 1);
  assert.match(seen.stdout, /^wrong: key dw:\{4\}:ready holds a string, a list was expected$/m);
  assert.match(seen.stdout, /^Repair: deskwire jobs fsck --repair$/m);
  const mended = await jobs("fsck", "--repair");
  assert.equal(mended.code, 0, mended.stdout);
  const [, aside] = /; it is now (dw:\{4\}:broken:\d+:ready)$/m.exec(mended.stdout);
  assert.equal(redis("get", aside), "mine");
  await eventually(() => stats(deskwire), ({ completed }) => completed === 32, "all replies");
});

test("a shell completes commands, options and states", async (t) => {
  const directory = temporaryDirectory(t);
  const script = await runDeskwire(["completion", "bash"]);
  assert.equal(script.code, 0, script.stderr);
  const file = join(directory, "deskwire.bash");
  writeFileSync(file, script.stdout);
  const complete = (...words) => {
    const ask = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _deskwire; echo "\${COMPREPLY[*]}"`;
    return execFileSync("bash", ["-c", ask, file, ...words], { encoding: "utf8" }).trim().split(" ");
  };
  assert.deepEqual(complete("deskwire", "jo"), ["jobs"]);
  assert.deepEqual(complete("deskwire", "jobs", "un"), ["unpark"]);
  assert.deepEqual(complete("deskwire", "jobs", "replay", "--dr"), ["--dry-run"]);
  assert.deepEqual(complete("deskwire", "jobs", "pause", "--k"), ["--kind"]);
  assert.deepEqual(complete("deskwire", "jobs", "ls", "--state", "de"), ["dead"]);
  assert.ok(!complete("deskwire", "serve", "--").includes("--echo"), "hidden options stay hidden");
  assert.match((await runDeskwire(["completion", "zsh"])).stdout, /^#compdef deskwire\n/);
  assert.equal((await runDeskwire(["completion", "fish"])).code, 2);
});

test("what cannot be understood or reached has its own exit code", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  for (const args of [
    ["pause"],
    ["pause", "--all", "--kind", "reply"],
    ["pause", "--kind", ""],
    ["pause", "--kind", "replies"],
    ["ls", "--kind", "replies"],
    ["park"],
    ["drop"],
    ["drop", "--kind", "reply"],
    ["replay", "--state", "dead", "--conversation", ""],
    ["drop", "--state", "dead", "--conversation", ""],
    ["ls", "--error", ""],
    ["why", ""],
    ["replay", "--batch", "x", "--cancel", "y"],
    ["replay", "--batch", "x", "--state", "dead"],
    ["audit", "--since", "soon"],
    ["why"],
  ]) {
    assert.equal((await deskwire.cli(["jobs", ...args])).code, 2, args.join(" "));
  }
  for (const args of [["why", "never-heard-of"], ["why", "01J00000000000000000000000"], ["drop", "01J00000000000000000000000"]]) {
    assert.equal((await deskwire.cli(["jobs", ...args])).code, 1, args.join(" "));
  }
  for (const args of [["serve", "--roles", ""], ["token", "revoke", "--client", "", "--issued-before", "1h"], ["sla", "show", ""]]) {
    assert.equal((await deskwire.cli(args)).code, 2, args.join(" "));
  }
  await deskwire.stop();
  for (const args of [["why", "7"], ["pause", "--all"], ["audit"], ["drop", "x"]]) {
    const { code, stderr } = await deskwire.cli(["jobs", ...args]);
    assert.equal(code, 3, args.join(" "));
    assert.match(stderr, /cannot reach redis/);
  }
});
