// A changed config while everything runs: secrets, tokens and answers are exchanged between two
// requests, what is wrong changes nothing, and what needs a restart is named.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { join } from "node:path";
import { test } from "node:test";

import { chatwootSource, newDeskwire, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { eventually, within } from "./support/waiting.mjs";
import { incomingMessage, post, signedHeaders } from "./support/webhooks.mjs";

const OLD_SECRET = "secret-before-the-rotation";
const NEW_SECRET = "secret-after-the-rotation";

let nextId = 81_000;

/** Chatwoot with a server whose secret and bot token stand in files. */
async function scene(t, { replies } = {}) {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await newDeskwire(t, {
    sources: [
      chatwootSource(chatwoot.url, { secrets: [{ file: "webhook.secret" }], bot_token: { file: "bot.token" } }),
    ],
    config: { replies: { rules: [{ reply: "old words" }], ...replies }, jobs: { backoff: { base_ms: 10, cap_ms: 50 } } },
  });
  const keep = (name, text) => writeFileSync(join(deskwire.directory, name), `${text}\n`);
  keep("webhook.secret", OLD_SECRET);
  keep("bot.token", chatwoot.botToken);
  await deskwire.start();
  const say = (conversation, secret = OLD_SECRET) =>
    post(deskwire, incomingMessage({ conversation, id: nextId++ }), { secret });
  return { chatwoot, deskwire, keep, say };
}

/** Rewrites the config file. */
function rewrite(deskwire, change) {
  const config = structuredClone(deskwire.config);
  change(config);
  writeFileSync(deskwire.configFile, JSON.stringify(config));
}

/** Signals, and resolves with the first later line that fits. The last part to be told is "admin". */
async function reload(deskwire, pattern = /event=reloaded part=admin/) {
  const seen = deskwire.output.items.length;
  process.kill(deskwire.pid, "SIGHUP");
  const { line } = await deskwire.output.until(
    (item) => deskwire.output.items.indexOf(item) >= seen && pattern.test(item.line),
    `${pattern}`,
  );
  return line;
}

const posted = (chatwoot, conversation) =>
  eventually(async () => chatwoot.posted(conversation), (all) => all.length === 1, `a post in ${conversation}`).then(
    ([message]) => message.content,
  );

/** Posts over the agent's connections; resolves with the status. */
async function postOver(agent, deskwire, secret) {
  const body = incomingMessage({ conversation: 8100 + (nextId % 50), id: nextId++ });
  const request = httpRequest(`${deskwire.receiver}/webhooks/support`, {
    method: "POST",
    agent,
    headers: { ...signedHeaders(body, { secret }), "Content-Length": body.length },
  });
  request.end(body);
  const [response] = await within(once(request, "response"), "an answer");
  await within(once(response.resume(), "end"), "the end of the answer");
  return response.statusCode;
}

test("a webhook secret is rotated under a stream of deliveries, without a dropped connection", async (t) => {
  const { deskwire, keep } = await scene(t, { replies: { enabled: false } });
  const senders = 4;
  const agent = new Agent({ keepAlive: true, maxSockets: senders });
  t.after(() => agent.destroy());
  const sockets = new Set();
  const closed = [];
  agent.on("free", (socket) => {
    if (sockets.has(socket)) return;
    sockets.add(socket);
    socket.once("close", () => closed.push(socket));
  });

  let phase = "before"; // until the signal, "between" until the log says it is done, then "after"
  let streaming = true;
  const answers = [];
  const sender = async (secret) => {
    while (streaming) {
      const begun = phase;
      const status = await postOver(agent, deskwire, secret);
      answers.push({ secret, begun, ended: phase, status });
    }
  };
  const some = async (fits, what) =>
    eventually(async () => answers.filter(fits).length, (count) => count >= 20, what);
  const stream = [OLD_SECRET, NEW_SECRET, OLD_SECRET, NEW_SECRET].map(sender);
  await some(({ ended }) => ended === "before", "deliveries before");
  phase = "between";
  keep("webhook.secret", NEW_SECRET);
  await reload(deskwire);
  phase = "after";
  await some(({ begun }) => begun === "after", "deliveries after");
  streaming = false;
  await Promise.all(stream);

  const wrong = answers.filter(({ secret, begun, ended, status }) => {
    const fits = status === 202;
    if (!fits && status !== 401) return true;
    if (ended === "before") return fits !== (secret === OLD_SECRET);
    if (begun === "after") return fits !== (secret === NEW_SECRET);
    return false;
  });
  assert.deepEqual(wrong, []);
  assert.equal(sockets.size, senders, "the connections of the beginning");
  assert.equal(closed.length, 0, "none was closed");
});

test("during a rotation both secrets count, and an operator's look goes by those of now", async (t) => {
  const { deskwire, keep, say } = await scene(t);
  assert.equal((await say(8201, NEW_SECRET)).status, 401);
  keep("next.secret", NEW_SECRET);
  rewrite(deskwire, ({ sources: [support] }) => support.secrets.unshift({ file: "next.secret" }));
  await reload(deskwire);
  assert.equal((await say(8202, NEW_SECRET)).status, 202);
  assert.equal((await say(8203, OLD_SECRET)).status, 202);

  // What was refused before it is good now.
  const admin = async (path, options) => (await fetch(`${deskwire.admin}/v1/deliveries${path}`, options)).json();
  const { deliveries } = await eventually(() => admin(""), (all) => all.deliveries?.length === 1, "the quarantine");
  const replayed = await admin(`/${deliveries[0].id}/replay`, {
    method: "POST",
    headers: { "X-Deskwire": "1" },
    body: JSON.stringify({ reason: "rotated" }),
  });
  assert.equal(replayed.result, "taken");
});

test("the next reply uses the new rules; one that is being posted ends with the old", async (t) => {
  const { chatwoot, deskwire, say } = await scene(t);
  await say(8301);
  assert.equal(await posted(chatwoot, 8301), "old words");

  let release;
  const held = new Promise((resolve) => (release = resolve));
  chatwoot.hooks.beforeStore = ({ conversation }) => (conversation === "8302" ? held : null);
  await say(8302);
  await chatwoot.calls.until(({ name, conversation }) => name === "POST messages" && conversation === "8302", "the held post");
  rewrite(deskwire, ({ replies }) => {
    replies.rules = [{ contains: "Hello", reply: "new words" }];
    replies.rollout = [{ source: "support", inbox: "none", enabled: false }];
  });
  await reload(deskwire);
  await say(8303);
  assert.equal(await posted(chatwoot, 8303), "new words");
  assert.equal(chatwoot.posted(8302).length, 0);
  release(null);
  assert.equal(await posted(chatwoot, 8302), "old words");

  // Shadow is a rule as well.
  rewrite(deskwire, ({ replies }) => (replies.shadow = true));
  await reload(deskwire);
  await say(8304);
  assert.equal(await posted(chatwoot, 8304), "old words");
  assert.equal(chatwoot.posted(8304)[0].private, true);
});

test("a bot token is exchanged without a restart", async (t) => {
  const { chatwoot, deskwire, keep, say } = await scene(t);
  await say(8401);
  await posted(chatwoot, 8401);
  chatwoot.botToken = "bot-token-after-the-rotation";
  keep("bot.token", chatwoot.botToken);
  await reload(deskwire);
  await say(8402);
  assert.equal(await posted(chatwoot, 8402), "old words");
  assert.ok(chatwoot.calls.items.at(-1).asBot);
});

test("a config with a mistake changes nothing, by signal or by command", async (t) => {
  const { chatwoot, deskwire, keep, say } = await scene(t);
  keep("webhook.secret", NEW_SECRET); // It is good; what stands beside it is not.
  rewrite(deskwire, ({ replies }) => (replies.rules = [{ pattern: "(", reply: "new words" }]));
  assert.match(await reload(deskwire, /reload_refused/), /replies\.rules\[0\]\.pattern/);
  const refused = await deskwire.cli(["config", "reload"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /replies\.rules\[0\]\.pattern/);
  assert.equal((await say(8501, NEW_SECRET)).status, 401);
  assert.equal((await say(8502)).status, 202);
  assert.equal(await posted(chatwoot, 8502), "old words");

  writeFileSync(deskwire.configFile, "{");
  assert.match(await reload(deskwire, /reload_refused/), /config/);
  rewrite(deskwire, ({ sources: [support] }) => (support.secrets = [{ file: "missing.secret" }]));
  assert.match(await reload(deskwire, /reload_refused/), /sources\[0\]\.secrets\[0\].*missing\.secret/);
  assert.equal((await say(8503)).status, 202);
  assert.ok(!deskwire.text().includes(OLD_SECRET) && !deskwire.text().includes(NEW_SECRET));

  // Mended, it is taken in.
  rewrite(deskwire, ({ replies }) => (replies.rules = [{ reply: "new words" }]));
  await reload(deskwire);
  assert.equal((await say(8504)).status, 401);
  assert.equal((await say(8505, NEW_SECRET)).status, 202);
  assert.equal(await posted(chatwoot, 8505), "new words");
});

test("what needs a restart is named, and the rest is taken in", async (t) => {
  const { deskwire, keep, say } = await scene(t);
  rewrite(deskwire, (config) => {
    config.receiver.listen = "127.0.0.1:1";
    config.jobs.workers = 3;
    config.admin.key = "operator-key";
    config.data_dir = join(deskwire.directory, "elsewhere");
    config.sources.push({ name: "shop", type: "generic", namespace: "shop", secrets: ["shop-secret"] });
  });
  keep("webhook.secret", NEW_SECRET);
  const line = await reload(deskwire, /reload_partial/);
  assert.match(line, /restart_needed="data_dir, jobs\.workers, receiver\.listen, sources\.shop"/);
  await deskwire.output.until((item) => /event=reloaded part=admin/.test(item.line), "the end of the reload");
  assert.equal((await say(8601, NEW_SECRET)).status, 202);
  const jobs = (headers) => fetch(`${deskwire.admin}/v1/jobs`, { headers });
  assert.equal((await jobs({})).status, 401);
  assert.equal((await jobs({ Authorization: "Bearer operator-key" })).status, 200);

  // Put back, nothing is left to say.
  rewrite(deskwire, () => {});
  const seen = deskwire.output.items.length;
  await reload(deskwire);
  assert.ok(!deskwire.output.items.slice(seen).some((item) => /reload_partial/.test(item.line)));
  assert.equal((await jobs({})).status, 200);
});

test("config reload makes a running serve read its made-up secrets again", async (t) => {
  const deskwire = await startedDeskwire(t);
  const message = join(deskwire.directory, "message.json");
  const body = { event: "message_created", id: "m-1", conversation_id: "8701", content: "Hello" };
  writeFileSync(message, JSON.stringify(body));
  const file = join(deskwire.dataDirectory, "secrets.json");
  const secrets = JSON.parse(readFileSync(file, "utf8"));
  secrets.sources.sandbox = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
  writeFileSync(file, JSON.stringify(secrets));
  const send = () => deskwire.cli(["send", "--source", "sandbox", message]);
  const early = await send();
  assert.equal(early.code, 1, `${early.stdout}${early.stderr}`);

  const told = await deskwire.cli(["config", "reload"]);
  assert.equal(told.code, 0, told.stderr);
  await deskwire.output.until((item) => /event=reloaded part=receiver/.test(item.line), "the reload");
  const late = await send();
  assert.equal(late.code, 0, `${late.stdout}${late.stderr}`);
});
