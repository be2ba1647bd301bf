/** Where a channel was read to; the server's log is asked for what follows it. */
export interface Position {
  epoch: string;
  offset: number;
}

/** An event as the server tells it. Kept events have an offset; typing, deltas and presence none. */
export interface ChannelEvent<Data = Record<string, unknown>> {
  channel: string;
  epoch: string;
  offset?: number;
  id: string;
  event: string;
  /** Who published it; only where a client did. */
  clientId?: string;
  /** Unix time, ms. */
  timestamp: number;
  data: Data;
}

export interface EventMeta {
  /** live, or replay (missed while away), or history (from before; after a `reset`). */
  source: "live" | "replay" | "history";
}

export interface Member {
  clientId: string;
  data: Record<string, unknown>;
}

export interface Typist {
  actor: "customer" | "agent" | "ai" | string;
  id: string;
  name: string;
}

export interface HistoryPage {
  /** Ascending. */
  events: ChannelEvent[];
  epoch: string;
  /** Whether there is more in the asked direction. */
  more: boolean;
}

export type ErrorKind = "refused" | "lost" | "offline" | "expired" | "full" | "closed";

/**
 * What failed, and what it means:
 * - `refused`: the server said no: see `code` (docs/protocol.md §4) and perhaps `field`
 * - `lost`: the connection ended before the answer; whether it had an effect is unknown
 * - `offline`: there is no connection, and this call does not wait for one
 * - `expired`: it waited longer than it may
 * - `full`: a bounded queue is full
 * - `closed`: close() was called, or the server refuses this client for good
 */
export class DeskwireError extends Error {
  readonly kind: ErrorKind;
  /** The server's code where it refused, else 0. */
  readonly code: number;
  readonly field?: string;
  readonly retryAfterMs?: number;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly temporary: boolean;
  readonly tokenExpired: boolean;
}

export type State =
  | { name: "idle" | "connecting" | "closed" }
  | { name: "connected"; transport: "socket" | "poll" }
  /** It comes back by itself at `retryAt` (Unix ms), or when retry() is called. */
  | { name: "waiting"; reason: string; code: number; retryAt: number }
  /** It does not come back by itself; with `needsToken` setToken() goes on. */
  | { name: "ended"; reason: string; code: number; needsToken: boolean };

/** Periods in ms; everything else in items or bytes. */
export interface Limits {
  firstDelayMs: number;
  longestDelayMs: number;
  stableMs: number;
  openTimeoutMs: number;
  probeTimeoutMs: number;
  tokenTimeoutMs: number;
  refreshBeforeMs: number;
  maxTokenRefusals: number;
  pollAfterFailures: number;
  upgradeEveryMs: number;
  maxFrameBytes: number;
  maxChannels: number;
  maxQueuedItems: number;
  maxQueuedBytes: number;
  maxQueuedAgeMs: number;
}

export interface ClientOptions {
  /** The gateway: "https://gateway.example", also with ws or wss; in a page it may be relative. */
  url: string;
  /** A token to begin with. */
  token?: string;
  /** Gives a new token of the same client: asked before the old one expires, and when it is refused. */
  getToken?: (why: { reason: "connecting" | "expiring" }) => string | Promise<string>;
  /** Default: the global one (browsers, Node 22). Node 20: pass npm's `ws`. */
  WebSocket?: unknown;
  /** Default: the global one. */
  fetch?: typeof fetch;
  /** Keeps positions over a reload. Default: sessionStorage, where there is one; null: nowhere. */
  storage?: Pick<Storage, "getItem" | "setItem"> | null;
  /** Whether to poll where WebSockets are blocked. Default: true. */
  fallback?: boolean;
  /** Uniform in [0, 1); for tests. */
  random?: () => number;
  limits?: Partial<Limits>;
}

/** One connection to one gateway, kept alive. Nothing here throws because of the network. */
export class DeskwireClient {
  constructor(options: ClientOptions);
  readonly state: State;
  /** Who the server says we are; null before the first connection. */
  readonly clientId: string | null;
  /** Messages and events that wait to be sent or answered. */
  readonly queued: number;
  /** Begins; returns at once. Calling it again has no effect. */
  connect(): void;
  /** Ends; what waits to be sent rejects with "closed". */
  close(): void;
  /** Tries now instead of at `retryAt`. */
  retry(): void;
  /** Another token of the same client. */
  setToken(token: string): void;
  /**
   * The channel of this name, made on first use.
   * @throws DeskwireError "full" beyond limits.maxChannels.
   */
  channel(name: string): Channel;
  /** Unsubscribes from a channel and forgets it, its position too. */
  release(name: string): Promise<void>;
  on(name: "state", listener: (state: State) => void): () => void;
  off(name: "state", listener: (state: State) => void): void;
}

export interface Presence {
  readonly members: Member[];
  /** Is entered again with every new connection until leave(). Needs a WebSocket: else 40301. */
  enter(data?: Record<string, unknown>): Promise<void>;
  update(data?: Record<string, unknown>): Promise<void>;
  leave(): Promise<void>;
}

export interface SendOptions {
  /** For a repeat by hand: the server takes one id for one message, for a day. */
  clientMessageId?: string;
  /** Sandbox only. */
  simulate?: Record<string, string | number | boolean>;
  maxAgeMs?: number;
}

export interface Sent {
  messageId: string;
  /** Null for an agent's message. */
  job: string | null;
  offset?: number;
}

interface ChannelListeners {
  /** Every event: each kept one once, in order. */
  event: (event: ChannelEvent, meta: EventMeta) => void;
  /**
   * What is shown of this channel is void; history, when asked for, follows as events.
   * start: the first time; restored: after a reload, up to the known position; gap: too much was
   * missed for the server's log.
   */
  reset: (reset: { reason: "start" | "restored" | "gap" }) => void;
  state: (state: { subscribed: boolean }) => void;
  presence: (members: Member[]) => void;
  typing: (typists: Typist[]) => void;
  /** The server does not allow this subscription (any more). */
  ended: (error: DeskwireError) => void;
}

/** Made by DeskwireClient.channel(). */
export class Channel {
  private constructor();
  readonly name: string;
  readonly subscribed: boolean;
  /** Of the newest kept event that listeners have seen; null before the first. */
  readonly position: Position | null;
  readonly typists: Typist[];
  readonly presence: Presence;
  /**
   * Subscribes now and with every new connection, until unsubscribe().
   * @param options.history  How many older events listeners are given first, 0 to 200.
   * @param options.from     Goes on from here instead of from the stored position.
   * @return when listeners have seen everything up to now; rejects with "refused".
   */
  subscribe(options?: {
    history?: number;
    from?: Position;
  }): Promise<{ recovered: boolean; epoch: string; offset: number }>;
  unsubscribe(): Promise<void>;
  /**
   * A customer's or an agent's message: waits for a connection, keeps its order, and is repeated
   * until it is answered; the server takes it once. `sent` rejects with refused, expired, full or
   * closed: handle it.
   */
  send(content: string, options?: SendOptions): { clientMessageId: string; sent: Promise<Sent> };
  /**
   * @param options.queue  false: rejects with "offline" instead of waiting. Default: true.
   * @errors  besides those of send(): lost, where an event may not be published twice.
   */
  publish(
    event: string,
    data?: Record<string, unknown>,
    options?: { queue?: boolean; maxAgeMs?: number },
  ): Promise<{ id: string; offset?: number }>;
  /** Call it on each key press: little of it is sent, and it ends by itself. */
  typing(): void;
  stopTyping(): void;
  history(options?: { limit?: number; before?: number; after?: number }): Promise<HistoryPage>;
  on<Name extends keyof ChannelListeners>(name: Name, listener: ChannelListeners[Name]): () => void;
  off<Name extends keyof ChannelListeners>(name: Name, listener: ChannelListeners[Name]): void;
  /** Listens to one event by its name, such as "message:ai". */
  onEvent<Data = Record<string, unknown>>(
    name: string,
    listener: (event: ChannelEvent<Data>, meta: EventMeta) => void,
  ): () => void;
}

/**
 * What a close code asks of a client, by the protocol's table.
 * @param hint  `reconnect` of the server's disconnect frame: decides for unknown codes.
 */
export function afterClose(code: number, hint?: boolean): "retry" | "token" | "never";
