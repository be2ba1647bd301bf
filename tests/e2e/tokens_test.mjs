// Tokens on the built binary: of the user's own applications, expiring, refreshed, taken back, and
// the keys behind them exchanged while sessions are open.

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";

import { newDeskwire, SERVER_KEY, SIGNING_KEY, startedDeskwire } from "./support/deskwire.mjs";
import { jwt } from "./support/jwt.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { Redis } from "./support/redis.mjs";
import { within } from "./support/waiting.mjs";
import { nowSeconds } from "./support/webhooks.mjs";

const APP_SECRET = "app-secret-0123456789abcdef0123456789abcdef";
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token as an application's own library makes it. */
function appToken(claims = {}, { alg = "HS256", kid, key = APP_SECRET } = {}) {
  const now = nowSeconds();
  const body = part({ user_id: 42, name: "Ann", iat: now, exp: now + 600, ...claims });
  const text = `${part({ alg, typ: "JWT", ...(kid && { kid }) })}.${body}`;
  const signature =
    alg === "HS256"
      ? createHmac("sha256", key).update(text).digest()
      : sign("sha256", Buffer.from(text), alg === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key);
  return `${text}.${signature.toString("base64url")}`;
}

const SHOP = {
  name: "shop",
  keys: [{ algorithm: "HS256", secret: APP_SECRET }],
  claims: { client_id: "user_id" },
  capability: { "user:{clientId}": ["subscribe", "history", "presence"] },
};

/** The code that a connection with this token is closed with; 0 when it is let in. */
async function refusedWith(t, deskwire, token) {
  const client = await PlainClient.open(t, `${deskwire.socket}?token=${token}`);
  const first = await client.frames.until((frame) => frame.ok || frame.disconnect, "an answer to the token");
  if (first.ok) return 0;
  return (await within(client.closed, "the close")).code;
}

async function hello(t, deskwire, token) {
  const client = await PlainClient.open(t, `${deskwire.socket}?token=${token}`);
  client.hello = (await client.frames.until(({ id }) => id === 0, "the hello")).ok;
  return client;
}

test("an application's HS256, RS256 and ES256 tokens are let in; forged ones are not", async (t) => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
  const deskwire = await newDeskwire(t, {
    config: {
      gateway: {
        issuers: [
          SHOP,
          {
            name: "sso",
            issuer: "https://sso.example",
            audience: ["deskwire"],
            keys: [{ kid: "r1", algorithm: "RS256", public_key: { file: "sso.pem" } }],
            jwks: { file: "sso-jwks.json" },
            client_prefix: "sso-",
          },
        ],
      },
    },
  });
  writeFileSync(join(deskwire.directory, "sso.pem"), pem);
  const jwk = { ...ec.publicKey.export({ format: "jwk" }), kid: "e1", use: "sig" };
  writeFileSync(join(deskwire.directory, "sso-jwks.json"), JSON.stringify({ keys: [jwk] }));
  await deskwire.start();

  const ann = await hello(t, deskwire, appToken());
  assert.equal(ann.hello.clientId, "42");
  await ann.command("subscribe", { channel: "user:42" });
  await assert.rejects(ann.command("subscribe", { channel: "user:43" }), { code: 40160 });

  const sso = { iss: "https://sso.example", aud: "deskwire", sub: "bob", cap: { "user:bob": ["subscribe"] } };
  const byRsa = { alg: "RS256", kid: "r1", key: rsa.privateKey };
  const byEc = { alg: "ES256", kid: "e1", key: ec.privateKey };
  for (const signer of [byRsa, byEc]) {
    const bob = await hello(t, deskwire, appToken(sso, signer));
    assert.equal(bob.hello.clientId, "sso-bob");
    await bob.command("subscribe", { channel: "user:bob" });
  }
  const none = `${part({ alg: "none" })}.${part({ user_id: 42, exp: nowSeconds() + 60 })}.`;
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const forged = {
    "no signature": none,
    "the public key as a shared secret": appToken(sso, { alg: "HS256", kid: "r1", key: pem }),
    "another key": appToken(sso, { ...byRsa, key: stranger }),
    "another audience": appToken({ ...sso, aud: "elsewhere" }, byRsa),
    "another issuer": appToken({ ...sso, iss: "https://evil.example" }, byRsa),
    "not valid yet": appToken({ nbf: nowSeconds() + 300 }),
    "issued in the future": appToken({ iat: nowSeconds() + 300 }),
    expired: appToken({ exp: nowSeconds() - 300 }),
    "no expiry": appToken({ exp: undefined }),
    "bad base64": `${appToken()}!`,
  };
  for (const [name, token] of Object.entries(forged)) {
    assert.equal(await refusedWith(t, deskwire, token), 4001, name);
    const response = await fetch(`${deskwire.gateway}/v1/channels/user:42/messages`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    assert.equal(response.status, 401, name);
  }
  // Too long for a URL, so as a command.
  const long = await PlainClient.open(t, deskwire.socket);
  long.ws.send(JSON.stringify({ id: 1, connect: { token: appToken({ pad: "x".repeat(20_000) }) } }));
  assert.equal((await within(long.closed, "the end of an oversized token's session")).code, 4001);
  assert.ok(!deskwire.text().includes(APP_SECRET) && !deskwire.text().includes("eyJ"), "no token in the log");
});

test("a service of one's own grants the rights, and its silence denies", async (t) => {
  const asked = [];
  let answer = ({ clientId }) => [200, { capability: { [`user:${clientId}`]: ["subscribe"] } }];
  const service = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push({ headers: request.headers, body });
    const [status, json] = answer(JSON.parse(body));
    if (status) response.writeHead(status).end(JSON.stringify(json));
  }).listen(0, "127.0.0.1");
  await once(service, "listening");
  t.after(() => {
    service.closeAllConnections();
    service.close();
  });
  const rights = {
    url: `http://127.0.0.1:${service.address().port}/deskwire/rights`,
    secret: "rights-secret-0123456789abcdef",
    timeout_ms: 1000,
  };
  const { capability, ...shop } = SHOP;
  const deskwire = await startedDeskwire(t, { config: { gateway: { issuers: [{ ...shop, rights }] } } });

  const token = appToken({ plan: "gold" });
  const ann = await PlainClient.open(t, deskwire.socket);
  const connect = ann.command("connect", { token });
  const early = ann.command("subscribe", { channel: "user:42" }); // Waits for the answer as well.
  assert.equal((await connect).clientId, "42");
  await early;
  await assert.rejects(ann.command("subscribe", { channel: "user:43" }), { code: 40160 });
  const question = JSON.parse(asked[0].body);
  assert.deepEqual([question.issuer, question.clientId, question.claims.plan], ["shop", "42", "gold"]);
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature } = asked[0].headers;
  const text = `${id}.${time}.${asked[0].body}`;
  assert.equal(signature, `v1,${createHmac("sha256", rights.secret).update(text).digest("base64")}`);
  await hello(t, deskwire, token);
  const stream = await fetch(`${deskwire.gateway}/v1/channels/user:42/poll?wait=0&token=${token}`);
  assert.equal(stream.status, 200);
  assert.equal(asked.length, 1, "the answer is kept for the same token");

  const failures = [[500, {}], [403, {}], [200, { capability: "all" }], [0]];
  for (const [index, failure] of failures.entries()) {
    answer = () => failure;
    assert.equal(await refusedWith(t, deskwire, appToken({ index })), 4001, JSON.stringify(failure));
  }
});

/** Resolves when an answer that stays open has ended. */
async function openAnswer(node, channel, kind, token) {
  const response = await fetch(`${node.gateway}/v1/channels/${channel}/${kind}&token=${token}`);
  assert.equal(response.status, 200);
  return response.text();
}

test("revoked tokens lose their sessions on every node, and do not come back", async (t) => {
  const redis = new Redis(t);
  await redis.start();
  const config = { redis: { url: redis.url } };
  const nodes = [await startedDeskwire(t, { config }), await startedDeskwire(t, { config })];
  const capability = { "*": ["subscribe", "history"] };
  const token = (clientId) => nodes[0].token({ clientId, role: "customer", capability });
  const [annsToken, bobsToken] = [await token("ann"), await token("bob")];
  const ann = await Promise.all(nodes.map((node) => hello(t, node, annsToken)));
  const bob = await hello(t, nodes[1], bobsToken);
  const stream = openAnswer(nodes[1], "user:ann", "events?", annsToken);
  const poll = openAnswer(nodes[0], "user:ann", "poll?wait=55", annsToken);

  const revoked = await nodes[0].cli(["token", "revoke", "--client", "ann", "--reason", "left", "--actor", "eve", "--json"]);
  assert.equal(revoked.code, 0, revoked.stderr);
  const at = Date.now();
  const closes = await Promise.all(ann.map(({ closed }) => within(closed, "the end of ann's session")));
  assert.deepEqual(closes.map(({ code }) => code), [4001, 4001]);
  t.diagnostic(`cut on both nodes ${Date.now() - at} ms after the command's end`);
  const farewell = ann[0].frames.items.at(-1).disconnect;
  assert.deepEqual([farewell.code, farewell.reason, farewell.reconnect], [4001, "token revoked", true]);
  await within(stream, "the end of the event stream");
  assert.deepEqual(JSON.parse(await within(poll, "the end of the poll")).events, []);

  for (const node of nodes) {
    assert.equal(await refusedWith(t, node, annsToken), 4001);
    const url = `${node.gateway}/v1/channels/user:ann/messages`;
    const response = await fetch(url, { headers: { Authorization: `Bearer ${annsToken}` } });
    assert.equal(response.status, 401);
    assert.deepEqual(await response.json(), { error: { code: 40101, message: "token revoked" } });
  }
  await bob.command("ping", {});
  await hello(t, nodes[1], await token("ann"));

  const listed = JSON.parse((await nodes[1].cli(["token", "revocations", "ls", "--json"])).stdout).revocations;
  assert.deepEqual(listed.map(({ clientId, actor, reason }) => [clientId, actor, reason]), [["ann", "eve", "left"]]);
  const audit = JSON.parse((await nodes[1].cli(["jobs", "audit", "--json"])).stdout).entries;
  assert.deepEqual([audit[0].verb, audit[0].of, audit[0].name, audit[0].actor], ["revoke_tokens", "client", "ann", "eve"]);

  // It is in Redis: a node that starts later knows it, too.
  await nodes[1].stop();
  await nodes[1].start();
  assert.equal(await refusedWith(t, nodes[1], annsToken), 4001);
});

test("everybody's tokens that were issued before a moment are revoked through the admin door", async (t) => {
  const deskwire = await startedDeskwire(t);
  const now = nowSeconds();
  const old = await hello(t, deskwire, jwt({ sub: "old", iat: now - 60 }));
  const fresh = await hello(t, deskwire, jwt({ sub: "fresh", iat: now }));
  const door = `${deskwire.admin}/v1/tokens/revocations`;
  const post = (body, headers = { "X-Deskwire": "1" }) =>
    fetch(door, { method: "POST", headers, body: JSON.stringify(body) });
  const moment = new Date((now - 30) * 1000).toISOString().replace(/\.\d+Z/, "Z");
  assert.equal((await post({ issuedBefore: moment }, {})).status, 403, "a web page cannot send the header");
  assert.equal((await post({})).status, 400);
  assert.equal((await post({ issuedBefore: "soon" })).status, 400);
  assert.equal((await post({ clientId: 7 })).status, 400);
  assert.equal((await post({ clientId: "x".repeat(129) })).status, 400);
  assert.equal((await fetch(door, { method: "DELETE", headers: { "X-Deskwire": "1" } })).status, 405);
  const answer = await post({ issuedBefore: moment, reason: "leaked" });
  assert.equal(answer.status, 200);
  assert.equal((await within(old.closed, "the end of the old session")).code, 4001);
  await fresh.command("ping", {});
  const { revocations } = await (await fetch(door)).json();
  assert.deepEqual(revocations.map(({ clientId, reason }) => [clientId, reason]), [[undefined, "leaked"]]);

  for (const args of [[], ["--issued-before", "tomorrow"]]) {
    const result = await deskwire.cli(["token", "revoke", ...args]);
    assert.equal(result.code, 2, `${args}: ${result.stderr}`);
  }
  const plain = await deskwire.cli(["token", "revoke", "--client", "fresh"]);
  assert.match(plain.stdout, /The tokens of fresh .* are revoked/, plain.stderr);
  assert.equal((await within(fresh.closed, "the end of the fresh session")).code, 4001);
  assert.match((await deskwire.cli(["token", "revocations", "ls"])).stdout, /everybody/);
  const minted = await deskwire.cli(["token", "--client", "fresh"]);
  await hello(t, deskwire, minted.stdout.trim());
});

test("an expired token loses its channels at once, a refresh keeps them or gives up what it lost", async (t) => {
  const deskwire = await startedDeskwire(t);
  const channels = { "conversation:a": ["subscribe", "publish", "presence", "history"], "conversation:b": ["subscribe"] };
  const token = (ttl, capability = channels, clientId = "ann") => deskwire.token({ clientId, role: "customer", capability, ttl });
  const publish = (channel, n) =>
    fetch(`${deskwire.gateway}/v1/channels/${channel}/messages`, {
      method: "POST",
      headers: { Authorization: `Bearer ${SERVER_KEY}` },
      body: JSON.stringify({ event: "message:agent", data: { n } }),
    });
  const kept = await hello(t, deskwire, await token(3000));
  const lost = await hello(t, deskwire, await token(3000));
  for (const client of [kept, lost]) {
    for (const channel of Object.keys(channels)) await client.command("subscribe", { channel });
  }
  // Fewer rights: what is not allowed any more ends, the rest goes on.
  const less = await kept.command("refresh", { token: await token(60_000, { "conversation:a": ["subscribe"] }) });
  assert.deepEqual(less.ended, ["conversation:b"]);
  await assert.rejects(kept.command("publish", { channel: "conversation:a", event: "typing:start", data: {} }), { code: 40160 });

  const expired = await within(
    (async () => {
      for (;;) {
        const answer = await lost.ask({ id: 1000 + lost.frames.items.length, history: { channel: "conversation:a" } });
        if (answer.error) return answer.error;
      }
    })(),
    "the token's expiry",
  );
  assert.equal(expired.code, 40142);
  const before = lost.pushes.items.length;
  await publish("conversation:a", 1);
  await publish("conversation:b", 2);
  await kept.event("message:agent", ({ data }) => data.n === 1);
  await lost.command("ping", {});
  assert.equal(lost.pushes.items.length, before, "nothing reaches an expired token");
  assert.ok(!kept.pushes.items.some(({ channel }) => channel === "conversation:b"), "nor a channel given up");

  // Another client's token is no refresh; nobody's is the end.
  const stranger = await hello(t, deskwire, await token(60_000));
  stranger.ws.send(JSON.stringify({ id: 1, refresh: { token: await token(60_000, channels, "bob") } }));
  assert.equal((await within(stranger.closed, "4003")).code, 4003);
  const end = await within(lost.closed, "4009");
  assert.equal(end.code, 4009);
});

test("keys are exchanged on SIGHUP: who is still listed stays", async (t) => {
  const second = { kid: "second", secret: "second-signing-key-0123456789abcdef0123456789" };
  const deskwire = await startedDeskwire(t, {
    config: { gateway: { keys: [SIGNING_KEY, second], issuers: [SHOP] } },
  });
  const byFirst = await hello(t, deskwire, jwt({ sub: "first" }));
  const bySecond = await hello(t, deskwire, jwt({ sub: "second" }, { key: second }));
  const byShop = await hello(t, deskwire, appToken());
  const rewrite = (change) => {
    const config = structuredClone(deskwire.config);
    change(config.gateway, config);
    writeFileSync(deskwire.configFile, JSON.stringify(config));
    const seen = deskwire.output.items.length;
    process.kill(deskwire.pid, "SIGHUP");
    return (pattern) => deskwire.output.until((item) => deskwire.output.items.indexOf(item) >= seen && pattern.test(item.line), `${pattern}`);
  };

  await rewrite((gateway) => (gateway.keys = [{ kid: "short", secret: "x" }]))(/reload_refused/);
  await byFirst.command("ping", {});

  const third = { kid: "third", secret: "third-signing-key-0123456789abcdef0123456789ab" };
  await rewrite((gateway, config) => {
    gateway.keys = [third, second];
    gateway.server_keys = [{ secret: "another-server-key-0123456789" }];
    config.jobs = { workers: 3 };
  })(/reload_partial.*jobs\.workers/);
  assert.equal((await within(byFirst.closed, "the end of the unlisted key's session")).code, 4001);
  await bySecond.command("ping", {});
  await byShop.command("ping", {});
  assert.equal(await refusedWith(t, deskwire, jwt()), 4001);
  assert.equal(await refusedWith(t, deskwire, jwt({}, { key: third })), 0);
  const ask = (key) =>
    fetch(`${deskwire.gateway}/v1/channels/conversation:a/messages`, { headers: { Authorization: `Bearer ${key}` } });
  assert.equal((await ask(SERVER_KEY)).status, 401);
  assert.equal((await ask("another-server-key-0123456789")).status, 200);
  // New tokens are signed by the first key that is listed now.
  const made = await fetch(`${deskwire.gateway}/v1/tokens`, {
    method: "POST",
    headers: { Authorization: "Bearer another-server-key-0123456789" },
    body: JSON.stringify({ clientId: "x", capability: { "*": ["subscribe"] } }),
  }).then((response) => response.json());
  assert.equal(JSON.parse(Buffer.from(made.token.split(".")[0], "base64url")).kid, "third");
});
