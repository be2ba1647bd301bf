// Every Chatwoot wire body, signed as of now and posted to a running server: status, job, events.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chatwootSource, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { incomingMessage, manifest, post, wireBody } from "./support/webhooks.mjs";

const JOB = { status: 202, job: true };
const NO_JOB = { status: 200, job: false };
const user = "message:user";
const agent = (type) => `message:agent ${type}`;

// What a customer may see, what only agents see. In the order in which they are posted: several
// bodies are about the same message or the same change.
const TABLE = {
  "message_created.incoming": { ...JOB, open: [user] },
  "message_created.incoming.unicode_emoji": { ...JOB, open: [user] },
  "message_created.incoming.attachments_no_content": { ...JOB, open: [user] },
  "message_created.incoming.huge_content": { ...JOB, open: [user] },
  "message_created.incoming.contact_without_email": { ...JOB, open: [user] },
  "message_created.outgoing.user": { ...NO_JOB, open: [agent("user")] },
  "message_created.outgoing.agent_bot": { ...NO_JOB, open: [agent("bot")] },
  "message_created.outgoing.private_note": { ...NO_JOB, internal: [agent("user")] },
  "message_created.template.greeting": { ...NO_JOB, open: [agent("system")] },
  "message_created.template.input_csat": { ...NO_JOB, open: [agent("system")] },
  "message_created.outgoing.bot_input_select": { ...NO_JOB, open: [agent("bot")] },
  "message_updated.input_select_submitted": { ...JOB, open: [user] },
  "message_updated.status_read": { ...NO_JOB, open: ["message:status read"] },
  "message_updated.deleted": { ...NO_JOB, open: ["message:deleted"] },
  conversation_created: { ...NO_JOB, open: ["conversation:status pending"] },
  "conversation_created.empty_messages": { ...NO_JOB, open: ["conversation:status pending"] },
  "conversation_status_changed.pending_to_open": { ...NO_JOB, open: ["conversation:status open"] },
  "conversation_status_changed.resolved": { ...NO_JOB, open: ["conversation:status resolved"] },
  "conversation_status_changed.snoozed": { ...NO_JOB, open: ["conversation:status snoozed"] },
  // The status change in it was told by conversation_status_changed already, and is shown once.
  "conversation_updated.assignee_and_status": {
    ...NO_JOB,
    open: ["conversation:assigned"],
    internal: ["conversation:updated"],
  },
  "conversation_updated.labels": { ...NO_JOB, internal: ["conversation:updated"] },
  "conversation_updated.assigned_to_agent_bot": {
    ...NO_JOB,
    open: ["conversation:assigned"],
    internal: ["conversation:updated"],
  },
  "conversation_updated.sla_first_miss": { ...NO_JOB },
  // The same changes as in conversation_status_changed, under the old names.
  conversation_opened: { ...NO_JOB },
  conversation_resolved: { ...NO_JOB },
  "conversation_typing_on.user": { ...NO_JOB, open: ["typing:start agent"] },
  "conversation_typing_on.user_private": { ...NO_JOB, internal: ["typing:start agent"] },
  "conversation_typing_off.contact": { ...NO_JOB, open: ["typing:stop customer"] },
  webwidget_triggered: { ...NO_JOB },
  "webwidget_triggered.existing_conversation": { ...NO_JOB },
  contact_created: { ...NO_JOB },
  contact_updated: { ...NO_JOB },
  inbox_created: { ...NO_JOB },
  inbox_updated: { ...NO_JOB },
  "automation_event.message_created": { ...NO_JOB },
  "synthetic.message_created.activity_never_sent": { ...NO_JOB },
};

function describeEvent({ event, data }) {
  if (event === "message:agent") return `${event} ${data.sender.type}`;
  if (event === "message:status") return `${event} ${data.status}`;
  if (event === "conversation:status") return `${event} ${data.to}`;
  if (event.startsWith("typing:")) return `${event} ${data.actor}`;
  return event;
}

/** What our own replies add is another story's matter. */
function isOurs({ event, data }) {
  return event === "message:ai" || data.actor === "ai" || String(data.messageId).startsWith("dw-");
}

/** All channels of the conversation in the fixtures, and a way to know that nothing more comes. */
class Listener {
  #taken = 0;

  constructor(client, channels) {
    this.client = client;
    this.channels = channels;
  }

  async take(marker) {
    for (const channel of this.channels) {
      const data = { messageId: "marker", emoji: marker };
      await this.client.command("publish", { channel, event: "reaction:add", data });
      await this.client.event("reaction:add", (push) => push.channel === channel && push.data.emoji === marker);
    }
    const fresh = this.client.pushes.items.slice(this.#taken);
    this.#taken = this.client.pushes.items.length;
    const seen = fresh.filter((push) => push.event !== "reaction:add" && !isOurs(push));
    const on = (internal) =>
      seen.filter(({ channel }) => channel.endsWith(":internal") === internal).map(describeEvent);
    return { open: on(false), internal: on(true) };
  }
}

test("the table names every wire body", () => {
  assert.deepEqual(Object.keys(TABLE).sort(), Object.keys(manifest.entries).sort());
});

test("every wire body has the status, the job and the events of the table", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url)],
    // The markers of this test come faster than a person's events.
    config: { gateway: { limits: { publish_per_s: 10_000, publish_burst: 10_000 } } },
  });
  const client = await PlainClient.open(t, deskwire.socket);
  await client.command("connect", { token: await deskwire.token() });
  const channels = ["1001", "1003", "1006"].flatMap((id) => [`conversation:${id}`, `conversation:${id}:internal`]);
  for (const channel of channels) await client.command("subscribe", { channel });
  const listener = new Listener(client, channels);

  for (const [name, expected] of Object.entries(TABLE)) {
    await t.test(name, async () => {
      const { status, answer } = await post(deskwire, wireBody(name));
      assert.equal(status, expected.status, JSON.stringify(answer));
      assert.equal(typeof answer.job, expected.job ? "string" : "object");
      assert.equal(answer.duplicate, false);
      const { open = [], internal = [] } = expected;
      assert.deepEqual(await listener.take(name), { open, internal });
    });
  }

  await t.test("the same bodies again, under new delivery ids, are duplicates without events", async () => {
    for (const name of Object.keys(TABLE).filter((key) => !key.includes("typing"))) {
      const { status, answer } = await post(deskwire, wireBody(name));
      assert.deepEqual([name, status, answer.duplicate], [name, 200, true]);
    }
    assert.deepEqual(await listener.take("again"), { open: [], internal: [] });
  });
});

test("the recorded deliveries themselves are refused: their timestamps are old, one is unsigned", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  for (const [name, { headers }] of Object.entries(manifest.entries)) {
    const { status, answer } = await post(deskwire, wireBody(name), { headers });
    assert.equal(status, 401, name);
    assert.deepEqual(answer, { error: { code: 40110, message: "signature refused" } });
  }
});

test("whoever wrote a message, it is shown as edited when it says something else, and only then", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  const client = await PlainClient.open(t, deskwire.socket);
  await client.command("connect", { token: await deskwire.token() });
  const channels = ["conversation:77", "conversation:77:internal"];
  for (const channel of channels) await client.command("subscribe", { channel });
  const listener = new Listener(client, channels);
  /** Not the newest message of its conversation, so that no status tells anything. */
  const said = (event, id, content, more = {}) =>
    post(
      deskwire,
      incomingMessage({
        conversation: 77,
        id,
        content,
        change: (message) => {
          Object.assign(message, { event, message_type: "outgoing", sender: { id: 7, name: "Ravi", type: "user" } }, more);
          message.conversation.messages[0].id = 999_999;
        },
      }),
    );
  const note = { private: true };
  const customers = { message_type: "incoming" };
  await said("message_created", 1, "Your parcel left.");
  await said("message_created", 2, "VIP", note);
  await said("message_created", 3, "Thanks", customers);
  await listener.take("written");

  await said("message_updated", 1, "Your parcel left.", { source_id: "wamid.1" });
  await said("message_updated", 2, "VIP", { ...note, content_attributes: { pinned: true } });
  await said("message_updated", 3, "Thanks", { ...customers, content_attributes: { in_reply_to: 1 } });
  assert.deepEqual(await listener.take("unchanged"), { open: [], internal: [] });

  await said("message_updated", 1, "Your parcel left Porto.", { source_id: "wamid.1" });
  await said("message_updated", 2, "VIP since May", note);
  await said("message_updated", 3, "Thank you", customers);
  assert.deepEqual(await listener.take("edited"), {
    open: ["message:edited", "message:edited"],
    internal: ["message:edited"],
  });

  await said("message_updated", 1, null);
  // A note stays a note, whatever an update says.
  await said("message_updated", 2, "VIP since June", { private: undefined });
  await said("message_updated", 3, "", { ...customers, content_attributes: { deleted: true } });
  await said("message_updated", 3, "said after all", customers);
  assert.deepEqual(await listener.take("emptied and deleted"), {
    open: ["message:edited", "message:deleted"],
    internal: ["message:edited"],
  });
});
