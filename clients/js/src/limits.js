/** Every limit and period of a client, with its default; options.limits overrides them. */
export const DEFAULT_LIMITS = Object.freeze({
  firstDelayMs: 500,
  longestDelayMs: 30_000,
  // A connection that lasted this long was a success; shorter ones count as failures in a row.
  stableMs: 10_000,
  openTimeoutMs: 10_000,
  probeTimeoutMs: 4_000,
  tokenTimeoutMs: 15_000,
  refreshBeforeMs: 60_000,
  maxTokenRefusals: 3,
  // WebSocket attempts in a row that never opened, after which long polls are tried.
  pollAfterFailures: 2,
  // How often a polling client tries a WebSocket again.
  upgradeEveryMs: 60_000,
  maxFrameBytes: 65_536,
  maxChannels: 200,
  maxQueuedItems: 200,
  maxQueuedBytes: 1_048_576,
  maxQueuedAgeMs: 600_000,
});

const DRAINING = 4010;
const DRAIN_CEILING_MS = 2000;
const TOO_MANY = 4029;
const CROWDED_CEILING_MS = 10_000;
const MOST_DOUBLINGS = 20;

/**
 * The longest time to wait before the next attempt; the wait itself is a random part of it ("full
 * jitter"), so that the clients of a restarted server do not return all at once.
 *
 * @param failures  Attempts in a row that failed before this one, 0 or more.
 * @param code      The close code: a draining or crowded server gets more time.
 */
export function delayCeilingMs(limits, failures, code) {
  const doubled = limits.firstDelayMs * 2 ** Math.min(failures, MOST_DOUBLINGS);
  const least = code === DRAINING ? DRAIN_CEILING_MS : code === TOO_MANY ? CROWDED_CEILING_MS : 0;
  return Math.max(Math.min(limits.longestDelayMs, doubled), least);
}
