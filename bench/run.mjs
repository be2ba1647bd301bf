#!/usr/bin/env node
// Runs the benchmarks in rounds, each subject beside its peer within the same minute, and prints the
// medians with their spread. `node bench/run.mjs --help` says what there is.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    build: { type: 'string', default: join(root, 'build/release') },
    fsync: { type: 'string', default: 'everysec' },
    count: { type: 'string', default: '20000' },
    help: { type: 'boolean', default: false },
  },
});
const suites = ['receiver', 'latency', 'loop', 'jobs', 'scale'];
if (values.help || positionals.some((name) => !suites.includes(name))) {
  console.log(`node bench/run.mjs [${suites.join('|')}]... [--rounds 5] [--fsync everysec|always] [--count 20000] [--build DIR]

receiver  accepted webhooks/s beside the same HTTP server answering an empty 202; ack at half of it
latency   webhook -> message:user and message:ai on a WebSocket at 500/s, beside Node+BullMQ+Socket.IO
loop      the whole loop at saturation, beside Node+BullMQ+Socket.IO (npm ci in bench/peer first)
jobs      the job store and the worker pool beside BullMQ: enqueue, process, lateness, memory
scale     enqueue, step and the CLI with 10,000 and with a million jobs waiting in 100,000 lanes`);
  process.exit(values.help ? 0 : 2);
}
const rounds = Number(values.rounds);
const count = Number(values.count);
const secret = 'bench-secret-bench-secret-bench-secret';
const body = join(root, 'tests/fixtures/chatwoot/wire/message_created.incoming.body');
const children = new Set();

// Starts a program and resolves with the first match of `ready` in what it prints.
function start(command, args, options, ready) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
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
    child.kill('SIGTERM');
  });
}

// User + system seconds that a process and its waited-for children have used.
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function load(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(values.build, 'bench/bench_load'), ['--body', body, '--secret', secret, ...args.map(String)],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.once('exit', (code) => {
      children.delete(child);
      const run = out.startsWith('{') ? JSON.parse(out) : undefined;
      if (run?.refused > 0) reject(new Error(`${run.refused} of ${run.refused + run.accepted} requests were refused`));
      else if (run) resolve(run);
      else reject(new Error(`bench_load ended with ${code}: ${err}`));
    });
  });
}

async function startRedis(directory) {
  const socket = join(directory, 'r.sock');
  const redis = await start('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'yes',
    '--appendfsync', values.fsync, '--dir', directory], {}, /Ready to accept|ready to accept/);
  return { ...redis, socket };
}

async function startDeskwire(directory, socket, helpdeskPort, roles) {
  const config = {
    data_dir: join(directory, 'data'),
    redis: { url: `unix://${socket}` },
    receiver: { listen: '127.0.0.1:0' },
    gateway: { listen: '127.0.0.1:0', keys: [{ kid: 'bench', secret }] },
    admin: { listen: '127.0.0.1:0' },
    sources: [{ name: 'bench', type: 'chatwoot', secrets: [secret], account_id: '1',
      base_url: `http://127.0.0.1:${helpdeskPort}`, bot_token: 'bench' }],
    log: { level: 'warn' },
  };
  const file = join(directory, 'deskwire.json');
  writeFileSync(file, JSON.stringify(config));
  const binary = join(values.build, 'deskwire');
  const server = await start(binary, ['serve', '--config', file, '--roles', roles], { cwd: directory }, /Ctrl-C stops it/);
  const port = (door) => new RegExp(`${door}\\D*127\\.0\\.0\\.1:(\\d+)`).exec(server.text())?.[1];
  const token = execFileSync(binary, ['token', '--config', file, '--client', 'bench', '--role', 'agent',
    '--cap', 'conversation:*=subscribe'], { encoding: 'utf8' }).trim();
  return { ...server, receiver: port('receiver'), gateway: port('gateway'), token };
}

async function startPeer(socket, helpdeskPort) {
  const environment = { ...process.env, REDIS_SOCKET: socket, SECRET: secret, HELPDESK_PORT: helpdeskPort };
  const directory = join(root, 'bench/peer');
  const web = await start('node', ['web.mjs'], { cwd: directory, env: environment }, /(\d+)\n/);
  const worker = await start('node', ['worker.mjs'], { cwd: directory, env: environment }, /ready/);
  return { web, worker, port: web.match[1] };
}

const peers = (kind) => start(join(values.build, 'bench/bench_peers'), [kind], {}, /(\d+)\n/);

// A fresh Redis and helpdesk for each subject, so that none inherits another's backlog.
async function withStack(kind, use, roles = 'receiver,worker,gateway,sla') {
  const directory = mkdtempSync(join(tmpdir(), 'deskwire-bench-'));
  const redis = await startRedis(directory);
  const helpdesk = await peers('helpdesk');
  try {
    if (kind === 'deskwire') {
      const server = await startDeskwire(directory, redis.socket, helpdesk.match[1], roles);
      const pids = [server.child.pid, redis.child.pid];
      const result = await use({ port: server.receiver, args: ['--path', '/webhooks/bench', '--events-port', server.gateway, '--token', server.token], pids });
      await stop(server);
      return result;
    }
    const peer = await startPeer(redis.socket, helpdesk.match[1]);
    const pids = [peer.web.child.pid, peer.worker.child.pid, redis.child.pid];
    const result = await use({ port: peer.port, args: ['--socket-io', '--events-port', peer.port], pids });
    await stop(peer.worker);
    await stop(peer.web);
    return result;
  } finally {
    await stop(helpdesk);
    await stop(redis);
    rmSync(directory, { recursive: true, force: true });
  }
}

const figures = new Map();
function note(name, value) {
  if (!figures.has(name)) figures.set(name, []);
  figures.get(name).push(value);
}

async function receiver() {
  const empty = await peers('empty');
  const floor = await load(['--port', empty.match[1], '--path', '/', '--count', count]);
  await stop(empty);
  note('receiver: the same server, empty 202, answers/s', floor.accepted_per_s);
  const threaded = await start(join(values.build, 'bench/bench_httplib'), [], {}, /(\d+)\n/);
  const plain = await load(['--port', threaded.match[1], '--path', '/', '--count', count]);
  await stop(threaded);
  note('receiver: cpp-httplib, empty 202, answers/s', plain.accepted_per_s);
  await withStack('deskwire', async ({ port }) => {
    const full = await load(['--port', port, '--path', '/webhooks/bench', '--count', count]);
    note('receiver: accepted webhooks/s', full.accepted_per_s);
    note('receiver: ratio to the same server, empty', full.accepted_per_s / floor.accepted_per_s);
    note('receiver: ratio to cpp-httplib, empty', full.accepted_per_s / plain.accepted_per_s);
  }, 'receiver');
  await withStack('deskwire', async ({ port }) => {
    const half = Math.floor(figures.get('receiver: accepted webhooks/s').at(-1) / 2);
    const steady = await load(['--port', port, '--path', '/webhooks/bench', '--count', Math.min(count, half * 5), '--rate', half, '--connections', 64]);
    note('receiver: ack p50 ms at half its limit', steady.ack.p50_ms);
    note('receiver: ack p99 ms at half its limit', steady.ack.p99_ms);
  }, 'receiver');
}

async function latency() {
  for (const kind of ['deskwire', 'peer']) {
    await withStack(kind, async ({ port, args }) => {
      const run = await load(['--port', port, ...args, '--rate', 500, '--count', 5000, '--linger-ms', 3000]);
      for (const event of ['message_user', 'message_ai']) {
        note(`latency at 500/s: ${kind} ${event} p50 ms`, run[event].p50_ms);
        note(`latency at 500/s: ${kind} ${event} p99 ms`, run[event].p99_ms);
      }
      note(`latency at 500/s: ${kind} lost`, run.lost_user + run.lost_ai);
    });
  }
}

async function loop() {
  const speed = {};
  for (const kind of ['deskwire', 'peer']) {
    await withStack(kind, async ({ port, args, pids }) => {
      const before = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
      const run = await load(['--port', port, ...args, '--count', count, '--linger-ms', 60000]);
      const cpu = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before;
      speed[kind] = { ...run, cpu: (cpu / count) * 1e6 };
      note(`loop: ${kind} accepted/s`, run.accepted_per_s);
      note(`loop: ${kind} replied/s`, run.replied_per_s);
      note(`loop: ${kind} cpu us a webhook (with redis)`, (cpu / count) * 1e6);
      note(`loop: ${kind} lost+twice+disorder`, run.lost_user + run.lost_ai + run.twice + run.out_of_order);
    });
  }
  note('loop: accepted, ratio to the peer', speed.deskwire.accepted_per_s / speed.peer.accepted_per_s);
  note('loop: replied, ratio to the peer', speed.deskwire.replied_per_s / speed.peer.replied_per_s);
  note('loop: cpu a webhook, ratio to the peer', speed.deskwire.cpu / speed.peer.cpu);
}

// One phase in a Redis of its own: what the program prints, Redis' CPU and what it holds afterwards.
async function jobPhase(kind, phase, jobs) {
  const directory = mkdtempSync(join(tmpdir(), 'deskwire-bench-'));
  const redis = await startRedis(directory);
  const info = (section, field) => Number(new RegExp(`${field}:([0-9.]+)`).exec(
    execFileSync('redis-cli', ['-s', redis.socket, 'info', section], { encoding: 'utf8' }))[1]);
  const cpu = () => info('cpu', 'used_cpu_user') + info('cpu', 'used_cpu_sys');
  try {
    const before = { cpu: cpu(), memory: info('memory', 'used_memory') };
    const [command, args] = kind === 'deskwire'
      ? [join(values.build, 'bench/bench_jobs'), ['--socket', redis.socket, '--phase', phase, '--count', String(jobs)]]
      : ['node', [join(root, 'bench/peer/jobs.mjs'), phase, String(jobs)]];
    const out = execFileSync(command, args, { encoding: 'utf8', env: { ...process.env, REDIS_SOCKET: redis.socket } });
    return { ...JSON.parse(out), redis_us: ((cpu() - before.cpu) / jobs) * 1e6,
      bytes: (info('memory', 'used_memory') - before.memory) / jobs };
  } finally {
    await stop(redis);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function jobs() {
  for (const phase of ['enqueue', 'bulk', 'process', 'latency', 'lateness']) {
    const quick = phase === 'latency' || phase === 'lateness';
    const run = {};
    for (const kind of ['deskwire', 'bullmq']) {
      run[kind] = await jobPhase(kind, phase, quick ? 1000 : count);
      for (const [name, value] of Object.entries(run[kind])) {
        if (name === 'bytes' && phase !== 'bulk') continue;
        if (name === 'redis_us' && quick) continue;
        note(`jobs: ${phase} ${kind} ${name}`, value);
      }
    }
    if (!quick) note(`jobs: ${phase} per_s, ratio to bullmq`, run.deskwire.per_s / run.bullmq.per_s);
  }
}

// A CLI command as an operator calls it: the whole process, in ms.
function timed(command, args) {
  const begun = process.hrtime.bigint();
  execFileSync(command, args, { stdio: 'ignore' });
  return Number(process.hrtime.bigint() - begun) / 1e6;
}

async function scale() {
  const directory = mkdtempSync(join(tmpdir(), 'deskwire-bench-'));
  const redis = await startRedis(directory);
  const ask = (...words) => execFileSync('redis-cli', ['-s', redis.socket, ...words], { encoding: 'utf8' });
  try {
    ask('config', 'set', 'slowlog-log-slower-than', '5000');
    const out = execFileSync(join(values.build, 'bench/bench_jobs'),
      ['--socket', redis.socket, '--phase', 'scale', '--count', '1000000'], { encoding: 'utf8' });
    for (const [name, value] of Object.entries(JSON.parse(out))) note(`scale: ${name}`, value);
    const config = join(directory, 'deskwire.json');
    writeFileSync(config, JSON.stringify({ data_dir: join(directory, 'data'), redis: { url: `unix://${redis.socket}` } }));
    for (const verb of [['stats'], ['ls'], ['why', '77']]) {
      note(`scale: deskwire jobs ${verb.join(' ')} ms`, timed(join(values.build, 'deskwire'), ['jobs', ...verb, '--config', config]));
    }
    note('scale: Redis calls over 5 ms', Number(ask('slowlog', 'len')));
  } finally {
    await stop(redis);
    rmSync(directory, { recursive: true, force: true });
  }
}

const chosen = positionals.length > 0 ? positionals : suites;
console.log(`${cpus().length} x ${cpus()[0].model.trim()}, load ${loadavg().map((x) => x.toFixed(2)).join(' ')}, appendfsync ${values.fsync}, ${rounds} rounds`);
try {
  for (let round = 1; round <= rounds; ++round) {
    for (const name of chosen) {
      process.stderr.write(`round ${round}/${rounds} ${name}\n`);
      await { receiver, latency, loop, jobs, scale }[name]();
    }
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
}
const show = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(2)).padStart(10);
console.log('figure'.padEnd(60) + 'median'.padStart(10) + 'min'.padStart(10) + 'max'.padStart(10));
for (const [name, list] of figures) {
  const sorted = [...list].sort((a, b) => a - b);
  console.log(name.padEnd(60) + show(sorted[Math.floor(sorted.length / 2)]) + show(sorted[0]) + show(sorted.at(-1)));
}
