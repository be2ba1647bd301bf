// RFC 6455 against `deskwire serve --echo`, case by case: what comes back for which bytes. The groups
// are those of public conformance suites, and so are the sizes.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { BINARY, freePorts } from "./support/deskwire.mjs";
import {
  binary, close, FIN, fragments, frame, more, OPCODE, ping, pong, RawWebSocket, text,
} from "./support/raw_websocket.mjs";
import { eventually, within } from "./support/waiting.mjs";

const MIB = 1 << 20;
const SECOND_AND_THIRD_BIT = 3;
let server = null;
let port = 0;

before(async () => {
  [port] = await freePorts(1);
  server = spawn(BINARY, ["serve", "--echo", `127.0.0.1:${port}`], { stdio: "ignore" });
  await eventually(async () => (await RawWebSocket.open(port)).destroy(), () => true, "the echo");
});

after(async () => {
  server.kill("SIGTERM");
  await within(once(server, "exit"), "the end of the echo");
});

const shown = (frames) =>
  frames.map(({ opcode, payload }) => {
    const start = payload.subarray(0, 20).toString("latin1");
    return `${opcode}:${payload.length}:${payload.length > 20 ? `${start}…` : start}`;
  });

const same = (got, wanted) =>
  got.length === wanted.length &&
  got.every(({ fin, opcode, payload }, i) => fin && opcode === wanted[i].opcode && payload.equals(wanted[i].payload));

const echoed = (opcode, payload) => ({ opcode, payload: Buffer.from(payload) });
const echoText = (payload) => echoed(OPCODE.text, payload);
const echoBinary = (payload) => echoed(OPCODE.binary, payload);
const ponged = (payload) => echoed(OPCODE.pong, payload);
const closing = (code) => echoed(OPCODE.close, code === undefined ? "" : [code >> 8, code & 255]);

/**
 * Sends `bytes`; the server must answer with exactly the `wanted` frames and end the connection. If it
 * is not to end it by itself, a close frame behind the bytes ends it.
 *
 * @param fails  The code with which the server fails the connection.
 * @param closed The code with which it answers the close frame that is in `bytes`; null: an empty one.
 */
async function check(name, { bytes, wanted = [], fails, closed, chop }) {
  const ends = fails !== undefined || closed !== undefined;
  const client = await RawWebSocket.open(port, { path: `/any/path?case=${encodeURIComponent(name)}` });
  try {
    const all = Buffer.concat([bytes].flat().concat(ends ? [] : [close(1000)]));
    client.send(all, chop);
    const how = await client.end();
    const last = client.frames.at(-1);
    assert.ok(last?.opcode === OPCODE.close, `${name}: no close frame, ${how}: ${shown(client.frames)}`);
    const code = last.payload.length >= 2 ? last.payload.readUInt16BE(0) : null;
    const expected = fails ?? (closed === undefined ? 1000 : closed);
    assert.equal(code, expected, `${name}: ${shown(client.frames)} ${last.payload.subarray(2)}`);
    assert.ok(same(client.frames.slice(0, -1), wanted), `${name}: got ${shown(client.frames)}, wanted ${shown(wanted)}`);
    assert.deepEqual(client.violations, [], name);
    assert.equal(how, "end", `${name}: the connection was reset`);
  } finally {
    client.destroy();
  }
}

/** Runs named cases one after the other and tells how many there were. */
async function checkAll(t, cases) {
  for (const [name, what] of Object.entries(cases)) await check(name, what);
  t.diagnostic(`${Object.keys(cases).length} cases`);
}

test("messages of every length form come back, whole and in odd portions", async (t) => {
  const cases = {};
  for (const size of [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537]) {
    const letters = "*".repeat(size);
    const bytes = Buffer.alloc(size, 0xfe);
    cases[`text of ${size}`] = { bytes: text(letters), wanted: [echoText(letters)] };
    cases[`binary of ${size}`] = { bytes: binary(bytes), wanted: [echoBinary(bytes)] };
    if (size > 0) cases[`text of ${size} in packets of 997`] = { bytes: text(letters), wanted: [echoText(letters)], chop: 997 };
    if (size < 200) cases[`text of ${size} byte by byte`] = { bytes: text(letters), wanted: [echoText(letters)], chop: 1 };
  }
  const several = ["a", "", "b".repeat(300), "c"];
  cases["several messages in one packet"] = { bytes: several.map((one) => text(one)), wanted: several.map(echoText) };
  cases["several messages byte by byte"] = { ...cases["several messages in one packet"], chop: 1 };
  await checkAll(t, cases);
});

test("pings are answered with their payload, and pongs are not", async (t) => {
  const cases = {};
  for (const size of [0, 1, 5, 124, 125]) {
    const payload = Buffer.alloc(size, 0xfe);
    cases[`ping of ${size}`] = { bytes: ping(payload), wanted: [ponged(payload)] };
    cases[`ping of ${size} byte by byte`] = { ...cases[`ping of ${size}`], chop: 1 };
    cases[`unasked pong of ${size}`] = { bytes: pong(payload) };
    cases[`unasked pong of ${size}, then a ping`] = { bytes: [pong(payload), ping("x")], wanted: [ponged("x")] };
  }
  for (const make of [ping, pong]) {
    for (const size of [126, 127, 65_535, 65_536]) {
      cases[`${make.name} of ${size}`] = { bytes: make("x".repeat(size)), fails: 1002 };
    }
    cases[`${make.name} with a length form of 16 bits`] = { bytes: make("x", { form: 16 }), fails: 1002 };
    cases[`${make.name} in fragments`] = { bytes: [make("x", { fin: false }), more("y")], fails: 1002 };
  }
  const ten = Array.from({ length: 10 }, (_, i) => `payload-${i}`);
  cases["ten pings"] = { bytes: ten.map((one) => ping(one)), wanted: ten.map(ponged) };
  cases["ten pings byte by byte"] = { ...cases["ten pings"], chop: 1 };
  await checkAll(t, cases);
});

test("reserved bits and opcodes fail the connection, after what was fine before them", async (t) => {
  const cases = {};
  for (let rsv = 1; rsv <= 7; rsv++) {
    for (const [name, opcode] of Object.entries(OPCODE)) {
      cases[`reserved bits ${rsv} on ${name}`] = { bytes: frame(opcode, "x", { rsv }), fails: 1002 };
    }
    cases[`reserved bits ${rsv} behind a message, then a ping`] = {
      bytes: [text("fine"), text("x", { rsv }), ping("late")], wanted: [echoText("fine")], fails: 1002,
    };
  }
  cases["reserved bits, byte by byte"] = { bytes: [text("x", { rsv: SECOND_AND_THIRD_BIT })], fails: 1002, chop: 1 };
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    cases[`opcode ${opcode}`] = { bytes: frame(opcode), fails: 1002 };
    cases[`opcode ${opcode} with a payload`] = { bytes: frame(opcode, "x"), fails: 1002 };
    cases[`opcode ${opcode} behind a message, then a ping`] = {
      bytes: [text("fine"), frame(opcode, "x"), ping("late")], wanted: [echoText("fine")], fails: 1002,
    };
    cases[`opcode ${opcode} unfinished`] = { bytes: frame(opcode, "", { first: opcode }), fails: 1002 };
  }
  for (const name of ["text", "binary", "ping", "close"]) {
    cases[`${name} without a mask`] = { bytes: frame(OPCODE[name], "x", { masked: false }), fails: 1002 };
  }
  for (const [name, options] of [["16 bits for 125", { claim: 125, form: 16 }], ["64 bits for 125", { claim: 125, form: 64 }], ["64 bits for 65535", { claim: 65_535, form: 64 }]]) {
    cases[`a length in ${name}`] = { bytes: text("x".repeat(options.claim), options), fails: 1002 };
  }
  const negative = Buffer.from([FIN | OPCODE.binary, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  cases["a length with its highest bit set"] = { bytes: negative, fails: 1002 };
  await checkAll(t, cases);
});

test("fragments are joined, control frames between them are answered at once", async (t) => {
  const cases = {};
  const open = { fin: false };
  for (const [name, make, echo] of [["text", text, echoText], ["binary", binary, echoBinary]]) {
    cases[`${name} in two`] = { bytes: [make("frag1", open), more("frag2")], wanted: [echo("frag1frag2")] };
    cases[`${name} in two, byte by byte`] = { ...cases[`${name} in two`], chop: 1 };
    cases[`${name} in two with a ping between`] = {
      bytes: [make("frag1", open), ping("p"), more("frag2")], wanted: [ponged("p"), echo("frag1frag2")],
    };
    cases[`${name} in two with a pong between`] = { bytes: [make("a", open), pong("p"), more("b")], wanted: [echo("ab")] };
    cases[`${name} in five with pings between, byte by byte`] = {
      bytes: [make("1", open), ping("a"), more("2", open), more("3", open), ping("b"), more("4", open), more("5")],
      wanted: [ponged("a"), ponged("b"), echo("12345")], chop: 1,
    };
    cases[`${name} of empty fragments`] = { bytes: [make("", open), more("", open), more("")], wanted: [echo("")] };
    cases[`${name} with an empty end`] = { bytes: [make("a", open), more("b", open), more("")], wanted: [echo("ab")] };
    cases[`${name} inside a message`] = { bytes: [make("a", open), make("b")], fails: 1002 };
    cases[`unfinished ${name} inside a message`] = { bytes: [make("a", open), make("b", open)], fails: 1002 };
    cases[`a close inside ${name}`] = { bytes: [make("a", open), close(1000)], closed: 1000 };
  }
  cases["a continuation of nothing"] = { bytes: more("x"), fails: 1002 };
  cases["an unfinished continuation of nothing"] = { bytes: more("x", open), fails: 1002 };
  cases["a continuation behind a finished message"] = { bytes: [text("a"), more("b")], wanted: [echoText("a")], fails: 1002 };
  cases["a continuation behind a message in fragments"] = {
    bytes: [text("a", open), more("b"), more("c"), ping("late")], wanted: [echoText("ab")], fails: 1002,
  };
  cases["text and binary in turns"] = {
    bytes: [text("a", open), more("b"), binary([0xff], open), more([0xfe])], wanted: [echoText("ab"), echoBinary([0xff, 0xfe])],
  };
  await checkAll(t, cases);
});

const VALID_UTF8 = {
  "one byte": [0x00], "last of one byte": [0x7f], "first of two": [0xc2, 0x80], "last of two": [0xdf, 0xbf],
  "first of three": [0xe0, 0xa0, 0x80], "last before the surrogates": [0xed, 0x9f, 0xbf],
  "first behind the surrogates": [0xee, 0x80, 0x80], "replacement character": [0xef, 0xbf, 0xbd],
  "not a character, but encoded": [0xef, 0xbf, 0xbe], "last of three": [0xef, 0xbf, 0xbf],
  "first of four": [0xf0, 0x90, 0x80, 0x80], "last of four": [0xf4, 0x8f, 0xbf, 0xbf],
  "not characters of the last plane": [0xf4, 0x8f, 0xbf, 0xbe], "byte order mark": [0xef, 0xbb, 0xbf, 0x61],
  greek: [0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xcf, 0x83, 0xce, 0xbc, 0xce, 0xb5],
};
// Where the first byte that can belong to no character stands; nothing: the text ends too early.
const INVALID_UTF8 = {
  "a lone continuation": [[0x80], 0], "another lone continuation": [[0xbf], 0], "two continuations": [[0x80, 0xbf], 0],
  "0xc0": [[0xc0, 0xaf], 0], "0xc1": [[0xc1, 0xbf], 0], "overlong three": [[0xe0, 0x80, 0xaf], 1],
  "overlong three, largest": [[0xe0, 0x9f, 0xbf], 1], "overlong four": [[0xf0, 0x80, 0x80, 0xaf], 1],
  "overlong four, largest": [[0xf0, 0x8f, 0xbf, 0xbf], 1], "five bytes": [[0xf8, 0x88, 0x80, 0x80, 0x80], 0],
  "six bytes": [[0xfc, 0x84, 0x80, 0x80, 0x80, 0x80], 0], "first surrogate": [[0xed, 0xa0, 0x80], 1],
  "last surrogate": [[0xed, 0xbf, 0xbf], 1], "a pair of surrogates": [[0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80], 1],
  "behind the last character": [[0xf4, 0x90, 0x80, 0x80], 1], "0xf5": [[0xf5, 0x80, 0x80, 0x80], 0],
  "0xfe": [[0xfe], 0], "0xff": [[0xff], 0], "two of three, then a letter": [[0xe2, 0x82, 0x41], 2],
  "one of two, then a letter": [[0xc3, 0x28], 1], "three of four, then a letter": [[0xf0, 0x9f, 0x98, 0x41], 3],
  "one of two at the end": [[0xc3]], "one of three at the end": [[0xe2]], "two of three at the end": [[0xe2, 0x82]],
  "three of four at the end": [[0xf0, 0x9f, 0x98]],
};

test("text is UTF-8, however it is cut", async (t) => {
  const cases = {};
  for (const [name, bytes] of Object.entries(VALID_UTF8)) {
    const payload = Buffer.from(bytes);
    cases[`${name}`] = { bytes: text(payload), wanted: [echoText(payload)] };
    cases[`${name}, a byte a fragment`] = { bytes: fragments(OPCODE.text, payload, 1), wanted: [echoText(payload)] };
    cases[`${name}, a byte a fragment and packet`] = { ...cases[`${name}, a byte a fragment`], chop: 1 };
    cases[`${name} as a close frame's reason`] = { bytes: close(1000, payload), closed: 1000 };
  }
  for (const [name, [bytes]] of Object.entries(INVALID_UTF8)) {
    const payload = Buffer.from(bytes);
    const inside = Buffer.concat([Buffer.from("Hello-µ@ßöäüàá-UTF-8!!"), payload]);
    cases[`${name}`] = { bytes: text(payload), fails: 1007 };
    cases[`${name} behind good text, byte by byte`] = { bytes: text(inside), fails: 1007, chop: 1 };
    cases[`${name}, a byte a fragment`] = { bytes: fragments(OPCODE.text, inside, 1), fails: 1007 };
    cases[`${name} as a close frame's reason`] = { bytes: close(1000, payload), fails: 1007 };
    cases[`${name} in a binary message`] = { bytes: binary(payload), wanted: [echoBinary(payload)] };
  }
  await checkAll(t, cases);
});

/** Sends all but what would finish the message, and expects the failure all the same. */
async function checkFailsFast(name, bytes) {
  const client = await RawWebSocket.open(port);
  try {
    await client.send(bytes);
    assert.notEqual(await client.end(), "reset", name);
    assert.equal(client.frames.at(-1)?.payload.readUInt16BE(0), 1007, name);
  } finally {
    client.destroy();
  }
}

test("bad text fails the connection at its first bad byte, without the rest", async () => {
  const good = Buffer.from("κόσμε");
  for (const [name, [bytes, at]] of Object.entries(INVALID_UTF8)) {
    if (at === undefined) continue;
    const bad = Buffer.concat([good, Buffer.from(bytes).subarray(0, at + 1)]);
    await checkFailsFast(`${name}, in a frame whose rest never comes`, text(bad, { claim: 120 }));
    await checkFailsFast(`${name}, in a fragment that is not the last`, text(bad, { fin: false }));
    const across = Buffer.concat([text(good, { fin: false }), more(bad.subarray(good.length), { fin: false })]);
    await checkFailsFast(`${name}, in the second fragment`, across);
  }
});

test("close frames are answered with their code, bad ones with 1002", async (t) => {
  const cases = {};
  const fine = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4998, 4999];
  const bad = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1099, 1100, 1999, 2000, 2998, 2999, 5000, 5001, 9999, 32_768, 65_534, 65_535];
  for (const code of fine) {
    cases[`close ${code}`] = { bytes: close(code), closed: code };
    cases[`close ${code} with a reason`] = { bytes: close(code, "ok"), closed: code };
  }
  for (const code of bad) {
    cases[`close ${code}`] = { bytes: close(code), fails: 1002 };
    cases[`close ${code} with a reason`] = { bytes: close(code, "ok"), fails: 1002 };
  }
  cases["close without a payload"] = { bytes: close(), closed: null };
  cases["close with one byte"] = { bytes: frame(OPCODE.close, "x"), fails: 1002 };
  cases["close with one byte, byte by byte"] = { ...cases["close with one byte"], chop: 1 };
  for (const size of [1, 122, 123]) cases[`close with a reason of ${size}`] = { bytes: close(1000, "*".repeat(size)), closed: 1000 };
  cases["close with a reason of 124"] = { bytes: close(1000, "*".repeat(124)), fails: 1002 };
  cases["close in fragments"] = { bytes: [close(1000, "", { fin: false }), more("x")], fails: 1002 };
  cases["two close frames"] = { bytes: [close(1000), close(1001)], closed: 1000 };
  cases["a ping behind a close"] = { bytes: [close(1000), ping("x")], closed: 1000 };
  cases["a message behind a close"] = { bytes: [close(1000), text("x")], closed: 1000 };
  cases["the end of a message behind a close"] = { bytes: [text("a", { fin: false }), close(1000), more("b")], closed: 1000 };
  cases["nonsense behind a close"] = { bytes: [close(1000), Buffer.alloc(5000, 0xff)], closed: 1000 };
  cases["a message, then a close, in one packet"] = { bytes: [text("a"), close(1000)], wanted: [echoText("a")], closed: 1000 };
  const long = "x".repeat(256 * 1024);
  cases["a long message, then a close"] = { bytes: [text(long), close(1000)], wanted: [echoText(long)], closed: 1000 };
  await checkAll(t, cases);
});

test("long messages come back: in one frame, in fragments, in small packets", async (t) => {
  const cases = {};
  for (const [name, opcode, make, echo] of [["text", OPCODE.text, text, echoText], ["binary", OPCODE.binary, binary, echoBinary]]) {
    for (const size of [64 << 10, 256 << 10, MIB, 4 * MIB, 8 * MIB, 16 * MIB]) {
      const payload = Buffer.alloc(size, "BAsd7&jh23");
      cases[`${name} of ${size}`] = { bytes: make(payload), wanted: [echo(payload)] };
    }
    const payload = Buffer.alloc(4 * MIB, "BAsd7&jh23");
    for (const size of [64, 256, 1024, 4096, 65_536, MIB, 4 * MIB]) {
      cases[`${name} of 4 MiB in fragments of ${size}`] = { bytes: fragments(opcode, payload, size), wanted: [echo(payload)] };
    }
    const short = payload.subarray(0, MIB);
    for (const chop of [64, 1024, 2048]) {
      cases[`${name} of 1 MiB in packets of ${chop}`] = { bytes: make(short), wanted: [echo(short)], chop };
    }
    cases[`${name} over 16 MiB`] = { bytes: make("x", { claim: 16 * MIB + 1 }), fails: 1009 };
    cases[`${name} over 16 MiB in fragments`] = {
      bytes: [make(Buffer.alloc(16 * MIB, 0x61), { fin: false }), more("x")], fails: 1009,
    };
  }
  await checkAll(t, cases);
});

test("a thousand messages one after the other come back in order", async () => {
  const client = await RawWebSocket.open(port);
  for (const size of [0, 16, 64, 256, 1024]) {
    const before = client.frames.length;
    for (let i = 0; i < 1000; i++) await client.send(text(`${i}`.padEnd(size, ".")));
    await client.until(() => client.frames.length === before + 1000, `1000 messages of ${size}`);
    client.frames.slice(before).forEach(({ payload }, i) => assert.equal(payload.toString(), `${i}`.padEnd(size, ".")));
  }
  client.destroy();
});

test("the handshake answers the key, chooses no extension, and takes a frame behind it", async () => {
  const offers = [
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Protocol: chat, superchat",
    "Origin: http://example.com",
  ];
  const client = await RawWebSocket.open(port, { path: "/x/%20?agent=a", headers: offers, first: text("early") });
  assert.match(client.head, /^HTTP\/1\.1 101 /);
  assert.match(client.head, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=$/im);
  assert.doesNotMatch(client.head, /sec-websocket-(extensions|protocol)/i);
  await client.until(() => client.frames.length === 1, "the echo of the early message");
  assert.equal(client.frames[0].payload.toString(), "early");
  client.destroy();
});
