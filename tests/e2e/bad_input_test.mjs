// What attackers, broken proxies and other people's bugs send to the receiver.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { chatwootSource, SECOND_SECRET, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { rawConnection, rawStatus } from "./support/raw_http.mjs";
import { incomingMessage, nowSeconds, post, signature, signedHeaders, wireBody } from "./support/webhooks.mjs";

const REFUSED = { error: { code: 40110, message: "signature refused" } };
const MIB = 1024 * 1024;

async function serverWithChatwoot(t) {
  const chatwoot = await FakeChatwoot.start(t);
  const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
  return { chatwoot, deskwire };
}

test("a signature that does not fit is refused, whatever is wrong with it", async (t) => {
  const { deskwire } = await serverWithChatwoot(t);
  const body = incomingMessage({ conversation: 7101, id: 51_001 });
  const good = () => signedHeaders(body);
  const changed = (change) => {
    const headers = good();
    change(headers);
    return headers;
  };
  const at = (timestamp) => signedHeaders(body, { timestamp });
  const cases = {
    "no signature": changed((h) => delete h["X-Chatwoot-Signature"]),
    "no timestamp": changed((h) => delete h["X-Chatwoot-Timestamp"]),
    "no prefix": changed((h) => (h["X-Chatwoot-Signature"] = h["X-Chatwoot-Signature"].slice(7))),
    "not hex": changed((h) => (h["X-Chatwoot-Signature"] = `sha256=${"z".repeat(64)}`)),
    "truncated": changed((h) => (h["X-Chatwoot-Signature"] = h["X-Chatwoot-Signature"].slice(0, -2))),
    "empty": changed((h) => (h["X-Chatwoot-Signature"] = "")),
    "very long": changed((h) => (h["X-Chatwoot-Signature"] = `sha256=${"ab".repeat(3000)}`)),
    "one bit off": changed((h) => {
      const value = h["X-Chatwoot-Signature"];
      h["X-Chatwoot-Signature"] = value.slice(0, -1) + (value.endsWith("0") ? "1" : "0");
    }),
    "another body": { ...signedHeaders(Buffer.from("{}")) },
    "another secret": signedHeaders(body, { secret: "not-the-secret" }),
    "stale": at(nowSeconds() - 400),
    "future": at(nowSeconds() + 400),
    "timestamp not a number": at("yesterday"),
    "timestamp beyond 64 bits": at("99999999999999999999999"),
    "negative timestamp": at("-1"),
    "timestamp changed after signing": changed((h) => (h["X-Chatwoot-Timestamp"] = String(nowSeconds() + 1))),
  };
  for (const [name, headers] of Object.entries(cases)) {
    await t.test(name, async () => {
      const { status, answer } = await post(deskwire, body, { headers });
      assert.deepEqual([status, answer], [401, REFUSED]);
    });
  }
  await t.test("repeated header", async () => {
    const headers = Object.entries(good()).map(([name, value]) => `${name}: ${value}`);
    const lines = [
      "POST /webhooks/support HTTP/1.1",
      `Host: ${new URL(deskwire.receiver).host}`,
      ...headers,
      `X-Chatwoot-Signature: ${signature(body, nowSeconds())}`,
      `Content-Length: ${body.length}`,
      "Connection: close",
    ];
    assert.equal(await rawStatus(t, deskwire.receiver, lines, body), 401);
  });
  await t.test("unsigned garbage is refused before it is parsed", async () => {
    for (const text of ["", "garbage", '{"event":1}']) {
      const headers = { "Content-Type": "application/json" };
      assert.equal((await post(deskwire, text, { headers })).status, 401);
    }
  });
  await t.test("the same message with a good signature is taken", async () => {
    assert.equal((await post(deskwire, body)).status, 202);
  });
});

test("signed bodies of the wrong kind get the contract's answers and hurt nobody", async (t) => {
  const { chatwoot, deskwire } = await serverWithChatwoot(t);
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const cases = [
    ["0 bytes", "", 400],
    ["not JSON", "hello", 400],
    ["half of a JSON text", '{"event":"message_created"', 400],
    ["an array", "[1,2]", 400],
    ["a string", '"message_created"', 400],
    ["null", "null", 400],
    ["100k brackets", deep, 400],
    ["100k brackets inside an object", `{"event":"message_created","a":${deep}}`, 202],
    ["invalid UTF-8", Buffer.from([...Buffer.from('{"event":"'), 0xff, 0xfe, ...Buffer.from('"}')]), 400],
    ["a NUL byte", Buffer.from('{"event":"a\0b"}'), 400],
    ["an empty object", "{}", 202],
    ["a message without anything", '{"event":"message_created"}', 202],
    ["an event that is no string", '{"event":{"a":1},"id":1}', 202],
    ["fields of other types", '{"event":"message_created","id":"x","conversation":[],"sender":7,"content":{}}', 202],
    ["the account of somebody else", incomingMessage({ conversation: 7102, id: 51_100, account: 2 }), 200],
  ];
  for (const [name, body, status] of cases) {
    await t.test(name, async () => {
      const result = await post(deskwire, body);
      assert.equal(result.status, status, JSON.stringify(result.answer));
      if (status === 202) assert.equal(typeof result.answer.job, "string");
      if (status === 200) assert.deepEqual(result.answer, { job: null, duplicate: false });
      if (status === 400) assert.equal(Math.floor(result.answer.error.code / 100), 400);
    });
  }
  await t.test("what was signed but not understood lies in the dead letters as unparsable", async () => {
    const { code, stdout, stderr } = await deskwire.cli(["jobs", "ls", "--state", "dead", "--json"]);
    assert.equal(code, 0, stderr);
    const expected = cases.filter(([, , status]) => status === 202).length;
    const codes = JSON.parse(stdout).jobs.map(({ error }) => error.code);
    assert.deepEqual(codes, Array(expected).fill("unparsable"));
  });
  await t.test("an unknown event is no error", async () => {
    const body = incomingMessage({ conversation: 7103, id: 51_101, change: (m) => (m.event = "message_levitated") });
    const { status, answer } = await post(deskwire, body);
    assert.deepEqual([status, answer], [200, { job: null, duplicate: false }]);
  });
  await t.test("a conversation payload without account is taken", async () => {
    const body = JSON.parse(wireBody("conversation_created"));
    delete body.account;
    assert.equal((await post(deskwire, JSON.stringify(body))).status, 200);
  });
  await t.test("duplicate keys end in one reading, not in a crash", async () => {
    const text = incomingMessage({ conversation: 7104, id: 51_102 }).toString();
    const { status } = await post(deskwire, text.replace(/\}$/, ',"event":"contact_created","id":7}'));
    assert.ok([200, 202, 400].includes(status), String(status));
  });
  await t.test("ids beyond 2^53 keep every digit", async () => {
    const channel = "conversation:9007199254740995";
    const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
    const text = incomingMessage({ conversation: 111_222_333, id: 444_555_666 }).toString();
    const body = text.replaceAll("111222333", "9007199254740995").replaceAll("444555666", "9007199254740993");
    assert.equal((await post(deskwire, body)).status, 202);
    const { data } = await client.event("message:user");
    assert.equal(data.messageId, "9007199254740993");
    const reply = await client.event("message:ai");
    assert.equal(reply.data.inReplyTo, "9007199254740993");
    await chatwoot.calls.until(
      ({ name, conversation }) => name === "POST messages" && conversation === "9007199254740995",
      "the reply",
    );
  });
});

test("one event is one job under two delivery ids, through two doors, and sent twice at once", async (t) => {
  const { chatwoot, deskwire } = await serverWithChatwoot(t);
  const channel = "conversation:7105";
  const client = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token(), channel);
  const body = incomingMessage({ conversation: 7105, id: 51_200 });
  const delivery = randomUUID();
  const answers = await Promise.all([
    post(deskwire, body, { delivery }),
    post(deskwire, body, { delivery }),
    post(deskwire, body),
    post(deskwire, body, { secret: SECOND_SECRET }),
  ]);
  const jobs = new Set(answers.map(({ answer }) => answer.job));
  assert.equal(jobs.size, 1, "all name the same job");
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 202]);
  assert.equal(answers.filter(({ answer }) => answer.duplicate).length, 3);
  await client.event("message:status");
  await client.command("ping", {});
  assert.equal(client.names().filter((name) => name === "message:user").length, 1);
  assert.equal(chatwoot.posted(7105).length, 1);
});

test("requests outside the contract", async (t) => {
  const { deskwire } = await serverWithChatwoot(t);
  const { host } = new URL(deskwire.receiver);
  const body = incomingMessage({ conversation: 7106, id: 51_300 });
  const url = `${deskwire.receiver}/webhooks/support`;
  const status = async (path, options) => {
    const response = await fetch(path, options);
    await response.text();
    return response.status;
  };
  assert.equal((await post(deskwire, body, { source: "nobody" })).status, 404);
  assert.equal(await status(url), 405);
  assert.equal(await status(url, { method: "PUT", body }), 405);
  const type = { ...signedHeaders(body), "Content-Type": "text/plain" };
  assert.equal((await post(deskwire, body, { headers: type })).status, 415);
  for (const encoding of ["gzip", "identity", "x"]) {
    const headers = { ...signedHeaders(body), "Content-Encoding": encoding };
    assert.equal((await post(deskwire, body, { headers })).status, 415, encoding);
  }
  assert.equal(await rawStatus(t, deskwire.receiver, ["POST /webhooks/support HTTP/1.1", "Host: evil.example", "Content-Length: 0"]), 403);
  const smuggled = ["POST /webhooks/support HTTP/1.1", `Host: ${host}`, "Content-Length: 4", "Transfer-Encoding: chunked"];
  assert.equal(await rawStatus(t, deskwire.receiver, smuggled, "0\r\n\r\n"), 400);
  assert.equal(await rawStatus(t, deskwire.receiver, ["\0\x01garbage"]), 400);
});

test("bodies over the limit are refused without being read to the end", async (t) => {
  const { deskwire } = await serverWithChatwoot(t);
  const { host } = new URL(deskwire.receiver);
  const head = ["POST /webhooks/support HTTP/1.1", `Host: ${host}`, "Content-Type: application/json"];
  const big = Buffer.alloc(5 * MIB, 0x20);
  await t.test("5 MiB with a length", async () => {
    assert.equal(await rawStatus(t, deskwire.receiver, [...head, `Content-Length: ${big.length}`], big), 413);
  });
  await t.test("5 MiB in chunks", async () => {
    const { socket, firstStatus } = await rawConnection(t, deskwire.receiver);
    socket.write([...head, "Transfer-Encoding: chunked", "", ""].join("\r\n"));
    const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
    for (let sent = 0; sent < big.length && !socket.destroyed; sent += 0x10000) socket.write(chunk);
    socket.write("0\r\n\r\n");
    assert.equal(await firstStatus, 413);
  });
  await t.test("a gzip bomb", async () => {
    const bomb = gzipSync(Buffer.alloc(50 * MIB));
    const lines = [...head, "Content-Encoding: gzip", `Content-Length: ${bomb.length}`];
    assert.equal(await rawStatus(t, deskwire.receiver, lines, bomb), 415);
  });
  await t.test("a length that is announced, but never sent", async () => {
    assert.equal(await rawStatus(t, deskwire.receiver, [...head, "Content-Length: 99999999999999999999"]), 400);
    assert.equal(await rawStatus(t, deskwire.receiver, [...head, `Content-Length: ${5 * MIB}`]), 413);
  });
});

test("300 connections that trickle do not keep honest webhooks waiting", async (t) => {
  const { deskwire } = await serverWithChatwoot(t);
  const { host } = new URL(deskwire.receiver);
  const slow = await Promise.all(Array.from({ length: 300 }, () => rawConnection(t, deskwire.receiver)));
  const head = `POST /webhooks/support HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
  slow.forEach(({ socket }, i) => {
    // Half of them trickle in the head, half in the body.
    socket.write(i % 2 ? head : `${head}Content-Length: 1000\r\n\r\n`);
  });
  const trickle = setInterval(() => {
    slow.forEach(({ socket }) => socket.writable && socket.write("x"));
  }, 1000);
  t.after(() => clearInterval(trickle));

  let slowest = 0;
  let honest = 0;
  let done = false;
  const heads = Promise.all(slow.filter((_, i) => i % 2).map(({ firstStatus }) => firstStatus));
  const all = Promise.all(slow.map(({ firstStatus }) => firstStatus)).finally(() => (done = true));
  while (!done) {
    const begin = performance.now();
    const id = 52_000 + honest;
    const { status } = await post(deskwire, incomingMessage({ conversation: 7200 + (honest % 50), id }));
    assert.equal(status, 202);
    slowest = Math.max(slowest, performance.now() - begin);
    honest++;
    await pause(20); // Some 40 a second: a helpdesk's pace, not a benchmark.
  }
  assert.deepEqual([...new Set(await heads)], [408]);
  assert.deepEqual([...new Set(await all)], [408]);
  assert.ok(honest > 20, `${honest} honest webhooks while the slow ones hung on`);
  t.diagnostic(`${honest} honest webhooks meanwhile, the slowest took ${slowest.toFixed(1)} ms`);
});
