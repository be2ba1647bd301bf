// TLS of the gateway's own: https and wss with a certificate made here, old versions and slow
// handshakes, and another certificate on SIGHUP.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect as tcp } from "node:net";
import { join } from "node:path";
import { connect as tls } from "node:tls";
import { test } from "node:test";

import { newDeskwire, SERVER_KEY } from "./support/deskwire.mjs";
import { jwt } from "./support/jwt.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { within } from "./support/waiting.mjs";

/** cert.pem and key.pem for localhost in a directory, signed by themselves. */
function makeCertificate(directory, name) {
  const file = (suffix) => join(directory, `${name}-${suffix}.pem`);
  execFileSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout", file("key"), "-out", file("cert"),
  ], { stdio: "ignore" });
  return { cert: file("cert"), key: file("key") };
}

async function secureDeskwire(t, more = {}) {
  const deskwire = await newDeskwire(t, {
    config: { gateway: { tls: { cert_file: "cert.pem", key_file: "key.pem", ...more } } },
  });
  const install = (made) => {
    copyFileSync(made.cert, join(deskwire.directory, "cert.pem"));
    copyFileSync(made.key, join(deskwire.directory, "key.pem"));
    deskwire.ca = readFileSync(made.cert);
  };
  install(makeCertificate(deskwire.directory, "first"));
  deskwire.secureSocket = deskwire.socket.replace("ws:", "wss:");
  return { deskwire, install };
}

/** One request on a connection of its own. */
async function https(deskwire, path, { method = "GET", headers = {}, body } = {}) {
  const asked = request(deskwire.gateway.replace("http:", "https:") + path, { method, headers, ca: deskwire.ca, agent: false });
  asked.end(body);
  const [response] = await within(once(asked, "response"), `${method} ${path}`);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return { status: response.statusCode, text, subject: response.socket.getPeerCertificate?.().subject?.CN };
}

function peerName(deskwire) {
  return new Promise((resolve, reject) => {
    const socket = tls({ port: deskwire.ports[1], host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2", "http/1.1"] }, () => {
      resolve({ name: socket.getPeerCertificate().subject.CN, protocol: socket.getProtocol(), alpn: socket.alpnProtocol });
      socket.destroy();
    }).on("error", reject);
  });
}

test("https and wss work with a certificate of one's own", async (t) => {
  const { deskwire } = await secureDeskwire(t);
  await deskwire.start();
  const client = await PlainClient.open(t, `${deskwire.secureSocket}?token=${jwt()}`, { ca: deskwire.ca });
  await client.frames.until(({ id }) => id === 0, "the hello");
  await client.command("subscribe", { channel: "conversation:a" });

  const headers = { Authorization: `Bearer ${SERVER_KEY}` };
  const content = "x".repeat(150_000);
  const body = JSON.stringify({ event: "message:agent", data: { content } });
  const published = await https(deskwire, "/v1/channels/conversation:a/messages", { method: "POST", headers, body });
  assert.equal(published.status, 201, published.text);
  const push = await client.event("message:agent");
  assert.equal(push.data.content, content, "longer than many records");
  const read = await https(deskwire, "/v1/channels/conversation:a/messages", { headers });
  assert.equal(JSON.parse(read.text).events[0].data.content, content);
  const many = Array.from({ length: 40 }, () => client.command("ping", { pad: "y".repeat(20_000) }));
  await Promise.all(many);
  const closed = await client.close();
  assert.equal(closed.code, 1005);

  const peer = await peerName(deskwire);
  assert.deepEqual(peer, { name: "first", protocol: "TLSv1.3", alpn: "http/1.1" });
  const plain = await fetch(`${deskwire.gateway}/`).then(() => "answered", () => "refused");
  assert.equal(plain, "refused", "no plain HTTP on the same port");
});

test("versions before TLS 1.2 are refused; broken and slow handshakes cost nobody else anything", async (t) => {
  const { deskwire } = await secureDeskwire(t, { handshake_timeout_ms: 700 });
  await deskwire.start();
  const old = tls({ port: deskwire.ports[1], host: "127.0.0.1", rejectUnauthorized: false, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" });
  const [refusal] = await within(once(old, "error"), "the refusal of TLS 1.1");
  assert.match(`${refusal.code} ${refusal.message}`, /PROTOCOL|ECONNRESET|alert/i);
  const twelve = tls({ port: deskwire.ports[1], host: "127.0.0.1", ca: deskwire.ca, servername: "localhost", maxVersion: "TLSv1.2" });
  await within(once(twelve, "secureConnect"), "TLS 1.2");
  twelve.destroy();

  // More of them than there are threads: some silent, some in the middle of a word.
  const slow = Array.from({ length: 60 }, (_, i) => {
    const socket = tcp(deskwire.ports[1], "127.0.0.1").on("error", () => {});
    if (i % 2 === 1) socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    return { socket, closed: once(socket.resume(), "close") };
  });
  t.after(() => slow.forEach(({ socket }) => socket.destroy()));
  const garbage = tcp(deskwire.ports[1], "127.0.0.1").on("error", () => {});
  garbage.end("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await within(once(garbage.resume(), "close"), "the end of one that speaks no TLS");
  assert.equal((await https(deskwire, "/v1/nothing")).status, 404);
  await within(Promise.all(slow.map(({ closed }) => closed)), "the end of the slow handshakes");
  assert.equal((await https(deskwire, "/v1/nothing")).status, 404);
});

test("another certificate is taken in on SIGHUP, and a broken one is not", async (t) => {
  const { deskwire, install } = await secureDeskwire(t);
  await deskwire.start();
  const client = await PlainClient.open(t, `${deskwire.secureSocket}?token=${jwt()}`, { ca: deskwire.ca });
  await client.frames.until(({ id }) => id === 0, "the hello");
  const reload = async (pattern) => {
    const seen = deskwire.output.items.length;
    process.kill(deskwire.pid, "SIGHUP");
    await deskwire.output.until((item) => deskwire.output.items.indexOf(item) >= seen && pattern.test(item.line), `${pattern}`);
  };
  install(makeCertificate(deskwire.directory, "second"));
  await reload(/event=reloaded part=gateway/);
  assert.equal((await peerName(deskwire)).name, "second");
  await client.command("ping", {});

  writeFileSync(join(deskwire.directory, "cert.pem"), "no certificate");
  await reload(/reload_refused part=gateway/);
  assert.equal((await peerName(deskwire)).name, "second");
  await client.command("ping", {});
});

test("a start with an unusable certificate says which file is wrong", async (t) => {
  const { deskwire } = await secureDeskwire(t);
  const other = makeCertificate(deskwire.directory, "other");
  copyFileSync(other.key, join(deskwire.directory, "key.pem"));
  const mixed = await deskwire.cli(["serve"]);
  assert.equal(mixed.code, 1);
  assert.match(mixed.stderr, /gateway\.tls: tls key .*key\.pem: .*mismatch/);
  writeFileSync(join(deskwire.directory, "cert.pem"), "");
  assert.match((await deskwire.cli(["serve"])).stderr, /gateway\.tls: tls certificate .*cert\.pem/);
});
