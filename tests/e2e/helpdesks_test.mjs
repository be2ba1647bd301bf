// Other helpdesks at the built binary: every payload signed by `deskwire send`, every bent one
// explained by `deliveries verify`; a reply to Zendesk; a customer's message into an API inbox.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, test } from "node:test";

import { chatwootSource, FIXTURES, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { eventually, Recorder } from "./support/waiting.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";

const VENDORS = ["zendesk", "intercom", "front", "helpscout", "zammad", "freshdesk"];
const source = (type, more = {}) => ({ name: type, type, namespace: type, secrets: [`secret-of-${type}`], ...more });
const payloads = (vendor) =>
  readdirSync(join(FIXTURES, vendor)).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
const path = (vendor, name) => join(FIXTURES, vendor, `${name}.json`);

/** Help Scout names its events in a header. */
const eventOption = (vendor, name) => (vendor === "helpscout" ? ["--event", name] : []);

/** A Zendesk that keeps the comments it gets. */
async function fakeZendesk(t) {
  const updates = new Recorder();
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    updates.push({ method: request.method, url: request.url, body, authorization: request.headers.authorization });
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ ticket: { id: 5158 }, audit: { id: 1, events: [{ id: 79001, type: "Comment" }] } }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, updates };
}

/** Chatwoot's webhook about a message in an API inbox. */
function inApiInbox({ conversation, id, content, source_id = null }) {
  return incomingMessage({
    conversation,
    id,
    content,
    change: (message) => {
      message.conversation.channel = "Channel::Api";
      message.source_id = source_id;
    },
  });
}

describe("helpdesks", { concurrency: true }, () => {
  test("every payload of every helpdesk is signed by send and taken in", async (t) => {
    const deskwire = await startedDeskwire(t, { sources: VENDORS.map((vendor) => source(vendor)) });
    for (const vendor of VENDORS) {
      for (const name of payloads(vendor)) {
        const args = ["send", "--json", "--source", vendor, path(vendor, name), ...eventOption(vendor, name)];
        const { code, stdout, stderr } = await deskwire.cli(args);
        assert.equal(code, 0, `${vendor}/${name}: ${stdout}${stderr}`);
        const { status, body } = JSON.parse(stdout);
        assert.equal(status, body.job === null ? 200 : 202, `${vendor}/${name}`);
        assert.equal(body.duplicate, false, `${vendor}/${name}`);
      }
    }
    const events = await deskwire.history("conversation:intercom~215469");
    const users = events.filter(({ event }) => event === "message:user").map(({ data }) => data.content);
    assert.deepEqual(users, ["Where is my parcel?", "The blue one."]);
    // Sources that are only listened to have no reply on the channel.
    assert.equal(events.filter(({ event }) => event === "message:ai").length, 0);
  });

  test("a bent delivery of each is refused, kept and explained", async (t) => {
    const signing = VENDORS.filter((vendor) => vendor !== "freshdesk");
    const deskwire = await startedDeskwire(t, { sources: signing.map((vendor) => source(vendor)) });
    for (const vendor of signing) {
      const refused = await fetch(`${deskwire.receiver}/webhooks/${vendor}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: readFileSync(path(vendor, payloads(vendor)[0])),
      });
      assert.equal(refused.status, 401);
      const [kept] = await eventually(
        async () => JSON.parse((await deskwire.cli(["deliveries", "ls", "--json"])).stdout).deliveries.filter((one) => one.source === vendor),
        (found) => found.length === 1,
        `the refused delivery of ${vendor}`,
      );
      assert.equal(kept.reason, "missing_signature");
      const { code, stdout } = await deskwire.cli(["deliveries", "verify", kept.id]);
      assert.equal(code, 1);
      assert.match(stdout, /signature +FAILS +X-[A-Za-z-]+ is missing/);
    }
  });

  test("a Zendesk customer is answered by a public comment that carries our id", async (t) => {
    const zendesk = await fakeZendesk(t);
    const deskwire = await startedDeskwire(t, {
      sources: [source("zendesk", { base_url: zendesk.url, bot_token: "bot@example.com/token:abc" })],
    });
    const channel = "conversation:zendesk~5158";
    const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
    const file = path("zendesk", "ticket.comment_added.customer");
    assert.equal((await deskwire.cli(["send", "--source", "zendesk", file])).code, 0);
    const status = await client.event("message:status");
    assert.equal(status.data.status, "sent");
    assert.equal(status.data.helpdeskId, "79001");
    const [update] = zendesk.updates.items;
    assert.equal(`${update.method} ${update.url}`, "PUT /api/v2/tickets/5158.json");
    assert.match(update.authorization, /^Basic /);
    assert.equal(update.body.ticket.comment.public, true);
    assert.equal(update.body.ticket.metadata.deskwire, status.data.messageId);
  });

  test("a customer's message over the gateway reaches an API inbox once, and is answered once", async (t) => {
    const chatwoot = await FakeChatwoot.start(t);
    const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
    const conversation = 7801;
    const channel = `conversation:${conversation}`;
    // Chatwoot tells its webhooks of what was written through its API.
    chatwoot.hooks.afterAnswer = async ({ body }, message) => {
      if (body.message_type !== "incoming") return;
      const { id, content, source_id } = message;
      await post(deskwire, inApiInbox({ conversation, id, content, source_id }));
    };
    const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token({ role: "customer" }), channel);
    const send = (content, clientMessageId) => client.command("send", { channel, content, clientMessageId });
    await assert.rejects(send("too early", "c-0"), { code: 40301 });

    await post(deskwire, inApiInbox({ conversation, id: 57_801, content: "first" }));
    await client.event("message:status");
    const first = await send("Where is it?", "c-1");
    assert.match(first.messageId, /^dw-/);
    assert.ok(first.job && first.offset > 0);
    const again = await send("Where is it?", "c-1");
    assert.equal(again.messageId, first.messageId);
    assert.equal(again.job, first.job);

    await eventually(
      async () => client.pushes.items,
      (pushes) => pushes.filter(({ event }) => event === "message:ai").length === 2,
      "the reply to what was sent",
    );
    const about = client.pushes.items.filter(({ data }) => data.messageId === first.messageId);
    await eventually(
      async () => client.pushes.items.filter(({ data }) => data.messageId === first.messageId),
      (seen) => seen.length === 2,
      "the status of the sent message",
    );
    assert.equal(about[0].event, "message:user");
    assert.equal(about[0].data.clientMessageId, "c-1");
    const written = chatwoot.calls.items.filter(({ name, body }) => name === "POST messages" && body.message_type === "incoming");
    assert.deepEqual(written.map(({ body }) => [body.content, body.source_id]), [["Where is it?", first.messageId]]);
    const users = client.pushes.items.filter(({ event }) => event === "message:user").map(({ data }) => data.content);
    assert.deepEqual(users, ["first", "Where is it?"]);
  });
});
