// What must be true when everything is quiet again.

import { askAll, scan, SHARDS } from "./redis_link.mjs";

const numberIn = (text) => Number(/message (\d+)\./.exec(text)?.[1]);

/** All jobs: {id, state, kind, outcome, error, parent, crashes}. */
async function readJobs(link) {
  const jobs = new Map();
  for (const prefix of SHARDS) {
    const keys = await scan(link, `${prefix}j:*`);
    const fields = ["s", "k", "out", "err", "par", "cr", "msg"];
    const replies = await askAll(link, keys.map((key) => ["HMGET", key, ...fields]));
    keys.forEach((key, i) => {
      const id = key.slice(prefix.length + 2);
      const [state, kind, outcome, error, parent, crashes, message] = replies[i];
      jobs.set(id, { id, state, kind, outcome, error, parent, message, crashes: Number(crashes ?? 0) });
    });
  }
  return jobs;
}

/** channel → kept events, oldest first, as {offset, id, event, data}. */
async function readLogs(link) {
  const logs = new Map();
  for (const prefix of SHARDS) {
    const keys = await scan(link, `${prefix}log:*`);
    for (const key of keys) {
      const [entries] = await link.ask([["XRANGE", key, "-", "+"]]);
      logs.set(
        key.slice(prefix.length + 4),
        entries.map(([place, fields]) => {
          const { id, event, data } = JSON.parse(fields[fields.indexOf("e") + 1]);
          return { offset: Number(place.split("-")[0]), id, event, data };
        }),
      );
    }
  }
  return logs;
}

/** The newest offset of each channel; 0 where nothing was kept. */
export async function newestOffsets(link, channels) {
  const tops = new Map();
  for (const prefix of SHARDS) {
    const keys = await scan(link, `${prefix}ch:*`);
    const offsets = await askAll(link, keys.map((key) => ["HGET", key, "o"]));
    keys.forEach((key, i) => tops.set(key.slice(prefix.length + 3), Number(offsets[i] ?? 0)));
  }
  return channels.map((channel) => tops.get(channel) ?? 0);
}

function countBy(list, key) {
  const counts = new Map();
  for (const item of list) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

const repeated = (counts) => [...counts].filter(([, count]) => count > 1).map(([key]) => key);

function ascending(numbers) {
  return numbers.every((number, i) => i === 0 || numbers[i - 1] < number);
}

const postedFor = (replies, wanted) =>
  replies.filter(({ content }) => numberIn(content) === wanted).map(({ source_id, storedAt }) => [source_id, storedAt]);

/** Each acknowledged message has one outcome, and what people saw agrees with it. */
function checkOutcomes({ customers, chatwoot, jobs, logs }, outcomes) {
  const lost = [];
  const replies = chatwoot.messages.filter((message) => !message.private);
  const postsOf = countBy(replies, ({ content }) => numberIn(content));
  const handedOff = new Set(
    [...jobs.values()].filter(({ kind, state }) => kind === "handoff" && state === "c").map(({ parent }) => parent),
  );
  for (const { number, conversation, job, spooled, at } of customers.acknowledged.values()) {
    const posts = postsOf.get(number) ?? 0;
    // A spooled delivery may turn out to be the repeat of one whose answer was lost: then the job is
    // that one's, and only the reply tells of it.
    const found = jobs.get(job) ?? (spooled && posts === 1 ? { state: "c", outcome: "replied" } : undefined);
    const events = logs.get(`conversation:${conversation}`) ?? [];
    const asked = events.filter(({ event, data }) => event === "message:user" && numberIn(data.content) === number);
    if (asked.length !== 1) lost.push(`message ${number} was shown ${asked.length} times`);
    const outcome =
      found?.state === "c" && found.outcome === "replied" && posts === 1
        ? "replied"
        : found?.state === "c" && found.outcome?.startsWith("skipped:") && posts === 0
          ? found.outcome
          : found?.state === "d" && handedOff.has(job)
            ? `handed to a human (${found.error})`
            : null;
    if (outcome) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    else lost.push(`message ${number}, ${spooled ? "spooled" : "enqueued"} at ${at} as ${job}: ${JSON.stringify(found)}, ${posts} posts ${JSON.stringify(postedFor(replies, number))}`);
    if (outcome === "replied" && !answeredOnce(events, number)) {
      lost.push(`message ${number} was answered, but the channel does not say so once`);
    }
  }
  return lost;
}

function answeredOnce(events, number) {
  const answers = events.filter(({ event, data }) => event === "message:ai" && numberIn(data.content) === number);
  if (answers.length !== 1) return false;
  const { messageId } = answers[0].data;
  const ends = events.filter(({ event, data }) => event === "message:status" && data.messageId === messageId);
  return ends.length === 1 && ends[0].data.status === "sent";
}

function checkEffects({ chatwoot }) {
  const problems = repeated(countBy(chatwoot.messages, ({ source_id }) => source_id)).map(
    (id) => `posted twice: ${id}`,
  );
  problems.push(
    ...repeated(countBy(chatwoot.messages, ({ content }) => numberIn(content))).map(
      (number) => `two replies to message ${number}`,
    ),
  );
  for (const { id, source_id } of chatwoot.messages) {
    if (!source_id) problems.push(`post ${id} does not bear our id`);
  }
  return problems;
}

function checkEvents({ logs }) {
  const problems = [];
  for (const [channel, events] of logs) {
    for (const id of repeated(countBy(events, ({ id }) => id))) problems.push(`${channel}: event ${id} twice`);
    const told = events.filter(({ data }) => data.messageId !== undefined);
    const meanings = countBy(told, ({ event, data }) => [event, data.messageId, data.status].join(" "));
    for (const meaning of repeated(meanings)) problems.push(`${channel}: ${meaning} twice`);
    if (!ascending(events.map(({ offset }) => offset))) problems.push(`${channel}: offsets do not ascend`);
  }
  return problems;
}

function checkOrder({ chatwoot, logs }) {
  const problems = [];
  const postsOf = new Map();
  for (const message of chatwoot.messages) {
    if (message.private) continue;
    const posts = postsOf.get(message.conversation_id) ?? [];
    postsOf.set(message.conversation_id, posts);
    posts.push(numberIn(message.content));
  }
  for (const [conversation, numbers] of postsOf) {
    if (!ascending(numbers)) problems.push(`replies in conversation ${conversation} are out of order`);
  }
  for (const [channel, events] of logs) {
    for (const name of ["message:user", "message:ai"]) {
      const numbers = events.filter(({ event }) => event === name).map(({ data }) => numberIn(data.content));
      if (!ascending(numbers)) problems.push(`${name} on ${channel} is out of order`);
    }
  }
  return problems;
}

function checkWatchers({ watchers, logs }) {
  const problems = [];
  for (const watcher of watchers) {
    problems.push(...watcher.problems);
    for (const [channel, seen] of watcher.events) {
      const kept = (logs.get(channel) ?? []).map(({ offset, id }) => `${offset} ${id}`);
      if (seen.join() !== kept.join()) {
        problems.push(`${watcher.name}: ${channel} has ${kept.length} events, ${seen.length} came`);
      }
    }
  }
  return problems;
}

/** Rows of {check, violations: [text]} and the number of each outcome. */
export async function judge(run) {
  const facts = { ...run, jobs: await readJobs(run.link), logs: await readLogs(run.link) };
  const outcomes = {};
  const rows = {
    "lost: acknowledged without one outcome": checkOutcomes(facts, outcomes),
    "effects twice": checkEffects(facts),
    "events twice": checkEvents(facts),
    "order": checkOrder(facts),
    "clients that recovered": checkWatchers(facts),
  };
  const crashes = [...facts.jobs.values()].reduce((sum, job) => sum + job.crashes, 0);
  const events = [...facts.logs.values()].reduce((sum, log) => sum + log.length, 0);
  const died = [...facts.jobs.values()].filter(({ state }) => state === "d");
  const deaths = Object.fromEntries(countBy(died, ({ kind, error, message }) => `${kind}: ${error}: ${message}`));
  return { rows, outcomes, deaths, crashes, events };
}
