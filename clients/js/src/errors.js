// What can go wrong, and what a client does about it: docs/protocol.md §4 as code.

// Answers that only say "not now": rate limits, and a server whose storage is away.
const FIRST_TEMPORARY_CODE = 42900;
const TOKEN_EXPIRED = 40142;

// Close codes after which a new attempt would only be refused again: what was sent is at fault.
const NEVER = new Set([1002, 1003, 1007, 1009, 4002]);
// Close codes that ask for another token.
const NEW_TOKEN = new Set([4001, 4003, 4009]);

/**
 * `kind` says what happened, and is what callers decide by:
 *   refused   the server answered with an error: `code` and perhaps `field` say why
 *   lost      the connection ended before the answer; whether it had an effect is unknown
 *   offline   there is no connection, and the call is not one that waits for the next
 *   expired   it waited longer than the queue's age limit and was never sent, or never answered
 *   full      a bounded queue is full
 *   closed    close() was called, or the server has refused this client for good
 */
export class DeskwireError extends Error {
  constructor(kind, message, { code = 0, field, retryAfterMs } = {}) {
    super(message);
    this.name = "DeskwireError";
    this.kind = kind;
    this.code = code;
    if (field !== undefined) this.field = field;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same call may succeed later without anybody changing anything. */
  get temporary() {
    if (this.kind !== "refused") return this.kind === "lost" || this.kind === "offline";
    return this.code >= FIRST_TEMPORARY_CODE || this.code === TOKEN_EXPIRED;
  }

  get tokenExpired() {
    return this.kind === "refused" && this.code === TOKEN_EXPIRED;
  }
}

/** The server's `error` object as an error. */
export function refusal(error) {
  const { code = 50000, message = "refused", field, retry_after_ms: retryAfterMs } = error ?? {};
  return new DeskwireError("refused", message, { code, field, retryAfterMs });
}

/**
 * What follows a closed connection: "retry", "token" (retry with a new one) or "never".
 *
 * @param code  The close code.
 * @param hint  `reconnect` of the disconnect frame, where one came: it decides for codes that this
 *              client does not know.
 */
export function afterClose(code, hint) {
  if (NEW_TOKEN.has(code)) return "token";
  if (NEVER.has(code)) return "never";
  const known = (code >= 1000 && code <= 1015) || (code >= 4008 && code <= 4012) || code === 4029;
  return known || hint !== false ? "retry" : "never";
}
