// No customer's token reaches what is internal: every event type on every restricted channel, through
// every door and under every name that somebody might try. What is looked for is a mark in the data,
// in everything that a customer's connections ever received.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import WebSocket from "ws";

import { DeskwireClient } from "../../clients/js/src/index.js";
import { SANDBOX_SOURCE, SERVER_KEY, startedDeskwire } from "./support/deskwire.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { rawConnection } from "./support/raw_http.mjs";
import { within } from "./support/waiting.mjs";

globalThis.crypto ??= webcrypto;

const MARK = "for-agents-only";
const RESTRICTED = ["conversation:42:internal", "agents", "oncall", "ops"];
const EVENTS = [
  "message:user", "message:agent", "message:ai", "message:delta", "message:edited", "message:deleted", "message:status",
  "typing:start", "typing:stop", "read", "delivered", "reaction:add", "reaction:remove",
  "presence:enter", "presence:update", "presence:leave",
  "conversation:status", "conversation:assigned", "conversation:handoff", "conversation:updated",
  "ui:suggestions", "ui:suggestionSelected",
  "sla:warning", "sla:violation", "sla:met", "sla:paused", "sla:resumed", "sla:cancelled", "sla:retracted",
  "sla:acknowledged", "sla:unacknowledged", "sla:snoozed", "sla:escalated",
  "alert:firing", "alert:resolved", "app:own",
];
const ALL = ["subscribe", "publish", "presence", "history", "sla"];
const CUSTOMERS = {
  "everything": { "*": ALL },
  "its conversation": { "conversation:42": ALL, "user:ann": ALL },
  "every conversation": { "conversation:*": ALL },
  "three segments": { "conversation:*:*": ALL, "*:*:*": ALL, "*:*": ALL, "*:internal": ALL },
  "another's internal channel": { "conversation:43:internal": ALL, "*": ALL },
};
/** What somebody might write for a restricted channel. */
const NAMES = [
  ...RESTRICTED,
  "conversation:42:internal:", ":conversation:42:internal", "conversation:42::internal", "conversation:*:internal",
  "CONVERSATION:42:INTERNAL", "conversation:42:Internal", "OPS", "Agents", "oncall ", " ops", "ops\n", "ops\u0000",
  "conversation%3A42%3Ainternal", "conversation:42%3Ainternal", "%6fps", "conversation:42/internal",
  "conversation:42:internal:x", "ops:x", "x:ops", "conversation:42\u200b:internal", "ｏｐｓ", "оps",
  "conversation:42:internal\ufeff", "conversation:42~internal", "conversation:h-42:internal", "dw:{0}:log:ops",
];
/** The same as path segments, as bytes on the wire. */
const PATHS = [
  ...NAMES.map(encodeURIComponent),
  "conversation:42:internal", "conversation%3a42%3ainternal", "conversation%253A42%253Ainternal", "conversation:42:%69nternal",
  "%6F%70%73", "%2e%2e/ops", "ops%2f", "ops%00", "conversation:42%3Ainternal", "./ops", "../channels/ops", "ops;x", "ops%23",
  "conversation:42:internal?", "%ef%bd%8f%ef%bd%90%ef%bd%93", "%c0%afops", "ops%", "ops%2",
];

async function publishEverything(deskwire, round) {
  for (const channel of RESTRICTED) {
    for (const event of EVENTS) {
      const response = await fetch(`${deskwire.gateway}/v1/channels/${encodeURIComponent(channel)}/messages`, {
        method: "POST",
        headers: { Authorization: `Bearer ${SERVER_KEY}` },
        body: JSON.stringify({ event, data: { mark: MARK, round, messageId: "1", clientId: "x" } }),
      });
      assert.equal(response.status, 201, `${event} on ${channel}: ${await response.text()}`);
    }
  }
}

/** One request exactly as written; resolves with everything that came back. */
async function raw(t, deskwire, method, path, token, body = "") {
  const { socket, closed } = await rawConnection(t, deskwire.gateway);
  let text = "";
  socket.on("data", (data) => (text += data));
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  return { answer: () => text, ended: closed, socket };
}

test("no restricted channel opens to a customer's token, whatever it is called", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] });
  await publishEverything(deskwire, "before");

  // An agent who may sees it all: otherwise the rest would prove nothing.
  const agentsToken = await deskwire.token({ clientId: "agent", capability: Object.fromEntries(RESTRICTED.map((name) => [name, ALL])) });
  const agent = await PlainClient.open(t, `${deskwire.socket}?token=${agentsToken}`);
  for (const channel of RESTRICTED) await agent.command("subscribe", { channel });

  for (const [who, capability] of Object.entries(CUSTOMERS)) {
    await t.test(`with ${who}`, async (t) => {
      const token = await deskwire.token({ clientId: "ann", role: "customer", capability });
      const seen = [];
      const client = await PlainClient.open(t, `${deskwire.socket}?token=${token}`);
      let id = 10;
      const open = [];
      for (const channel of NAMES) {
        const recover = { epoch: agent.frames.items.find(({ push }) => push)?.push.epoch ?? "x", offset: 0 };
        const verbs = [
          { subscribe: { channel } }, { subscribe: { channel, recover } }, { history: { channel } }, { presence: { channel } },
          { enter: { channel, data: {} } }, { update: { channel, data: {} } }, { send: { channel, content: "let me in" } },
          { publish: { channel, event: "typing:start", data: {} } }, { publish: { channel, event: "read", data: { messageId: "1" } } },
          { publish: { channel, event: "message:agent", data: {} } }, { leave: { channel } }, { unsubscribe: { channel } },
        ];
        for (const verb of verbs) {
          const answer = await client.ask({ id: ++id, ...verb });
          if (!RESTRICTED.includes(channel)) continue;
          const code = answer.error?.code;
          assert.ok([40160, 40400, 42910].includes(code), `${JSON.stringify(verb)}: ${JSON.stringify(answer)}`);
        }
        const again = await client.ask({ id: ++id, subscribe: { channel } });
        if (again.ok) open.push(channel);
      }
      assert.ok(!open.some((channel) => RESTRICTED.includes(channel)), `${open}`);

      for (const path of PATHS) {
        const requests = [
          ["GET", "messages"], ["GET", "messages?after=0&limit=200"], ["GET", "presence"], ["GET", "poll?wait=0"],
          ["GET", "poll?wait=0&epoch=x&offset=0"], ["GET", "events"], ["POST", "messages", { event: "read", data: { messageId: "1" } }],
          ["POST", "messages", { content: "let me in" }], ["POST", "messages", { event: "message:agent", data: {} }],
        ];
        for (const [method, what, body] of requests) {
          const { answer, ended, socket } = await raw(t, deskwire, method, `/v1/channels/${path}/${what}`, token, body && JSON.stringify(body));
          // A stream stays open where the name is harmless: its head and first event are enough.
          const begun = new Promise((resolve) => socket.on("data", () => answer().includes("event: subscribed") && resolve()));
          await within(Promise.race([ended, begun]), `${method} ${path}/${what}`);
          socket.destroy();
          seen.push(answer());
          if (RESTRICTED.some((name) => encodeURIComponent(name) === path)) {
            assert.match(answer(), /^HTTP\/1.1 4\d\d /, `${method} ${path}/${what}`);
          }
        }
      }
      for (const path of ["/v1/conversations/42%3Ainternal/suggestions", "/v1/conversations/42:internal/suggestions", "/v1/sla/alerts/1/ack"]) {
        const { answer, ended } = await raw(t, deskwire, "GET", path, token);
        await within(ended, path);
        assert.match(answer(), /^HTTP\/1.1 4\d\d /, path);
        seen.push(answer());
      }

      const js = new DeskwireClient({ url: deskwire.gateway, WebSocket, token });
      t.after(() => js.close());
      js.connect();
      for (const name of RESTRICTED) {
        const channel = js.channel(name);
        channel.on("event", (event) => seen.push(JSON.stringify(event)));
        await assert.rejects(within(channel.subscribe({ history: 50 }), `the refusal of ${name}`), { code: 40160 });
      }

      await publishEverything(deskwire, who);
      for (const channel of RESTRICTED) {
        await agent.event("app:own", (push) => push.channel === channel && push.data.round === who);
      }
      await client.command("ping", {});
      const everything = seen.join("\n") + JSON.stringify(client.frames.items);
      assert.ok(!everything.includes(MARK), "the mark has reached a customer");
    });
  }
  const marked = agent.pushes.items.filter(({ data }) => data.mark === MARK);
  assert.ok(marked.length >= Object.keys(CUSTOMERS).length * RESTRICTED.length * (EVENTS.length - 4), `${marked.length}`);
});

test("a server key's ceiling bounds its tokens and what it publishes", async (t) => {
  const narrow = "narrow-server-key-0123456789abcdef";
  const deskwire = await startedDeskwire(t, {
    config: {
      gateway: {
        server_keys: [{ secret: SERVER_KEY }, { secret: narrow, capability: { "conversation:*": ["publish", "subscribe"], "user:*": ["subscribe"] } }],
      },
    },
  });
  const issue = async (body, key = narrow) => {
    const response = await fetch(`${deskwire.gateway}/v1/tokens`, {
      method: "POST",
      headers: key ? { Authorization: `Bearer ${key}` } : {},
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const answer = await response.json();
    return [response.status, answer.error?.code, answer.error?.field];
  };
  const asked = (capability) => issue({ clientId: "c", capability });
  assert.deepEqual(await asked({ "conversation:42": ["subscribe"] }), [200, undefined, undefined]);
  assert.deepEqual(await asked({ "conversation:*": ["publish"], "user:7": ["subscribe"] }), [200, undefined, undefined]);
  for (const capability of [
    { "*": ["subscribe"] }, { "conversation:42": ["history"] }, { "user:*": ["publish"] }, { "conversation:42:internal": ["subscribe"] },
    { "conversation:*:internal": ["subscribe"] }, { "*:*": ["subscribe"] }, { ops: ["subscribe"] }, { "conversation:42": ["subscribe", "sla"] },
  ]) {
    assert.deepEqual(await asked(capability), [401, 40160, undefined], JSON.stringify(capability));
  }
  assert.deepEqual(await issue({ clientId: "c", capability: {} }), [400, 40001, "capability"]);
  assert.deepEqual(await issue({ clientId: "", capability: { a: ["publish"] } }), [400, 40001, "clientId"]);
  assert.deepEqual(await issue({ clientId: "c", ttl: 86_400_001, capability: { "user:1": ["subscribe"] } }), [400, 40001, "ttl"]);
  assert.deepEqual(await issue({ clientId: "c", role: "boss", capability: { "user:1": ["subscribe"] } }), [400, 40001, "role"]);
  assert.deepEqual(await issue("[]"), [400, 40020, undefined]);
  assert.deepEqual(await issue("{"), [400, 40020, undefined]);
  assert.deepEqual(await issue({}, "unknown-key"), [401, 40101, undefined]);
  assert.deepEqual(await issue({}, null), [401, 40101, undefined]);
  const clientsToken = await deskwire.token();
  assert.deepEqual(await issue({ clientId: "c", capability: { a: ["publish"] } }, clientsToken), [401, 40101, undefined]);

  const publish = async (channel, event) => {
    const response = await fetch(`${deskwire.gateway}/v1/channels/${channel}/messages`, {
      method: "POST",
      headers: { Authorization: `Bearer ${narrow}` },
      body: JSON.stringify({ event, data: {} }),
    });
    return response.status;
  };
  for (const event of EVENTS) assert.equal(await publish("conversation:42", event), 201, event);
  for (const channel of ["user:7", "ops", "agents", "conversation:42:internal", "room:1"]) {
    assert.equal(await publish(channel, "message:agent"), 401, channel);
  }
});
