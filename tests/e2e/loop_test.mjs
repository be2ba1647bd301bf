// The main job: a signed webhook becomes a durable job, a reply, and events on a WebSocket.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { chatwootSource, SANDBOX_SOURCE, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

test("deskwire send of an incoming message runs the whole loop, in order, with one reply", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  const channel = "conversation:7001";
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);

  const file = join(deskwire.directory, "message.json");
  writeFileSync(file, incomingMessage({ conversation: 7001, id: 50_001, content: "Where is it?" }));
  const sent = await deskwire.cli(["send", "--source", "support", file]);
  assert.equal(sent.code, 0, sent.stderr);

  const status = await client.event("message:status");
  assert.deepEqual(client.names(), [
    "message:user",
    "typing:start",
    "message:ai",
    "typing:stop",
    "message:status",
  ]);
  const [user, typing, reply] = client.pushes.items;
  assert.equal(user.data.messageId, "50001");
  assert.equal(user.data.content, "Where is it?");
  assert.equal(user.data.sender.type, "contact");
  assert.equal(typing.data.actor, "ai");
  assert.equal(typing.offset, undefined, "typing is not kept");
  assert.equal(reply.data.inReplyTo, "50001");
  assert.ok(reply.data.timing.queue_duration_ms >= 0 && reply.data.timing.ai_duration_ms >= 0);
  assert.equal(status.data.status, "sent");
  assert.equal(status.data.messageId, reply.data.messageId);

  const [posted, ...more] = chatwoot.posted(7001);
  assert.deepEqual(more, [], "exactly one reply");
  assert.equal(posted.source_id, reply.data.messageId);
  assert.match(posted.source_id, /^dw-.+-1$/);
  assert.equal(posted.content, reply.data.content);
  assert.equal(status.data.helpdeskId, String(posted.id));

  const kept = client.pushes.items.filter(({ offset }) => offset !== undefined);
  assert.deepEqual(kept.map(({ offset }) => offset), [1, 2, 3]);
  assert.ok(kept.every(({ data, timestamp }) => data.timestamp === timestamp));
});

test("text that Chatwoot would run as a template is posted harmless and shown as it was", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const reply = "Dear {{ contact.email }} {% if x %} {name}";
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url)],
    config: { replies: { rules: [{ contains: "", reply }] } },
  });
  const channel = "conversation:7002";
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
  await post(deskwire, incomingMessage({ conversation: 7002, id: 50_002 }));
  await client.event("message:status");
  const [posted] = chatwoot.posted(7002);
  assert.doesNotMatch(posted.content, /\{\{|\{%/);
  const { data } = await client.event("message:ai");
  // A word joiner between the braces is what nobody sees.
  assert.match(data.content.replaceAll("\u2060", ""), /\{\{ contact\.email \}\} \{% if x %\}/);
});

test("our own post coming back as a webhook is no event, and later events about it keep our id", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  const channel = "conversation:7003";
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
  await post(deskwire, incomingMessage({ conversation: 7003, id: 50_003 }));
  await client.event("message:status");
  const [posted] = chatwoot.posted(7003);
  const before = client.pushes.items.length;

  const echo = (event, more, content = posted.content) =>
    incomingMessage({
      conversation: 7003,
      id: posted.id,
      content,
      change: (message) => {
        message.event = event;
        message.message_type = "outgoing";
        message.source_id = posted.source_id;
        message.sender = { id: 11, name: "Acme AI", type: "agent_bot" };
        Object.assign(message.conversation.messages[0], { message_type: 1, ...more });
      },
    });
  const answer = await post(deskwire, echo("message_created"));
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.answer, { job: null, duplicate: false });

  await post(deskwire, echo("message_updated", { status: "read" }));
  const read = await client.event("message:status", ({ data }) => data.status === "read");
  assert.equal(read.data.messageId, posted.source_id);
  assert.equal(client.pushes.items.length, before + 1, "the echo itself was not shown");

  await post(deskwire, echo("message_updated", {}, `${posted.content} (corrected by Ravi)`));
  const { data } = await client.event("message:edited");
  assert.equal(data.messageId, posted.source_id);
  assert.match(data.content, /corrected by Ravi/);
});

test("our own post is known by its id where the channel has put another source id in place of ours", async (t) => {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), "conversation:7013");
  await post(deskwire, incomingMessage({ conversation: 7013, id: 50_013 }));
  await client.event("message:status");
  const [posted] = chatwoot.posted(7013);
  const told = (id, change) => post(deskwire, incomingMessage({ conversation: 7013, id, content: "Thanks", change }));
  await told(posted.id, (message) => {
    message.message_type = "outgoing";
    message.source_id = "wamid.HBgL";
    message.sender = { id: 11, name: "Acme AI", type: "agent_bot" };
  });
  await told(50_014, (message) => {
    message.message_type = "outgoing";
    message.sender = { id: 5, name: "Bea", type: "user" };
    message.content_attributes = { in_reply_to: posted.id };
  });
  const answer = await client.event("message:agent");
  assert.equal(answer.data.messageId, "50014", "the echo was not shown");
  assert.equal(answer.data.inReplyTo, posted.source_id);
});

test("a client that missed 50 events gets exactly those, in order", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: [SANDBOX_SOURCE] });
  const channel = "conversation:try~missed";
  const token = await deskwire.token();
  const first = await PlainClient.subscribed(t, deskwire.socket, token, channel);
  const other = await PlainClient.open(t, deskwire.socket);
  await other.command("connect", { token });
  const react = (n) =>
    other.command("publish", { channel, event: "reaction:add", data: { messageId: `m${n}`, emoji: "+" } });
  await react(0);
  const { epoch, offset } = await first.event("reaction:add");
  await first.close();

  for (let n = 1; n <= 50; n++) {
    // Half of the allowed rate is not exceeded: each waits for the answer to the one before.
    await react(n).catch(async (error) => {
      if (error.code !== 42910) throw error;
      await pause(error.retry_after_ms);
      await react(n);
    });
  }

  const again = await PlainClient.subscribed(t, deskwire.socket, token, channel, { epoch, offset });
  assert.equal(again.subscription.recovered, true);
  await again.event("reaction:add", ({ data }) => data.messageId === "m50");
  await again.command("ping", {});
  const missed = again.pushes.items.map(({ data }) => data.messageId);
  assert.deepEqual(missed, Array.from({ length: 50 }, (_, i) => `m${i + 1}`));
  assert.deepEqual(
    again.pushes.items.map((push) => push.offset),
    Array.from({ length: 50 }, (_, i) => offset + 1 + i),
  );

  const strange = await PlainClient.subscribed(t, deskwire.socket, token, channel, { epoch: "no-such-epoch", offset });
  assert.equal(strange.subscription.recovered, false, "another epoch cannot be recovered");
});

test("a sandbox post that fails is struck through by a failed status, and typing ends", async (t) => {
  const deskwire = await startedDeskwire(t, {
    sources: [{ ...SANDBOX_SOURCE, namespace: "" }],
    config: { jobs: { backoff: { base_ms: 1, cap_ms: 1 } } },
  });
  const session = await fetch(`${deskwire.gateway}/v1/sandbox/sessions`, { method: "POST" });
  assert.ok(session.ok, String(session.status));
  const { conversation, token } = await session.json();
  assert.ok(conversation.length >= 20, "the conversation cannot be guessed");
  const channel = `conversation:${conversation}`;
  const client = await PlainClient.subscribed(t, deskwire.socket, token, channel);
  const answer = await client.command("send", {
    channel,
    content: "hello",
    clientMessageId: "c-1",
    simulate: { post: "fail" },
  });
  assert.ok(answer.messageId && answer.job);
  const repeated = await client.command("send", { channel, content: "hello", clientMessageId: "c-1" });
  assert.equal(repeated.messageId, answer.messageId, "a repeat is the same message");
  assert.equal(repeated.job, answer.job);

  const reply = await client.event("message:ai");
  const failed = await client.event("message:status", ({ data }) => data.status === "failed");
  assert.equal(failed.data.messageId, reply.data.messageId);
  assert.ok(failed.data.reason);
  await client.event("typing:stop");
  assert.equal(client.names().filter((name) => name === "message:ai").length, 1);
  assert.equal(client.names().filter((name) => name === "message:user").length, 1);
});
