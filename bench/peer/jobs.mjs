// The phases of bench_jobs.cc with BullMQ: `node jobs.mjs PHASE COUNT` with REDIS_SOCKET set.
import { Queue, Worker } from 'bullmq';
import Redis from 'ioredis';

const [phase, countText] = process.argv.slice(2);
const count = Number(countText);
const connect = () => new Redis({ path: process.env.REDIS_SOCKET, maxRetriesPerRequest: null });
const queue = new Queue('bench', { connection: connect() });
const data = { payload: 'p'.repeat(200) };
const now = () => Number(process.hrtime.bigint()) / 1e6;

function quantiles(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (p) => sorted[Math.round(p * (sorted.length - 1))];
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) };
}

// Runs jobs and resolves with the time at which the count-th began.
function work(on_run = () => {}) {
  let runs = 0;
  const waiting = [];
  new Worker('bench', async (job) => {
    const at = now();
    on_run(job);
    runs += 1;
    for (const entry of waiting) if (entry.count === runs) entry.done(at);
  }, { connection: connect(), concurrency: 50 });
  return (wanted) => new Promise((done) => waiting.push({ count: wanted, done }));
}

async function fill() {
  for (let i = 0; i < count; i += 1000) {
    await queue.addBulk(Array.from({ length: Math.min(1000, count - i) }, () => ({ name: 'noop', data })));
  }
}

const phases = {
  async enqueue() {
    const begun = now();
    for (let i = 0; i < count; i += 1) await queue.add('noop', data);
    return { per_s: (count / (now() - begun)) * 1000 };
  },
  async bulk() {
    const begun = now();
    await fill();
    return { per_s: (count / (now() - begun)) * 1000 };
  },
  async process() {
    await fill();
    const begun = now();
    const ended = await work()(count);
    return { per_s: (count / (ended - begun)) * 1000 };
  },
  async latency() {
    const run = work();
    const list = [];
    for (let i = 0; i < count; i += 1) {
      const started = run(i + 1);
      const begun = now();
      await queue.add('noop', data);
      list.push((await started) - begun);
      await new Promise((done) => setTimeout(done, 1));
    }
    return quantiles(list);
  },
  async lateness() {
    const late = [];
    const run = work((job) => late.push(Date.now() - job.timestamp - job.opts.delay));
    const ended = run(count);
    for (let i = 0; i < count; i += 1) await queue.add('noop', data, { delay: 100 + ((i * 7919) % 1900) });
    await ended;
    return { ...quantiles(late), early: late.filter((ms) => ms < 0).length };
  },
};

await queue.waitUntilReady();
console.log(JSON.stringify(await phases[phase]()));
process.exit(0);
