#!/usr/bin/env node
// Fan-out, idle memory, set-up and the way across two nodes, each figure the median of some rounds;
// fan-out beside npm `ws` (and beside any other server that --other starts) in the same minute.
//
//   node bench/fanout.mjs [fanout|idle|connect|nodes]… [--rounds 5] [--build build/release]
//                         [--other 'COMMAND that prints "listening on PORT" and echoes to all others']

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SUITES = ['fanout', 'idle', 'connect', 'nodes'];
const RATES = [50, 200, 1000, 0];
const SECRET = 'bench-secret-bench-secret-bench-secret';
const CHANNEL = 'room:bench';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    subscribers: { type: 'string', default: '500' },
    idle: { type: 'string', default: '5000' },
    build: { type: 'string', default: join(ROOT, 'build/release') },
    other: { type: 'string' },
  },
});
if (positionals.some((name) => !SUITES.includes(name))) {
  console.error(`fanout: ${SUITES.join(', ')}`);
  process.exit(2);
}
const wanted = (suite) => positionals.length === 0 || positionals.includes(suite);
const children = new Set();

function start(command, args, options, ready) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (chunk) => {
      text = (text + chunk).slice(-20000);
      const match = ready.exec(text);
      if (match) resolve({ child, match, text: () => text });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${text.slice(-500)}`)));
  });
}

function stop({ child }) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', resolve);
    child.stdin.end();
    child.kill('SIGTERM');
  });
}

const rssKiB = ({ child }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

const medians = (rows) => Object.fromEntries(Object.keys(rows[0]).map((key) => [key, median(rows.map((row) => row[key]))]));

async function startRedis(directory) {
  const socket = join(directory, 'r.sock');
  const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'yes', '--dir', directory];
  return { ...(await start('redis-server', args, {}, /[Rr]eady to accept/)), socket };
}

async function startGateway(directory, name, socket) {
  const file = join(directory, `${name}.json`);
  writeFileSync(file, JSON.stringify({
    data_dir: join(directory, name),
    redis: { url: `unix://${socket}` },
    receiver: { listen: '127.0.0.1:0' },
    gateway: {
      listen: '127.0.0.1:0', keys: [{ kid: 'bench', secret: SECRET }], open_prefixes: ['room:'],
      limits: { publish_per_s: 1000000, publish_burst: 1000000, connects_burst: 100000 },
    },
    admin: { listen: '127.0.0.1:0' },
    log: { level: 'warn' },
  }));
  const binary = join(values.build, 'deskwire');
  const server = await start(binary, ['serve', '--config', file, '--roles', 'gateway'], { cwd: directory }, /Ctrl-C stops it/);
  const port = /gateway\D*127\.0\.0\.1:(\d+)/.exec(server.text())[1];
  const token = execFileSync(binary, ['token', '--config', file, '--client', 'bench', '--role', 'agent',
    '--cap', 'room:*=subscribe,publish'], { encoding: 'utf8' }).trim();
  return { ...server, port, path: `/v1/ws?token=${token}`, subscribe: (channel) => JSON.stringify({ id: 1, subscribe: { channel } }) };
}

async function startBroadcaster(command, args, cwd) {
  const server = await start(command, args, { cwd }, /listening on (\d+)/);
  return { ...server, port: server.match[1], path: '/' };
}

// Events of 300 bytes on the wire, whoever sends them.
const PUBLISH = {
  deskwire: `{"id":1@n@,"publish":{"channel":"${CHANNEL}","event":"note","data":{"t":@t@,"pad":"${'x'.repeat(40)}"}}}`,
  plain: `{"t":@t@,"pad":"${'x'.repeat(265)}"}`,
};

function instrument(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(values.build, 'bench/bench_fanout'), args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.once('exit', (code) => {
      children.delete(child);
      if (out.startsWith('{')) resolve(JSON.parse(out));
      else reject(new Error(`bench_fanout ended with ${code}: ${err}`));
    });
  });
}

async function fanOutOnce(server, rate) {
  const events = Math.max(100, (rate || 1000) * Number(values.seconds));
  const more = server.subscribe ? ['--subscribe', server.subscribe(CHANNEL), '--publish', PUBLISH.deskwire] : ['--publish', PUBLISH.plain];
  const run = await instrument(['--port', server.port, '--path', server.path, '--subscribers', values.subscribers,
    '--rate', rate, '--events', events, '--server-pid', server.child.pid, ...more]);
  if (run.missing > 0) throw new Error(`${run.missing} deliveries are missing`);
  return { deliveries_per_s: run.deliveries_per_s, per_core: run.deliveries / run.cpu_s, p50: run.p50_ms, p99: run.p99_ms };
}

async function fanOut(directory) {
  const redis = await startRedis(directory);
  const subjects = { deskwire: await startGateway(directory, 'one', redis.socket) };
  subjects['ws 8'] = await startBroadcaster(process.execPath, ['fanout_ws.mjs'], join(ROOT, 'bench/peer'));
  if (values.other) subjects.other = await startBroadcaster('/bin/sh', ['-c', `exec ${values.other}`], directory);
  console.log(`\nfan-out to ${values.subscribers} subscribers, medians of ${values.rounds}`);
  console.log('events/s  server      deliveries/s  a second of its CPU   p50 ms   p99 ms');
  for (const rate of RATES) {
    const rows = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, server] of Object.entries(subjects)) rows[name].push(await fanOutOnce(server, rate));
    }
    for (const [name, list] of Object.entries(rows)) {
      const row = medians(list);
      console.log(`${String(rate || 'most').padEnd(10)}${name.padEnd(12)}${row.deliveries_per_s.toFixed(0).padStart(12)}${row.per_core.toFixed(0).padStart(21)}${row.p50.toFixed(2).padStart(9)}${row.p99.toFixed(2).padStart(9)}`);
    }
  }
  for (const server of [...Object.values(subjects), redis]) await stop(server);
}

async function idle(directory) {
  const redis = await startRedis(directory);
  const server = await startGateway(directory, 'idle', redis.socket);
  const warm = ['--port', server.port, '--path', server.path, '--subscribe', server.subscribe('room:idle-@n@')];
  await instrument([...warm, '--subscribers', 500]);
  const before = rssKiB(server);
  const holder = await start(join(values.build, 'bench/bench_fanout'), [...warm, '--subscribers', values.idle, '--hold'], {}, /connect_p99/);
  const each = (rssKiB(server) - before) / Number(values.idle);
  console.log(`\n${values.idle} idle sessions, each on a channel of its own: ${each.toFixed(2)} KiB each (${before} KiB before)`);
  for (const one of [holder, server, redis]) await stop(one);
}

async function connects(directory) {
  const redis = await startRedis(directory);
  const server = await startGateway(directory, 'connects', redis.socket);
  const rows = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const run = await instrument(['--port', server.port, '--path', server.path, '--subscribe', server.subscribe('room:connects-@n@'),
      '--subscribers', 1000, '--connects-per-s', 200]);
    rows.push({ p50: run.connect_p50_ms, p99: run.connect_p99_ms });
  }
  const row = medians(rows);
  console.log(`\nset-up at 200 connects/s, until subscribed: p50 ${row.p50.toFixed(2)} ms, p99 ${row.p99.toFixed(2)} ms`);
  for (const one of [server, redis]) await stop(one);
}

async function nodes(directory) {
  const redis = await startRedis(directory);
  const [one, two] = [await startGateway(directory, 'a', redis.socket), await startGateway(directory, 'b', redis.socket)];
  const rows = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const run = await instrument(['--port', one.port, '--publish-port', two.port, '--path', one.path, '--subscribe', one.subscribe(CHANNEL),
      '--publish', PUBLISH.deskwire, '--subscribers', 10, '--rate', 200, '--events', 200 * Number(values.seconds)]);
    rows.push({ p50: run.p50_ms, p99: run.p99_ms });
  }
  const row = medians(rows);
  console.log(`\npublish at one node, receive at another, 200/s to 10: p50 ${row.p50.toFixed(2)} ms, p99 ${row.p99.toFixed(2)} ms`);
  for (const server of [one, two, redis]) await stop(server);
}

const directory = mkdtempSync(join(tmpdir(), 'dw-fanout-'));
try {
  console.log(`${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, ${new Date().toISOString().slice(0, 10)}`);
  for (const [suite, measure] of Object.entries({ fanout: fanOut, idle, connect: connects, nodes })) {
    if (wanted(suite)) await measure(directory);
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}
