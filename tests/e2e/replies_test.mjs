// Answers by a model: what streams, stalls, breaks and talks nonsense ends as the config says.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chatwootSource, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { behaviours, ModelServer } from "./support/model_server.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { eventually } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

let nextId = 71_000;

/** A server with a model behind it, and a client on both channels of one conversation. */
async function scene(t, { conversation, replies = {}, jobs = {}, behaviour }) {
  const chatwoot = await FakeChatwoot.start(t);
  const model = await ModelServer.start(t);
  if (behaviour) model.behaviour = behaviour;
  const deskwire = await startedDeskwire(t, {
    sources: [chatwootSource(chatwoot.url)],
    config: {
      replies: {
        responder: "openai",
        openai: { url: model.url, model: "stand-in", key: "model-key", first_token_timeout_ms: 1000, timeout_ms: 3000, ...replies.openai },
        ...Object.fromEntries(Object.entries(replies).filter(([name]) => name !== "openai")),
      },
      jobs: { backoff: { base_ms: 10, cap_ms: 50 }, ...jobs },
    },
  });
  const token = await deskwire.token();
  const channel = `conversation:${conversation}`;
  const customer = await PlainClient.subscribed(t, deskwire.socket, token, channel);
  const agents = await PlainClient.subscribed(t, deskwire.socket, token, `${channel}:internal`);
  const ask = (content, change) =>
    post(deskwire, incomingMessage({ conversation, id: nextId++, content, change }));
  return { chatwoot, model, deskwire, customer, agents, ask, channel };
}

/** Whatever happened, typing ended after it began. */
function assertNoStuckTyping(client) {
  const typing = client.names().filter((name) => name.startsWith("typing:"));
  if (typing.length > 0) assert.equal(typing.at(-1), "typing:stop");
}

const deltas = (client) => client.pushes.items.filter(({ event }) => event === "message:delta");

test("an answer streams to agents while it is written, and to the customer as a whole", async (t) => {
  const { model, customer, agents, ask, chatwoot, deskwire } = await scene(t, {
    conversation: 7201,
    behaviour: behaviours.says("Your parcel left our house this morning.", { everyMs: 15 }),
  });
  const { answer } = await ask("Where is my parcel?");
  const reply = await customer.event("message:ai");
  await customer.event("message:status");
  assert.equal(reply.data.content, "Your parcel left our house this morning.");
  const pieces = deltas(agents);
  assert.ok(pieces.length > 3, "it came in pieces");
  assert.deepEqual(pieces.map(({ data }) => data.index), pieces.map((_, i) => i));
  assert.ok(pieces.every(({ data, offset }) => data.messageId === reply.data.messageId && offset === undefined));
  assert.equal(pieces.map(({ data }) => data.text).join(""), reply.data.content);
  assert.equal(deltas(customer).length, 0);
  assert.equal(chatwoot.posted(7201)[0].content, reply.data.content);
  assertNoStuckTyping(customer);

  const [{ body, headers, path }] = model.questions;
  assert.equal(path, "/v1/chat/completions");
  assert.equal(headers.authorization, "Bearer model-key");
  assert.equal(body.model, "stand-in");
  assert.equal(body.stream, true);
  assert.equal(body.tools, undefined);
  assert.ok(body.messages.every(({ role, content }) => role !== "system" || !content.includes("parcel")));
  assert.equal(body.messages.at(-1).content, "Where is my parcel?");

  const shown = await deskwire.cli(["jobs", "show", answer.job]);
  assert.match(shown.stdout, /answer \d+ ms.*post \d+ ms.*by openai, first token after \d+ ms, \d+ tokens/s);
});

test("customers see the pieces too where replies.stream_to_customer is set", async (t) => {
  const { customer, ask } = await scene(t, {
    conversation: 7202,
    replies: { stream_to_customer: true },
    behaviour: behaviours.says("One two three four."),
  });
  await ask("Count, please");
  await customer.event("message:ai");
  assert.equal(deltas(customer).map(({ data }) => data.text).join(""), "One two three four.");
});

test("earlier messages are the model's context, with card numbers and secrets masked", async (t) => {
  const { model, customer, ask } = await scene(t, { conversation: 7203 });
  await ask("My card is 4111 1111 1111 1111 and my password: hunter22");
  await customer.event("message:status");
  await ask("Did you get it?");
  await eventually(() => model.questions.length, (count) => count === 2, "two questions");
  const sent = JSON.stringify(model.questions.map(({ body }) => body));
  assert.ok(!sent.includes("4111") && !sent.includes("hunter22"), sent);
  assert.match(sent, /\[card …1111\]/);
  const roles = model.questions[1].body.messages.map(({ role }) => role);
  assert.deepEqual(roles.filter((role) => role === "assistant"), ["assistant"]);
  assert.equal(model.questions[1].body.messages.at(-1).content, "Did you get it?");
});

const bad = [
  ["is silent", behaviours.silent, "timeout"],
  ["stalls in the middle", behaviours.stalls(), "timeout"],
  ["drops the connection in the middle", behaviours.drops(), "unavailable"],
  ["answers 500", behaviours.status(500), "unavailable"],
  ["answers garbage", behaviours.garbage, "unavailable"],
  ["breaks its stream", behaviours.brokenStream, "unavailable"],
  ["refuses the key", behaviours.status(401), "unauthorized"],
];

bad.forEach(([how, behaviour, code], i) => {
  test(`a model that ${how}: people get the conversation`, async (t) => {
    const { customer, agents, ask, chatwoot, deskwire } = await scene(t, {
      conversation: 7210 + i,
      behaviour,
      replies: { openai: { first_token_timeout_ms: 150, timeout_ms: 400 } },
    });
    const { answer } = await ask("Hello?");
    const handoff = await customer.event("conversation:handoff");
    assert.equal(handoff.data.reason, code);
    const job = JSON.parse((await deskwire.cli(["jobs", "show", answer.job, "--json"])).stdout);
    assert.equal(job.state, "dead");
    assert.equal(job.error.code, code);
    const note = await eventually(() => chatwoot.posted(7210 + i), (posts) => posts.length > 0, "a note");
    assert.equal(note.length, 1);
    assert.equal(note[0].private, true);
    assert.match(note[0].content, new RegExp(`Reason: ${code}`));
    assert.ok(chatwoot.calls.items.some(({ name, body }) => name === "POST toggle_status" && body.status === "open"));
    assert.equal(customer.names().filter((name) => name === "message:ai").length, 0);
    // What was shown of a draft is taken back.
    if (deltas(agents).length > 0) await agents.event("message:deleted");
    assertNoStuckTyping(customer);
  });

  test(`a model that ${how}: the next in the chain answers`, async (t) => {
    const { customer, ask } = await scene(t, {
      conversation: 7230 + i,
      behaviour,
      replies: {
        openai: { first_token_timeout_ms: 150, timeout_ms: 400 },
        chain: ["template"],
        rules: [{ contains: "", reply: "We are on it." }],
      },
    });
    await ask("Hello?");
    const reply = await customer.event("message:ai");
    assert.equal(reply.data.content, "We are on it.");
    await customer.event("message:status");
    assertNoStuckTyping(customer);
  });
});

test("a model that answers 429 is asked again when it says, without using up attempts", async (t) => {
  let refusals = 0;
  const { customer, ask } = await scene(t, {
    conversation: 7250,
    behaviour: (entry, response) =>
      refusals++ === 0
        ? behaviours.status(429, { "Retry-After": "1" })(entry, response)
        : behaviours.says("Here I am.")(entry, response),
  });
  await ask("Hello?");
  const reply = await customer.event("message:ai");
  assert.equal(reply.data.content, "Here I am.");
  assert.equal(refusals, 2);
});

test("an answer of 100 kB is cut, and not listened to for longer than that", async (t) => {
  const { customer, ask, chatwoot } = await scene(t, {
    conversation: 7251,
    behaviour: behaviours.says("", { pieces: Array.from({ length: 2000 }, () => "All of this is far too long, dear. ".repeat(2)) }),
    replies: { guards: { max_characters: 500 } },
  });
  await ask("Tell me everything");
  const reply = await customer.event("message:ai");
  assert.ok([...reply.data.content].length <= 500 && reply.data.content.endsWith("…"));
  await customer.event("message:status");
  assert.equal(chatwoot.posted(7251)[0].content, reply.data.content);
});

test("a server that ignores `stream` is understood", async (t) => {
  const { customer, ask } = await scene(t, { conversation: 7252, behaviour: behaviours.whole("All at once.") });
  await ask("Hello?");
  assert.equal((await customer.event("message:ai")).data.content, "All at once.");
});

test("a human answer stops the model in the middle of its own", async (t) => {
  const { customer, agents, ask, chatwoot, deskwire, model } = await scene(t, {
    conversation: 7260,
    replies: { openai: { timeout_ms: 30_000 } },
    behaviour: behaviours.says("", { pieces: Array.from({ length: 500 }, (_, i) => `word${i} `), everyMs: 50 }),
  });
  const { answer } = await ask("Hello?");
  await agents.event("message:delta", ({ data }) => data.index > 2);
  const human = incomingMessage({
    conversation: 7260,
    id: nextId++,
    content: "I have it.",
    change: (message) => {
      message.message_type = "outgoing";
      message.sender = { id: 5, name: "Bea", email: "bea@example.com", type: "user" };
      message.conversation.status = "open";
    },
  });
  await post(deskwire, human);
  const deleted = await agents.event("message:deleted");
  assert.equal(deleted.data.messageId, deltas(agents)[0].data.messageId);
  await model.requests.until(({ closed }) => closed, "the end of the model's call");
  await customer.event("typing:stop");
  const job = await eventually(
    async () => JSON.parse((await deskwire.cli(["jobs", "show", answer.job, "--json"])).stdout),
    ({ state }) => state === "completed",
    "the job's end",
  );
  assert.match(job.outcome, /^skipped:(answered_by_human|not_pending|assigned_to_human)$/);
  assert.equal(chatwoot.posted(7260).length, 0);
});

test("timing says what an observer of the model sees", async (t) => {
  const { customer, ask, model } = await scene(t, {
    conversation: 7270,
    behaviour: behaviours.says("Slow but sure.", { delayMs: 400 }),
  });
  const accepted = ask("Hello?").then(() => performance.now());
  const { data } = await customer.event("message:ai");
  const [{ begunAt, endedAt }] = await eventually(() => model.questions, ([{ endedAt }]) => endedAt, "the end");
  const { queue_duration_ms: queued, ai_duration_ms: answering } = data.timing;
  t.diagnostic(`ai_duration_ms ${answering}, observed ${(endedAt - begunAt).toFixed(1)}`);
  t.diagnostic(`queue_duration_ms ${queued}, observed ${(begunAt - (await accepted)).toFixed(1)}`);
  assert.ok(answering >= 400 && queued >= 0);
});
