// Service levels on the built binary: webhooks make facts, clocks warn and are missed, people
// acknowledge. Targets have a minimum of 15 s; messages dated back make them due soon.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { BINARY, chatwootSource, EVERYTHING, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { eventually, Recorder } from "./support/waiting.mjs";
import { incomingMessage, nowSeconds, post } from "./support/webhooks.mjs";

const POLICY = {
  id: "gold",
  metrics: { first_response: { targets: { default: 30 }, warn_at: [{ before_s: 2 }] } },
  violation_grace_s: 0,
};
const ON_CALL = { ...EVERYTHING, oncall: ["subscribe", "history", "sla"] };

async function started(t, sla = { policies: [POLICY] }) {
  const chatwoot = await FakeChatwoot.start(t);
  return startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)], config: { sla } });
}

/** A message of a customer who has waited for so long already. */
function waiting(conversation, id, seconds) {
  return incomingMessage({
    conversation,
    id,
    change: (message) => {
      message.created_at = new Date((nowSeconds() - seconds) * 1000).toISOString();
      message.conversation.waiting_since = nowSeconds() - seconds;
      message.conversation.status = "open";
    },
  });
}

function byAgent(conversation, id) {
  return incomingMessage({
    conversation,
    id,
    change: (message) => {
      message.message_type = "outgoing";
      message.sender = { id: 7, name: "Ravi", type: "user" };
      message.created_at = new Date().toISOString();
    },
  });
}

function alerts(deskwire, path, { token, method = "POST", body } = {}) {
  return fetch(`${deskwire.gateway}/v1/sla/${path}`, {
    method,
    headers: token ? { Authorization: `Bearer ${token}`, "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
}

test("a webhook leads to a warning, a violation, and an acknowledgement that everyone sees", async (t) => {
  const deskwire = await started(t);
  const token = await deskwire.token({ clientId: "ann", capability: ON_CALL });
  const onCall = await PlainClient.subscribed(t, deskwire.socket, token, "oncall");
  const inside = await PlainClient.subscribed(t, deskwire.socket, token, "conversation:4711:internal");
  const outside = await PlainClient.subscribed(t, deskwire.socket, token, "conversation:4711");

  await post(deskwire, waiting(4711, 9001, 26));
  const warning = (await onCall.event("sla:warning")).data;
  assert.equal(warning.alert_key, "sla/1/4711/first_response/1");
  assert.deepEqual([warning.threshold, warning.severity, warning.metric], [28, "warning", "first_response"]);
  assert.deepEqual([warning.account, warning.conversation, warning.cycle], [1, 4711, 1]);
  assert.match(warning.event_id, /^[0-9a-f]{32}$/);

  const listed = await (await alerts(deskwire, "clocks", { token, method: "GET" })).json();
  assert.equal(listed.clocks.length, 1);
  assert.equal(listed.clocks[0].event_id, warning.event_id);

  const violation = (await onCall.event("sla:violation")).data;
  assert.deepEqual([violation.threshold, violation.severity], [30, "critical"]);
  assert.ok(violation.actual >= 30);
  assert.ok(violation.timestamp >= Date.parse(violation.due_at), "never early");
  assert.equal((await inside.event("sla:violation")).data.event_id, violation.event_id);

  const acked = await alerts(deskwire, `alerts/${violation.event_id}/ack`, { token });
  assert.equal(acked.status, 200);
  assert.equal((await acked.json()).ack.by, "ann");
  const seen = (await onCall.event("sla:acknowledged")).data;
  assert.deepEqual([seen.event_id, seen.ack.state, seen.ack.by], [violation.event_id, "acked", "ann"]);

  await post(deskwire, byAgent(4711, 9002));
  assert.equal((await onCall.event("sla:met")).data.late, true);
  const late = await alerts(deskwire, `alerts/${violation.event_id}/ack`, { token });
  assert.equal(late.status, 409);
  assert.ok(!outside.names().some((name) => name.startsWith("sla:")), "customers see none of it");
});

test("only POST, and only with the right, acknowledges", async (t) => {
  const deskwire = await started(t);
  const token = await deskwire.token({ clientId: "ann", capability: ON_CALL });
  const onCall = await PlainClient.subscribed(t, deskwire.socket, token, "oncall");
  await post(deskwire, waiting(1, 1, 29));
  const { event_id: id } = (await onCall.event("sla:warning")).data;
  const status = async (path, options) => (await alerts(deskwire, path, options)).status;
  assert.equal(await status(`alerts/${id}/ack`, { token, method: "GET" }), 405);
  assert.equal(await status(`alerts/${id}/ack`), 401);
  const reader = await deskwire.token({ clientId: "bob", capability: { oncall: ["subscribe"] } });
  assert.equal(await status(`alerts/${id}/ack`, { token: reader }), 401);
  assert.equal(await status("clocks", { token: reader, method: "GET" }), 200);
  assert.equal(await status(`alerts/${"0".repeat(32)}/ack`, { token }), 404);
  assert.equal(await status(`alerts/${id}/shout`, { token }), 404);
  assert.equal(await status(`alerts/${id}/snooze`, { token, body: { duration_s: 0 } }), 400);
  assert.equal(await status(`alerts/${id}/snooze`, { token, body: { duration_s: 60 } }), 200);
  assert.equal((await onCall.event("sla:snoozed")).data.ack.state, "snoozed");
  assert.equal(await status(`alerts/${id}/unack`, { token }), 200);
  await onCall.event("sla:unacknowledged");
});

test("the CLI and the admin door show and mark the same clocks", async (t) => {
  const deskwire = await started(t);
  await post(deskwire, waiting(42, 1, 29));
  const [clock] = await eventually(
    async () => JSON.parse((await deskwire.cli(["sla", "ls", "--json"])).stdout).clocks,
    (clocks) => clocks.length === 1 && clocks[0].event_id,
    "the clock",
  );
  assert.equal(clock.conversation_key, "42");
  const table = await deskwire.cli(["sla", "show", "42"]);
  assert.match(table.stdout, /first_response\/1/);
  const acked = await deskwire.cli(["sla", "ack", clock.event_id, "--actor", "ann", "--reason", "on it", "--json"]);
  assert.equal(acked.code, 0, acked.stderr);
  assert.equal(JSON.parse(acked.stdout).ack.by, "ann");
  const shown = await (await fetch(`${deskwire.admin}/v1/sla/clocks?conversation=42`)).json();
  assert.equal(shown.clocks[0].ack.state, "acked");
  const snoozed = (body) =>
    fetch(`${deskwire.admin}/v1/sla/alerts/${clock.event_id}/snooze`, {
      method: "POST",
      headers: { "X-Deskwire": "1" },
      body: JSON.stringify({ actor: "bob", ...body }),
    });
  const soon = new Date(Date.now() + 60_000).toISOString();
  for (const [field, body] of [
    ["until", { until: "foo" }],
    ["until", { until: "2020-01-01T00:00:00Z" }],
    ["until", { until: soon, duration_s: 60 }],
    ["duration_s", { duration_s: "x" }],
    ["duration_s", { duration_s: 1e9 }],
  ]) {
    const refused = await snoozed(body);
    assert.equal(refused.status, 400, JSON.stringify(body));
    assert.equal((await refused.json()).error.field, field);
  }
  const snooze = await snoozed({ until: soon });
  assert.equal(snooze.status, 200);
  assert.equal((await snooze.json()).ack.by, "bob");
  const audit = JSON.parse((await deskwire.cli(["jobs", "audit", "--json"])).stdout);
  assert.deepEqual(
    audit.entries.map(({ verb, of, name, actor, reason }) => [verb, of, name, actor, reason]).sort(),
    [
      ["ack", "alert", clock.alert_key, "ann", "on it"],
      ["snooze", "alert", clock.alert_key, "bob", ""],
    ],
  );
  const unknown = await deskwire.cli(["sla", "ack", "0123"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /there is none of this id/);
});

test("the terminal rings for what was missed before and after it came, shows who took an alert, and gives it back", async (t) => {
  const deskwire = await started(t);
  const clock = async () => JSON.parse((await deskwire.cli(["sla", "ls", "--json"])).stdout).clocks[0];
  await post(deskwire, waiting(41, 1, 31));
  const { event_id } = await eventually(clock, (first) => first?.breached && first.event_id, "a missed clock");
  const screen = new Recorder();
  const command = `stty cols 120 rows 24; exec "${BINARY}" watch oncall --config "${deskwire.configFile}"`;
  // script(1) is a terminal for it.
  const { SUDO_USER, ...inherited } = process.env;
  const env = { ...inherited, USER: "carol", TERM: "xterm" };
  const child = spawn("script", ["-qfec", command, "/dev/null"], { env });
  const ended = once(child, "exit");
  t.after(() => child.kill("SIGKILL"));
  child.stdout.setEncoding("utf8").on("data", (text) => screen.push(text));
  const rung = () => screen.items.join("").split("\x07").length - 1;
  await eventually(rung, (times) => times === 1, "the bell for what was missed before");
  await post(deskwire, waiting(42, 2, 29));
  await screen.until((text) => /first_response|first response/i.test(text) && text.includes("42"), "the clock");
  await eventually(rung, (times) => times === 2, "the bell for the new one");
  await deskwire.cli(["sla", "ack", event_id, "--actor", "ann"]);
  await screen.until((text) => text.includes("acknowledged by ann"), "who took it");
  child.stdin.write("u");
  await eventually(clock, ({ ack }) => ack.state === "none", "the alert given back from the terminal");
  const { entries } = JSON.parse((await deskwire.cli(["jobs", "audit", "--json"])).stdout);
  assert.deepEqual(entries.map(({ verb, actor }) => [verb, actor]).sort(), [["ack", "ann"], ["unack", "carol"]]);
  child.stdin.write("q");
  assert.equal((await ended)[0], 0);
});

test("a policy that another one beats with the conversation's first labels has ended nothing", async (t) => {
  const night = { ...POLICY, id: "night", match: { all: [{ field: "labels", op: "is", value: "night" }] } };
  const resolution = { targets: { default: 3600 } };
  const gold = { ...POLICY, metrics: { ...POLICY.metrics, resolution } };
  const deskwire = await started(t, { policies: [night, gold] });
  const onCall = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token({ clientId: "ann", capability: ON_CALL }), "oncall");
  const message = JSON.parse(waiting(61, 1, 10));
  message.conversation.labels = ["night"];
  await post(deskwire, JSON.stringify(message));
  await eventually(
    async () => JSON.parse((await deskwire.cli(["sla", "ls", "--json"])).stdout).clocks,
    (clocks) => clocks.length === 1 && clocks[0].policy.id === "night",
    "the clock",
  );
  await post(deskwire, byAgent(61, 2));
  await onCall.event("sla:met");
  assert.deepEqual(onCall.names().filter((name) => name === "sla:cancelled"), []);
});

test("mirrored events reach the customer's channel only when asked for", async (t) => {
  const deskwire = await started(t, { policies: [POLICY], mirror_to_conversation: true });
  const token = await deskwire.token({ clientId: "ann" });
  const outside = await PlainClient.subscribed(t, deskwire.socket, token, "conversation:5");
  await post(deskwire, waiting(5, 1, 29));
  await outside.event("sla:warning");
});
