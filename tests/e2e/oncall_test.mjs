// From an event on the channel to a page outside: sinks, ladder, crashes, a real Alertmanager.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { AlertReceiver } from "./support/alert_receiver.mjs";
import { freePorts, SERVER_KEY, startedDeskwire, temporaryDirectory } from "./support/deskwire.mjs";
import { eventually, within } from "./support/waiting.mjs";

const WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SLACK_SECRET = "T0secret-B0secret";

function slaConfig(receiver, more = {}) {
  const quick = { backoff_base_ms: 50, backoff_cap_ms: 200 };
  return {
    policies: [
      {
        id: "gold",
        metrics: { first_response: { targets: { default: 3600 } } },
        escalation: more.escalation ?? [{ on: "violation", to: ["am", "pager", "slack", "own"] }],
      },
    ],
    sinks: {
      am: { type: "alertmanager", urls: more.members ?? [receiver.url], ...quick },
      pager: { type: "pagerduty", url: receiver.url, key: "routing-key-0123456789abcdef", ...quick },
      slack: { type: "slack", url: `${receiver.url}/slack/${SLACK_SECRET}`, ...quick },
      own: { type: "webhook", url: `${receiver.url}/own`, key: WHSEC, ...quick },
    },
    on_call: { group_s: 1, conversation_url: "https://desk.example/c/{conversation}", ...more.on_call },
  };
}

async function deskwireWith(t, receiver, more) {
  const deskwire = await startedDeskwire(t, { config: { sla: slaConfig(receiver, more) } });
  // Pages begin with what comes after the first start.
  await deskwire.output.until(({ line }) => line.includes("on_call_begins channel=oncall"), "its place in the log");
  return deskwire;
}

const text = async (url) => (await fetch(url)).text();

async function tell(deskwire, event, data) {
  const response = await fetch(`${deskwire.gateway}/v1/channels/oncall/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${SERVER_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ event, data }),
  });
  assert.ok(response.ok, await response.text());
}

const about = (conversation, eventId) => ({
  alert_key: `sla/1/${conversation}/first_response/1`,
  event_id: eventId,
  account: 1,
  conversation,
  channel: `conversation:${conversation}`,
  metric: "first_response",
  cycle: 1,
  threshold: 3600,
  actual: 3605,
  target: 3600,
  severity: "critical",
  due_at: "2026-11-20T10:00:00Z",
  policy: { id: "gold", version: 1 },
});

const to = (path) => (call) => call.path.startsWith(path);
const resolved = (path) => (call) =>
  call.path.startsWith(path) && (call.body.event_action ?? call.body.data?.action) === "resolve";

test("a reload takes in another ladder", async (t) => {
  const receiver = await AlertReceiver.start(t);
  const deskwire = await deskwireWith(t, receiver, { escalation: [{ on: "violation", to: ["pager"] }] });
  const config = structuredClone(deskwire.config);
  config.sla.policies[0].escalation = [{ on: "violation", to: ["own"], hours: "calendar:day" }];
  config.sla.calendars = { day: { always: true } };
  writeFileSync(deskwire.configFile, JSON.stringify(config));
  process.kill(deskwire.pid, "SIGHUP");
  await deskwire.output.until(({ line }) => line.includes("event=reloaded part=admin"), "the end of the reload");
  await tell(deskwire, "sla:violation", about(4711, "e1"));
  await receiver.calls.until(to("/own"), "the webhook");
  assert.ok(!receiver.calls.items.some(to("/v2/enqueue")));
});

test("a violation reaches every sink in its own form, and so does its end", async (t) => {
  const receiver = await AlertReceiver.start(t);
  const deskwire = await deskwireWith(t, receiver);
  await tell(deskwire, "sla:violation", about(4711, "e1"));

  const am = await receiver.calls.until(to("/api/v2/alerts"), "Alertmanager");
  assert.equal(am.body[0].labels.alertname, "HelpdeskSLA");
  assert.equal(am.headers["content-type"], "application/json");
  assert.equal(am.body[0].labels.conversation, "4711");
  assert.equal(am.body[0].annotations.threshold, "3600");
  assert.ok(Date.parse(am.body[0].endsAt) > Date.now());

  const pager = await receiver.calls.until(to("/v2/enqueue"), "PagerDuty");
  assert.equal(pager.body.event_action, "trigger");
  assert.equal(pager.body.dedup_key, "sla/1/4711/first_response/1");
  assert.equal(pager.body.payload.severity, "critical");
  assert.equal(pager.body.links[0].href, "https://desk.example/c/4711");

  const slack = await receiver.calls.until(to("/slack/"), "Slack");
  assert.match(slack.body.text, /^\[critical\] First response violated by 5 s: conversation 4711/);

  const own = await receiver.calls.until(to("/own"), "the webhook");
  const key = Buffer.from(WHSEC.slice("whsec_".length), "base64");
  const signed = `${own.headers["webhook-id"]}.${own.headers["webhook-timestamp"]}.${own.raw}`;
  const expected = createHmac("sha256", key).update(signed).digest("base64");
  assert.equal(own.headers["webhook-signature"], `v1,${expected}`);
  for (const name of ["why", "since", "do", "next"]) assert.ok(own.body.data.details[name], name);

  await tell(deskwire, "sla:met", about(4711, "e2"));
  const end = await receiver.calls.until(resolved("/v2/enqueue"), "PagerDuty's resolve");
  assert.equal(end.body.dedup_key, pager.body.dedup_key);
  await receiver.calls.until(resolved("/own"), "the webhook's resolve");
  await receiver.calls.until(
    (call) => call.path.startsWith("/api") && Date.parse(call.body[0].endsAt) <= Date.now(),
    "Alertmanager's end",
  );
  assert.ok(!deskwire.text().includes(SLACK_SECRET), "the log holds Slack's address");
  assert.ok(!deskwire.text().includes("routing-key"), "the log holds PagerDuty's key");
});

test("refusals are tried again as each allows, and given up where it is of no use", async (t) => {
  const receiver = await AlertReceiver.start(t);
  const deskwire = await deskwireWith(t, receiver, { escalation: [{ on: "violation", to: ["own"] }] });
  receiver.answerWith({ status: 500 }, { status: 429, headers: { "Retry-After": "1" } }, { status: 200 });
  await tell(deskwire, "sla:violation", about(1, "e1"));
  const good = await receiver.calls.until((call) => to("/own")(call) && call.status === 200, "the third attempt");
  const attempts = receiver.calls.items.filter(to("/own"));
  assert.deepEqual(attempts.map(({ status }) => status), [500, 429, 200]);
  assert.equal(new Set(attempts.map(({ headers }) => headers["webhook-id"])).size, 1, "one id for all attempts");
  assert.equal(good.body.data.dedup_key, "sla/1/1/first_response/1");

  receiver.answerWith({ status: 400 });
  await tell(deskwire, "sla:violation", about(2, "e2"));
  await deskwire.output.until(({ line }) => line.includes("notification_dead"), "the dead letter");
  assert.equal(receiver.calls.items.filter(({ status }) => status === 400).length, 1);
  assert.match(await text(`${deskwire.admin}/metrics`), /oncall_notifications_total\{[^}]*result="dead"[^}]*\} 1/);
});

test("a page that was given up is listed, and sent again when an operator says so", async (t) => {
  const receiver = await AlertReceiver.start(t);
  const deskwire = await deskwireWith(t, receiver, { escalation: [{ on: "violation", to: ["own"] }] });
  receiver.answerWith({ status: 400 });
  await tell(deskwire, "sla:violation", about(3, "e3"));
  await deskwire.output.until(({ line }) => line.includes("notification_dead"), "the dead letter");
  const dead = async () => JSON.parse((await deskwire.cli(["sla", "pages", "--dead", "--json"])).stdout).dead;
  const [{ id }] = await dead();
  assert.match((await deskwire.cli(["sla", "pages"])).stdout, /dead \(.*sla\/1\/3\/first_response\/1/);
  const replayed = await deskwire.cli(["sla", "replay", id, "--json"]);
  assert.deepEqual([replayed.code, JSON.parse(replayed.stdout)], [0, { notification: id }]);
  const sent = await receiver.calls.until((call) => to("/own")(call) && call.status === 200, "the page");
  assert.equal(sent.body.data.dedup_key, "sla/1/3/first_response/1");
  assert.deepEqual(await dead(), []);
  const again = await deskwire.cli(["sla", "replay", id]);
  assert.notEqual(again.code, 0);
  assert.match(again.stderr, /not among the dead letters/);
});

test("a burst is one page with a count and a list", async (t) => {
  const receiver = await AlertReceiver.start(t);
  const deskwire = await deskwireWith(t, receiver, {
    escalation: [{ on: "violation", to: ["own"] }],
    on_call: { group_s: 3600 },
  });
  await Promise.all(Array.from({ length: 12 }, (_, i) => tell(deskwire, "sla:violation", about(100 + i, `e${i}`))));
  const page = await receiver.calls.until(to("/own"), "the page");
  assert.equal(page.body.data.details.count, "12");
  assert.match(page.body.data.summary, /^12 × first response violated/);
});

test("what was due while every process was dead is sent after the next start", async (t) => {
  const receiver = await AlertReceiver.start(t);
  const deskwire = await deskwireWith(t, receiver, {
    escalation: [{ on: "violation", after_s: 3, to: ["own"] }],
  });
  await tell(deskwire, "sla:violation", about(7, "e1"));
  await tell(deskwire, "sla:violation", about(8, "e2"));
  await deskwire.kill();
  assert.equal(receiver.calls.items.length, 0);
  await deskwire.start();
  const page = await receiver.calls.until(to("/own"), "the page");
  assert.equal(page.body.data.details.count, "2");
});

test("a real Alertmanager fires and resolves", async (t) => {
  const program = ["prometheus-alertmanager", "alertmanager"].find((name) => {
    try {
      execFileSync(name, ["--version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
  if (!program) return t.skip("needs the package prometheus-alertmanager");
  const directory = temporaryDirectory(t, async () => {
    child.kill("SIGKILL");
    await within(exited, "the end of Alertmanager");
  });
  const [port] = await freePorts(1);
  const config = join(directory, "alertmanager.yml");
  writeFileSync(config, "route:\n  receiver: none\nreceivers:\n  - name: none\n");
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.path=${join(directory, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ],
    { stdio: "ignore" },
  );
  const exited = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/-/ready`)).status, (status) => status === 200, "Alertmanager");

  const receiver = await AlertReceiver.start(t);
  const deskwire = await deskwireWith(t, receiver, {
    escalation: [{ on: "violation", to: ["am"] }],
    members: [url],
  });
  const firing = async () => JSON.parse(await text(`${url}/api/v2/alerts?active=true`));
  await tell(deskwire, "sla:violation", about(4711, "e1"));
  const [alert] = await eventually(firing, (alerts) => alerts.length === 1, "the alert");
  assert.equal(alert.labels.policy, "gold");
  assert.equal(alert.labels.severity, "critical");
  assert.match(alert.annotations.summary, /First response violated/);
  await tell(deskwire, "sla:met", about(4711, "e2"));
  await eventually(firing, (alerts) => alerts.length === 0, "its end");
});

test("trouble of our own is told on ops and to the sinks, and so is its end", async (t) => {
  const receiver = await AlertReceiver.start(t);
  const sla = slaConfig(receiver);
  sla.alerts = {
    signature_failures_per_minute: 3,
    clear_for_s: 0,
    escalation: [{ on: "violation", to: ["own"] }],
  };
  const source = { name: "forms", type: "generic", secrets: [WHSEC] };
  const deskwire = await startedDeskwire(t, { sources: [source], config: { sla } });
  await deskwire.output.until(({ line }) => line.includes("on_call_begins channel=ops"), "its place in the log");
  const forged = () => fetch(`${deskwire.receiver}/webhooks/forms`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  // The first look at the metrics is what later ones are compared with.
  await eventually(
    async () => {
      // A handful a round: this is no load test.
      for (let i = 0; i < 4; i++) await (await forged()).text();
      await pause(1000);
      return (await deskwire.history("ops")).filter(({ event }) => event === "alert:firing");
    },
    (alerts) => alerts.length === 1,
    "the alert",
    120_000,
  );
  const page = await receiver.calls.until(to("/own"), "the page");
  assert.equal(page.body.type, "alert:firing");
  assert.equal(page.body.data.name, "DeskwireSignatureFailures");
  assert.match(page.body.data.summary, /\d+ webhooks were refused within a minute/);
  assert.match(page.body.data.details.do, /deskwire deliveries/);
  const [firing] = (await deskwire.history("ops")).filter(({ event }) => event === "alert:firing");
  assert.equal(firing.data.name, "signature_failures");
  assert.ok(Date.now() - firing.data.since < 120_000);
  await receiver.calls.until(resolved("/own"), "its end", 120_000);
});
