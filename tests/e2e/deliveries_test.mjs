// A secret is rotated in the helpdesk first: its deliveries are refused, kept, explained, and taken
// in once the config has the new secret. Nothing of this shows a secret, and bodies only on request.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";

import { chatwootSource, newDeskwire, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, nowSeconds, post, signedHeaders } from "./support/webhooks.mjs";

const ROTATED = "the-secret-after-the-rotation";
const WORDS = "please cancel my order, Jane";

async function refused(deskwire, conversation, count, signing) {
  for (let i = 1; i <= count; i++) {
    const body = incomingMessage({ conversation, id: conversation * 1000 + i, content: `${WORDS} ${i}` });
    const { status, answer } = await post(deskwire, body, signing);
    assert.equal(status, 401);
    assert.deepEqual(answer, { error: { code: 40110, message: "signature refused" } });
  }
  return eventually(async () => listed(deskwire), (found) => found.length === count, `${count} kept deliveries`);
}

async function listed(deskwire, args = []) {
  const { code, stdout } = await deskwire.cli(["deliveries", "ls", "--json", ...args]);
  assert.equal(code, 0);
  return JSON.parse(stdout).deliveries;
}

async function contents(deskwire, conversation) {
  const events = await deskwire.history(`conversation:${conversation}`);
  return events.filter(({ event }) => event === "message:user").map(({ data }) => data.content);
}

/** All audit entries, a word a line. */
function audited(deskwire) {
  const socket = `${deskwire.dataDirectory}/redis.sock`;
  return Array.from({ length: 16 }, (_, shard) =>
    execFileSync("redis-cli", ["-s", socket, "XRANGE", `dw:{${shard}}:audit`, "-", "+"], { encoding: "utf8" }).split("\n"),
  ).flat();
}

/** Adds the new secret to the config and restarts, as an operator would. */
async function rotate(deskwire) {
  await deskwire.stop();
  deskwire.config.sources[0].secrets.push(ROTATED);
  writeFileSync(deskwire.configFile, JSON.stringify(deskwire.config));
  await deskwire.start();
}

describe("refused deliveries", { concurrency: true }, () => {
  test("after a rotation they are explained, and taken in by one command", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
    const [first] = await refused(deskwire, 501, 3, { secret: ROTATED });
    assert.equal(first.reason, "mismatch");

    const before = await deskwire.cli(["deliveries", "verify", first.id]);
    assert.equal(before.code, 1);
    assert.match(before.stdout, /secret +FAILS +fits none of 2; was it rotated in the helpdesk\?/);
    assert.match(before.stdout, /timestamp +ok /);
    const early = await deskwire.cli(["deliveries", "replay", first.id]);
    assert.equal(early.code, 1);
    assert.match(early.stderr, /the signature is refused today as well \(mismatch\)/);

    await rotate(deskwire);
    const after = await deskwire.cli(["deliveries", "verify", first.id, "--json"]);
    assert.equal(after.code, 0);
    assert.deepEqual(JSON.parse(after.stdout).secrets, [2]);

    const dry = await deskwire.cli(["deliveries", "replay", "--refusal", "mismatch", "--dry-run"]);
    assert.equal(dry.code, 0);
    assert.match(dry.stdout, /would be taken in/);
    assert.equal((await listed(deskwire)).length, 3);

    const args = ["deliveries", "replay", "--refusal", "mismatch", "--reason", "secret rotated", "--json"];
    const { SUDO_USER, ...inherited } = process.env;
    const replayed = await deskwire.cli(args, { env: { ...inherited, USER: "carol" } });
    assert.equal(replayed.code, 0, replayed.stderr);
    assert.deepEqual(JSON.parse(replayed.stdout).done.map(({ result }) => result), ["taken", "taken", "taken"]);
    assert.deepEqual(await contents(deskwire, 501), [1, 2, 3].map((i) => `${WORDS} ${i}`));
    await eventually(() => chatwoot.posted(501), (posts) => posts.length > 0, "a reply");
    assert.deepEqual(await listed(deskwire), []);
    const audit = audited(deskwire);
    assert.equal(audit.filter((line) => line === "take_in").length, 3);
    assert.equal(audit.filter((line) => line === "carol").length, 3, "the same name as for jobs");
    assert.ok(audit.includes(first.id) && audit.includes("secret rotated"));
  });

  test("show tells no secret, and the body only when asked; the log has neither", async (t) => {
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource("http://127.0.0.1:9")] });
    const [one] = await refused(deskwire, 502, 1, { secret: ROTATED });
    const shown = await deskwire.cli(["deliveries", "show", one.id]);
    assert.match(shown.stdout, /X-Chatwoot-Signature +\[redacted\]/);
    assert.doesNotMatch(shown.stdout, /sha256=|cancel my order/);
    const body = await deskwire.cli(["deliveries", "show", one.id, "--body"]);
    assert.match(body.stdout, /cancel my order/);
    assert.doesNotMatch(deskwire.text(), /cancel my order|sha256=/);
    assert.match(deskwire.text(), /event=delivery_refused source=support reason=mismatch/);
  });

  test("a stale one says by how much, and may be replayed; twice is once", async (t) => {
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource("http://127.0.0.1:9")] });
    const timestamp = nowSeconds() - 4000;
    const [one] = await refused(deskwire, 503, 1, { timestamp });
    assert.equal(one.reason, "stale");
    const verified = await deskwire.cli(["deliveries", "verify", one.id]);
    assert.equal(verified.code, 0);
    assert.match(verified.stdout, /timestamp +FAILS +signed 400\d s before it arrived/);
    // Meanwhile the helpdesk has sent it again, well signed.
    const body = incomingMessage({ conversation: 503, id: 503_001, content: `${WORDS} 1` });
    assert.equal((await post(deskwire, body)).status, 202);
    const replayed = await deskwire.cli(["deliveries", "replay", one.id, "--json"]);
    assert.equal(JSON.parse(replayed.stdout).done[0].result, "duplicate");
    const again = await deskwire.cli(["deliveries", "replay", one.id]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /there is none/);
    assert.equal((await contents(deskwire, 503)).length, 1);
  });

  test("the admin door does the same, and changes need its header", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
    const [one] = await refused(deskwire, 504, 1, { secret: ROTATED });
    await rotate(deskwire);
    const ask = async (path, options) => {
      const response = await fetch(`${deskwire.admin}/v1/deliveries${path}`, options);
      return { status: response.status, answer: JSON.parse(await response.text()) };
    };
    assert.equal((await ask("?refusal=mismatch&since=1h")).answer.deliveries[0].id, one.id);
    assert.equal((await ask("?refusal=stale")).answer.deliveries.length, 0);
    assert.equal((await ask("?limit=0")).status, 400);
    const shown = (await ask(`/${one.id}`)).answer;
    assert.equal(shown.body, undefined);
    assert.ok((await ask(`/${one.id}?body=1`)).answer.body.includes(WORDS));
    assert.equal((await ask(`/${one.id}/verify`)).answer.fits_now, true);
    assert.equal((await ask("/01M7XT00000000000000000000")).status, 404);
    const replay = (headers, body) => ask(`/${one.id}/replay`, { method: "POST", headers, body });
    assert.equal((await replay({}, "")).status, 403);
    const change = { "X-Deskwire": "1" };
    assert.equal((await replay(change, '{"dry_run":"yes"}')).status, 400);
    assert.equal((await replay(change, '{"dry_run":true}')).answer.result, "would_be_taken");
    const taken = await replay(change, '{"reason":"secret rotated"}');
    assert.equal(taken.answer.result, "taken");
    await eventually(() => chatwoot.posted(504), (posts) => posts.length === 1, "the reply");
    assert.equal((await replay(change, "")).status, 404);
  });

  test("a flood is a few log lines, and the metric counts all", async (t) => {
    const config = { receiver: { refusal_lines_per_minute: 3, quarantine: { max_per_minute: 2 } } };
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource("http://127.0.0.1:9")], config });
    const body = Buffer.from("{}");
    for (let i = 0; i < 50; i++) {
      await post(deskwire, body, { headers: { ...signedHeaders(body), "X-Chatwoot-Signature": `sha256=${"0".repeat(64)}` } });
    }
    const metrics = await (await fetch(`${deskwire.admin}/metrics`)).text();
    assert.match(metrics, /deskwire_deliveries_total\{reason="mismatch",result="refused",source="support"\} 50/);
    assert.equal(deskwire.text().match(/event=delivery_refused/g).length, 3);
    await eventually(() => listed(deskwire), (found) => found.length === 2, "two kept deliveries");
  });

  test("one that is signed well but no JSON is said to be beyond replaying", async (t) => {
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource("http://127.0.0.1:9")] });
    assert.equal((await post(deskwire, Buffer.from("no json"))).status, 400);
    const [one] = await eventually(() => listed(deskwire), (found) => found.length === 1, "the kept delivery");
    assert.equal(one.reason, "not_json");
    const verified = await deskwire.cli(["deliveries", "verify", one.id]);
    assert.equal(verified.code, 1);
    assert.match(verified.stdout, /secret +ok /);
    assert.match(verified.stdout, /content +FAILS +its body: .*line 1/);
    assert.match(verified.stdout, /cannot be replayed: not_json/);
    assert.equal((await deskwire.cli(["deliveries", "replay", one.id])).code, 1);
    const asked = await (await fetch(`${deskwire.admin}/v1/deliveries/${one.id}/verify`)).json();
    assert.deepEqual([asked.fits_now, asked.reason], [false, "not_json"]);
  });

  test("what is refused unread names its source in the log and the metric; what was read is kept", async (t) => {
    const config = { receiver: { max_body_bytes: 2000 } };
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource("http://127.0.0.1:9")], config });
    const large = incomingMessage({ conversation: 505, id: 505_001, content: "x".repeat(3000) });
    assert.equal((await post(deskwire, large)).status, 413);
    const body = Buffer.from("{}");
    const encoded = { ...signedHeaders(body), "Content-Encoding": "gzip" };
    assert.equal((await post(deskwire, body, { headers: encoded })).status, 415);
    const found = await eventually(() => listed(deskwire), (kept) => kept.length === 1, "the kept delivery");
    assert.equal(found[0].reason, "content_encoding");
    const line = `source=support reason=body_too_large status=413 bytes=${large.length}`;
    await deskwire.output.until((one) => one.line.includes(line), line);
    assert.match(deskwire.text(), /source=support reason=content_encoding status=415 bytes=2 /);
    assert.doesNotMatch(deskwire.text(), /event=delivery_refused source=unknown/);
    const metrics = await (await fetch(`${deskwire.admin}/metrics`)).text();
    for (const reason of ["too_large", "content_encoding"]) {
      assert.ok(metrics.includes(`{reason="${reason}",result="refused",source="support"} 1`), reason);
    }
  });

  test("usage and absence have their exit codes", async (t) => {
    const deskwire = await newDeskwire(t);
    assert.equal((await deskwire.cli(["deliveries", "replay"])).code, 2);
    assert.equal((await deskwire.cli(["deliveries", "ls", "--since", "soon"])).code, 2);
    const id = "01M7XT00000000000000000000";
    for (const args of [["ls"], ["show", id], ["verify", id], ["replay", id]]) {
      const { code, stdout, stderr } = await deskwire.cli(["deliveries", ...args]);
      assert.deepEqual([code, stdout], [3, ""], args[0]);
      assert.ok(stderr.includes(deskwire.dataDirectory) && stderr.includes("no server has run there"), stderr);
    }
    await deskwire.start();
    assert.equal((await deskwire.cli(["deliveries", "show", "nothing"])).code, 1);
    assert.deepEqual(await listed(deskwire), []);
    await deskwire.stop();
    assert.deepEqual(await listed(deskwire), [], "the quarantine is read without a server too");
    assert.equal((await deskwire.cli(["deliveries", "replay", id])).code, 3);
  });
});
