// Every row of the gateway's REST, as a program of one's own would use it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SANDBOX_SOURCE, SERVER_KEY, startedDeskwire } from "./support/deskwire.mjs";
import { jwt } from "./support/jwt.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { rawStatus } from "./support/raw_http.mjs";
import { eventually, within } from "./support/waiting.mjs";

const CHANNEL = "conversation:42";
const PATH = "/v1/channels/conversation%3A42";
const SOURCES = [{ ...SANDBOX_SOURCE, namespace: "" }];

/** Asks; an error must have the one shape, with the status that its code begins with. */
async function ask(deskwire, method, path, { key = SERVER_KEY, body, headers = {} } = {}) {
  const response = await fetch(deskwire.gateway + path, {
    method,
    headers: { ...(key && { Authorization: `Bearer ${key}` }), ...headers },
    body: typeof body === "string" || body === undefined ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const json = text === "" ? null : JSON.parse(text);
  if (response.status >= 400) {
    const { code, message, field, retry_after_ms, ...rest } = json.error;
    assert.deepEqual([Object.keys(json), rest], [["error"], {}], text);
    assert.equal(Math.floor(code / 100), response.status, text);
    assert.equal(typeof message, "string");
    assert.ok(field === undefined || typeof field === "string");
    assert.equal(retry_after_ms === undefined, !response.headers.has("Retry-After"), text);
  }
  return { status: response.status, json, code: json?.error?.code, field: json?.error?.field, headers: response.headers };
}

test("publishing is idempotent under a key, and only for the same publisher and channel", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: SOURCES });
  const publish = (path, idempotency, key) =>
    ask(deskwire, "POST", `${path}/messages`, {
      key,
      headers: idempotency ? { "Idempotency-Key": idempotency } : {},
      body: { event: "read", data: { messageId: "1" } },
    });
  const first = await publish(PATH, "k-1");
  assert.deepEqual([first.status, first.json.offset, first.json.duplicate], [201, 1, undefined]);
  const again = await publish(PATH, "k-1");
  assert.deepEqual([again.status, again.json.id, again.json.duplicate], [200, first.json.id, true]);
  assert.equal((await publish(PATH)).json.offset, 2);
  assert.equal((await publish("/v1/channels/conversation:43", "k-1")).status, 201, "another channel");
  assert.equal((await publish(PATH, "k-1", jwt({ sub: "ann" }))).status, 201, "another publisher");
  assert.equal((await publish(PATH, "k-1", jwt({ sub: "ann" }))).status, 200);
  assert.equal((await publish(PATH, "k-1", jwt({ sub: "bob" }))).status, 201);
  const long = await publish(PATH, "x".repeat(201));
  assert.deepEqual([long.status, long.code], [400, 40001]);
  const many = await Promise.all(Array.from({ length: 20 }, () => publish(PATH, "k-2")));
  assert.equal(many.filter(({ status }) => status === 201).length, 1, "at the same time as well");
  assert.equal(new Set(many.map(({ json }) => json.id)).size, 1);

  const sent = (id) =>
    ask(deskwire, "POST", `${PATH}/messages`, { key: jwt({ sub: "ann", role: "customer" }), headers: { "Idempotency-Key": id }, body: { content: "Hello" } });
  const message = await sent("m-1");
  assert.equal(message.status, 201);
  assert.ok(message.json.messageId && message.json.job && message.json.offset);
  const repeated = await sent("m-1");
  assert.deepEqual([repeated.status, repeated.json.messageId, repeated.json.job], [200, message.json.messageId, message.json.job]);
});

test("history pages both ways, and bad parameters are named", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: SOURCES });
  for (let n = 1; n <= 5; n++) {
    await ask(deskwire, "POST", `${PATH}/messages`, { body: { event: "message:agent", data: { n } } });
  }
  const page = async (query) => {
    const { json } = await ask(deskwire, "GET", `${PATH}/messages?${query}`);
    return [json.events.map(({ data }) => data.n), json.more];
  };
  assert.deepEqual(await page(""), [[1, 2, 3, 4, 5], false]);
  assert.deepEqual(await page("limit=2"), [[4, 5], true]);
  assert.deepEqual(await page("limit=2&before=4"), [[2, 3], true]);
  assert.deepEqual(await page("limit=2&before=2"), [[1], false]);
  assert.deepEqual(await page("limit=2&after=1"), [[2, 3], true]);
  assert.deepEqual(await page("limit=200&after=5"), [[], false]);
  assert.deepEqual(await page("limit=2&after=0"), [[1, 2], true]);
  assert.deepEqual(await page("limit=2&before=0"), [[], false]);
  for (const [query, field] of [["limit=0", "limit"], ["limit=201", "limit"], ["limit=x", "limit"], ["before=-1", "before"], ["after=1.5", "after"], ["before=1&after=1", "after"], ["before=0&after=0", "after"]]) {
    const { status, code, field: named } = await ask(deskwire, "GET", `${PATH}/messages?${query}`);
    assert.deepEqual([status, code, named], [400, 40001, field], query);
  }
});

test("presence, poll and event stream tell what a session would hear", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: SOURCES });
  const client = await PlainClient.subscribed(t, deskwire.socket, jwt({ sub: "ann" }), CHANNEL);
  await client.command("enter", { channel: CHANNEL, data: { page: 1 } });
  const present = await ask(deskwire, "GET", `${PATH}/presence`);
  assert.deepEqual(present.json, { presence: [{ clientId: "ann", data: { page: 1 } }] });

  const now = (await ask(deskwire, "GET", `${PATH}/poll?wait=0`)).json;
  const stream = await fetch(`${deskwire.gateway}${PATH}/events?token=${jwt()}`, { headers: { "Last-Event-ID": `${now.epoch}:${now.offset}` } });
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  const waiting = ask(deskwire, "GET", `${PATH}/poll?epoch=${now.epoch}&offset=${now.offset}&wait=55`);
  await ask(deskwire, "POST", `${PATH}/messages`, { body: { event: "message:agent", data: { n: 1 } } });
  const polled = (await waiting).json;
  assert.deepEqual([polled.events.length, polled.events[0].data.n, polled.recovered, polled.offset], [1, 1, true, now.offset + 1]);
  let text = "";
  const decoder = new TextDecoder();
  await within((async () => {
    for await (const chunk of stream.body) {
      text += decoder.decode(chunk, { stream: true });
      if (/id: \S+:\d+\ndata: \{.*"n":1/.test(text)) return;
    }
  })(), "the event on the stream");
  assert.match(text, /event: subscribed\ndata: \{"epoch"/);
  for (const [path, field] of [["poll?wait=56", "wait"], ["poll?wait=-1", "wait"], ["poll?epoch=e&offset=x", "offset"]]) {
    const refused = await ask(deskwire, "GET", `${PATH}/${path}`);
    assert.deepEqual([refused.status, refused.code, refused.field], [400, 40001, field], path);
  }
  const bad = await ask(deskwire, "GET", `${PATH}/events`, { headers: { "Last-Event-ID": "nonsense" } });
  assert.deepEqual([bad.status, bad.code], [400, 40001]);
});

test("every refusal has one shape, and its code tells the status", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: SOURCES });
  const narrow = jwt({ sub: "ann", role: "customer", cap: { [CHANNEL]: ["history"] } });
  const cases = [
    ["GET", "/v1/nothing", {}, 404, 40400],
    ["GET", `${PATH}/nothing`, {}, 404, 40400],
    ["DELETE", `${PATH}/messages`, {}, 405, 40500],
    ["POST", `${PATH}/presence`, {}, 405, 40500],
    ["GET", "/v1/tokens", {}, 405, 40500],
    ["GET", `${PATH}/messages`, { key: null }, 401, 40101],
    ["GET", `${PATH}/messages`, { key: "nonsense" }, 401, 40101],
    ["GET", `${PATH}/messages`, { key: jwt({ exp: 1 }) }, 401, 40142],
    ["GET", `${PATH}/presence`, { key: narrow }, 401, 40160],
    ["GET", `${PATH}/poll`, { key: narrow }, 401, 40160],
    ["GET", `${PATH}/events`, { key: narrow }, 401, 40160],
    ["POST", `${PATH}/messages`, { key: narrow, body: { event: "read", data: { messageId: "1" } } }, 401, 40160],
    ["GET", "/v1/channels/a%20b/messages", {}, 400, 40001],
    ["GET", "/v1/channels/a%2/messages", {}, 400, 40001],
    ["POST", `${PATH}/messages`, { body: "{" }, 400, 40020],
    ["POST", `${PATH}/messages`, { body: [] }, 400, 40020],
    ["POST", `${PATH}/messages`, { body: {} }, 400, 40001],
    ["POST", `${PATH}/messages`, { body: { event: "x y" } }, 400, 40001],
    ["POST", `${PATH}/messages`, { body: { event: "x", data: [] } }, 400, 40001],
    ["POST", `${PATH}/messages`, { body: { content: "a server key speaks for nobody" } }, 400, 40001],
    ["POST", `${PATH}/messages`, { body: `{"event":"x","data":{"pad":"${"x".repeat(1_100_000)}"}}` }, 413, 41300],
  ];
  for (const [method, path, options, status, code] of cases) {
    const answer = await ask(deskwire, method, path, options);
    assert.deepEqual([answer.status, answer.code], [status, code], `${method} ${path} ${JSON.stringify(options).slice(0, 80)}`);
  }
});

test("a refused method or token says what is possible", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: SOURCES });
  const allowed = async (method, path) => (await ask(deskwire, method, path)).headers.get("Allow");
  assert.equal(await allowed("DELETE", `${PATH}/messages`), "GET, POST");
  assert.equal(await allowed("POST", `${PATH}/presence`), "GET");
  assert.equal(await allowed("GET", "/v1/tokens"), "POST");
  assert.equal(await allowed("GET", "/v1/sla/alerts/x/ack"), "POST");
  const refused = await ask(deskwire, "GET", `${PATH}/messages`, { key: "wrong" });
  assert.deepEqual([refused.status, refused.headers.get("WWW-Authenticate")], [401, "Bearer"]);
});

test("event streams and polls that stay open count among a client's sessions", async (t) => {
  const deskwire = await startedDeskwire(t, {
    sources: SOURCES,
    config: { gateway: { limits: { max_sessions_per_client: 1 } } },
  });
  const key = jwt({ sub: "ann" });
  const cut = new AbortController();
  const open = await fetch(`${deskwire.gateway}${PATH}/events`, { headers: { Authorization: `Bearer ${key}` }, signal: cut.signal });
  assert.equal(open.status, 200);
  for (const path of [`${PATH}/events`, `${PATH}/poll?wait=5`]) {
    assert.deepEqual(await ask(deskwire, "GET", path, { key }).then(({ status, code }) => [status, code]), [429, 42910]);
  }
  assert.equal((await ask(deskwire, "GET", `${PATH}/poll?wait=0`, { key: jwt({ sub: "bob" }) })).status, 200, "another client");
  cut.abort();
  await eventually(() => ask(deskwire, "GET", `${PATH}/poll?wait=0`, { key }), ({ status }) => status === 200, "its place is free again");
});

test("a client publishes as fast by REST as its limit says, whichever connections it uses", async (t) => {
  const deskwire = await startedDeskwire(t, {
    sources: SOURCES,
    config: { gateway: { limits: { publish_per_s: 1, publish_burst: 20 } } },
  });
  const key = jwt({ sub: "ann", role: "agent", cap: { [CHANNEL]: ["publish"] } });
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => ask(deskwire, "POST", `${PATH}/messages`, { key, body: { event: "typing:start", data: {} } })),
  );
  const taken = answers.filter(({ status }) => status === 201).length;
  // One more for each second that the sixty need.
  assert.ok(taken >= 20 && taken < 30, `${taken} were taken`);
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(refused.length, 60 - taken);
  for (const { code, json } of refused) {
    assert.equal(code, 42910);
    assert.ok(json.error.retry_after_ms > 0);
  }
});

test("pages of listed origins may ask, others may not; a wrong Host is served nothing", async (t) => {
  const deskwire = await startedDeskwire(t, { sources: SOURCES, config: { gateway: { origins: ["https://shop.example"] } } });
  const from = (origin, method = "GET") => ask(deskwire, method, `${PATH}/messages`, { headers: { Origin: origin } });
  const listed = await from("https://shop.example");
  assert.equal(listed.status, 200);
  assert.equal(listed.headers.get("access-control-allow-origin"), "https://shop.example");
  assert.match(listed.headers.get("vary"), /Origin/);
  const preflight = await from("https://shop.example", "OPTIONS");
  assert.equal(preflight.status, 204);
  for (const header of ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"]) {
    assert.ok(preflight.headers.get("access-control-allow-headers").includes(header), header);
  }
  const refused = await ask(deskwire, "GET", `${PATH}/messages`, { key: "nonsense", headers: { Origin: "https://shop.example" } });
  assert.equal(refused.headers.get("access-control-allow-origin"), "https://shop.example", "pages may read why");
  for (const origin of ["https://evil.example", "null", "http://shop.example", "https://shop.example.evil", "https://shop.example:8443"]) {
    const answer = await from(origin);
    assert.deepEqual([answer.status, answer.code], [403, 40300], origin);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
    assert.equal((await from(origin, "OPTIONS")).status, 403);
  }
  assert.equal((await from(deskwire.gateway)).status, 200, "a page of the gateway's own");
  const host = (value) => rawStatus(t, deskwire.gateway, [`GET ${PATH}/messages HTTP/1.1`, ...value, `Authorization: Bearer ${SERVER_KEY}`]);
  assert.equal(await host(["Host: localhost"]), 200);
  assert.equal(await host(["Host: evil.example"]), 403);
  assert.equal(await host(["Host: localhost.evil.example"]), 403);
  assert.equal(await host(["Host: localhost", "Host: evil.example"]), 400);
  assert.equal(await host([]), 400);
});
