// What a run tells: an object for programs, a table for people.

const SHOWN_VIOLATIONS = 10;

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  return sorted.length === 0 ? 0 : Number(sorted[at].toFixed(1));
}

/** @param rows  check → what violated it. */
export function reportOf({ options, customers, helpdesk, faults, recovery, watchers, verdict, rows, stats, quietMs }) {
  const sum = (key) => watchers.reduce((total, watcher) => total + watcher.counts[key], 0);
  const ack = { ack_ms_p50: percentile(customers.ackMs, 0.5), ack_ms_p99: percentile(customers.ackMs, 0.99) };
  const shown = (found) => ({ violations: found.length, first: found.slice(0, SHOWN_VIOLATIONS) });
  return {
    seed: options.seed,
    seconds: options.seconds,
    conversations: options.conversations,
    messages: customers.acknowledged.size,
    webhooks: { ...customers.counts, ...ack },
    faults: faults.counts,
    helpdesk,
    clients: { connections: sum("connections"), recoveries: sum("recoveries") },
    outcomes: verdict.outcomes,
    dead_letters: verdict.deaths,
    attempts_that_crashed: verdict.crashes,
    events: verdict.events,
    slowest_recovery: { ms: recovery.slowestMs, of: recovery.slowest },
    quiet_after_ms: quietMs,
    jobs: stats,
    checks: Object.fromEntries(Object.entries(rows).map(([check, found]) => [check, shown(found)])),
    violations: Object.values(rows).reduce((total, found) => total + found.length, 0),
  };
}

const inOneLine = (value) =>
  typeof value === "object"
    ? Object.entries(value)
        .map(([key, one]) => `${key} ${one}`)
        .join(", ")
    : value;

export function print({ checks, violations, ...figures }) {
  for (const [name, value] of Object.entries(figures)) {
    console.log(`${name.replaceAll("_", " ").padEnd(24)}${inOneLine(value)}`);
  }
  console.log();
  for (const [check, { violations: count, first }] of Object.entries(checks)) {
    console.log(`${check.padEnd(44)}${count === 0 ? "ok" : `${count} VIOLATIONS`}`);
    for (const line of first) console.log(`    ${line}`);
  }
  console.log(violations === 0 ? "\nall held" : `\n${violations} violations; seed ${figures.seed}`);
}
