// Before somebody is woken the helpdesk is asked: webhooks get lost, people should sleep.

import assert from "node:assert/strict";
import { test } from "node:test";

import { AlertReceiver } from "./support/alert_receiver.mjs";
import { chatwootSource, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, nowSeconds, post } from "./support/webhooks.mjs";

const CONVERSATION = 4711;
const WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/** A server whose only sink is a webhook, and the Chatwoot that it can ask. */
async function office(t, readBackSeconds) {
  const chatwoot = await FakeChatwoot.start(t);
  const receiver = await AlertReceiver.start(t);
  const sla = {
    policies: [
      {
        id: "gold",
        metrics: { first_response: { targets: { default: 30 } } },
        violation_grace_s: 0,
        escalation: [{ on: "violation", to: ["own"] }],
      },
    ],
    sinks: { own: { type: "webhook", url: `${receiver.url}/own`, key: WHSEC } },
    on_call: { group_s: 1, read_back_s: readBackSeconds },
  };
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url)],
    config: { sla, receiver: { sweep: { interval_s: 0 } } },
  });
  await deskwire.output.until(({ line }) => line.includes("on_call_begins channel=oncall"), "its place in the log");
  chatwoot.conversations.set(CONVERSATION, {
    status: "open",
    inbox_id: 3,
    updated_at: nowSeconds(),
    meta: { sender: { id: 5, name: "Ann" }, channel: "Channel::Api", assignee: null },
  });
  return { chatwoot, receiver, deskwire };
}

/** The webhook of a customer who has waited for nearly the whole target. */
function waiting(deskwire) {
  const message = incomingMessage({
    conversation: CONVERSATION,
    id: 9001,
    change: (made) => {
      made.created_at = new Date((nowSeconds() - 28) * 1000).toISOString();
      made.conversation.waiting_since = nowSeconds() - 28;
      made.conversation.status = "open";
    },
  });
  return post(deskwire, message);
}

/** An agent's answer in time, of which the helpdesk knows and no webhook has told. */
function unheardAnswer(chatwoot) {
  chatwoot.messages.push({
    id: 9002,
    content: "Have you tried turning it off and on again?",
    conversation_id: CONVERSATION,
    message_type: 1,
    content_type: "text",
    created_at: nowSeconds(),
    private: false,
    sender: { id: 7, name: "Ravi", type: "user" },
  });
}

async function pages(deskwire) {
  return JSON.parse((await deskwire.cli(["sla", "pages", "--json"])).stdout).pages;
}

test("an answer whose webhook was lost is found at the helpdesk, and nobody is woken", async (t) => {
  const { chatwoot, receiver, deskwire } = await office(t, 10);
  unheardAnswer(chatwoot);
  await waiting(deskwire);
  const [page] = await eventually(() => pages(deskwire), ({ length }) => length > 0, "the page's end");
  assert.equal(page.result, "over");
  assert.equal(receiver.calls.items.length, 0);
  const told = (await deskwire.history("oncall")).map(({ event }) => event);
  assert.deepEqual(told, ["sla:violation", "sla:met", "sla:retracted"]);
  const [, answer] = (await deskwire.history(`conversation:${CONVERSATION}`)).filter(({ event }) => event.startsWith("message:"));
  assert.equal(answer.data.messageId, "9002");
});

test("a helpdesk that confirms the alert lets the page through unmarked", async (t) => {
  const { chatwoot, receiver, deskwire } = await office(t, 10);
  await waiting(deskwire);
  const { body } = await receiver.calls.until(({ path }) => path === "/own", "the page");
  assert.ok(chatwoot.calls.items.some(({ name }) => name === "GET conversation"), "the helpdesk was not asked");
  assert.ok(!("unverified" in body.data));
  assert.ok(!("unverified" in body.data.details));
});

test("a helpdesk that hangs holds the page up for the limit, then it goes out marked", async (t) => {
  const { chatwoot, receiver, deskwire } = await office(t, 1);
  chatwoot.hooks.onCall = ({ name }) => (name === "GET conversation" ? "hang" : null);
  await waiting(deskwire);
  const { body } = await receiver.calls.until(({ path }) => path === "/own", "the page");
  assert.equal(body.data.unverified, true);
  assert.match(body.data.details.unverified, /could not be read back from the helpdesk within 1 s/);
  const [page] = await eventually(() => pages(deskwire), ({ length }) => length > 0, "the log's entry");
  assert.deepEqual([page.result, page.unverified], ["sent", true]);
});

test("a stop does not wait for a helpdesk that hangs, and the page is sent after the next start", async (t) => {
  const { chatwoot, receiver, deskwire } = await office(t, 60);
  chatwoot.hooks.onCall = ({ name }) => (name === "GET conversation" ? "hang" : null);
  await waiting(deskwire);
  await chatwoot.calls.until(({ name }) => name === "GET conversation", "the question");
  const { code } = await deskwire.stop();
  assert.equal(code, 0);
  assert.equal(receiver.calls.items.length, 0);
  chatwoot.hooks = {};
  await deskwire.start();
  await receiver.calls.until(({ path }) => path === "/own", "the page");
});
