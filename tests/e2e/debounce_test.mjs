// A customer's burst of messages is answered once, with everything said.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chatwootSource, SANDBOX_SOURCE, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

const quoting = { rules: [{ contains: "", reply: "You wrote: {content}" }] };

test("three webhooks in a row become one job and one reply", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url)],
    config: { replies: { ...quoting, debounce: { quiet_ms: 400, max_wait_ms: 5000, max_n: 10 } } },
  });
  const channel = "conversation:7101";
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
  const answers = [];
  for (const [id, content] of [[61_001, "Hi"], [61_002, "my order"], [61_003, "is late"]]) {
    const { status, answer } = await post(deskwire, incomingMessage({ conversation: 7101, id, content }));
    assert.equal(status, 202);
    answers.push(answer);
  }
  assert.equal(new Set(answers.map(({ job }) => job)).size, 1, "one job");
  assert.ok(answers.every(({ duplicate }) => duplicate === false));

  const again = await post(deskwire, incomingMessage({ conversation: 7101, id: 61_002, content: "my order" }));
  assert.equal(again.answer.duplicate, true);
  assert.equal(again.answer.job, answers[0].job);

  const reply = await client.event("message:ai");
  await client.event("message:status");
  assert.match(reply.data.content, /Hi\nmy order\nis late/);
  assert.equal(reply.data.inReplyTo, "61003");
  assert.equal(chatwoot.posted(7101).length, 1);
  assert.equal(client.names().filter((name) => name === "message:user").length, 3);
  assert.equal(client.names().filter((name) => name === "message:ai").length, 1);
});

test("a message that arrives while the model still writes begins the reply anew", async (t) => {
  const deskwire = await startedDeskwire(t, {
    sources: [{ ...SANDBOX_SOURCE, namespace: "" }],
    config: { replies: { ...quoting, debounce: { quiet_ms: 50, max_wait_ms: 60000, max_n: 10 } } },
  });
  const session = await fetch(`${deskwire.gateway}/v1/sandbox/sessions`, { method: "POST" });
  const { conversation, token } = await session.json();
  const channel = `conversation:${conversation}`;
  const client = await PlainClient.subscribed(t, deskwire.socket, token, channel);
  const first = await client.command("send", {
    channel,
    content: "Where is",
    clientMessageId: "m-1",
    simulate: { think_ms: "3000" },
  });
  await client.event("typing:start");
  const second = await client.command("send", { channel, content: "my parcel?", clientMessageId: "m-2" });
  assert.equal(second.job, first.job, "it joined the reply that is being written");
  const repeated = await client.command("send", { channel, content: "my parcel?", clientMessageId: "m-2" });
  assert.equal(repeated.messageId, second.messageId, "a repeat is the same message");

  const reply = await client.event("message:ai");
  assert.match(reply.data.content, /Where is\nmy parcel\?/);
  await client.event("message:status", ({ data }) => data.status === "sent");
  assert.equal(client.names().filter((name) => name === "message:ai").length, 1);
  const typing = client.names().filter((name) => name.startsWith("typing:"));
  assert.equal(typing.at(-1), "typing:stop");
});
