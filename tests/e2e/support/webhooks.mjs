// Chatwoot deliveries: the recorded wire bodies, and new ones made from them, signed as of now.

import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { CHATWOOT_SECRET, FIXTURES } from "./deskwire.mjs";

const WIRE = join(FIXTURES, "chatwoot/wire");
export const manifest = JSON.parse(readFileSync(join(WIRE, "manifest.json"), "utf8"));

export function wireBody(name) {
  return readFileSync(join(WIRE, `${name}.body`));
}

export function nowSeconds() {
  return Math.floor(Date.now() / 1000);
}

export function signature(body, timestamp, secret = CHATWOOT_SECRET) {
  return `sha256=${createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest("hex")}`;
}

export function signedHeaders(body, { timestamp = nowSeconds(), delivery, secret } = {}) {
  return {
    "Content-Type": "application/json",
    Accept: "application/json",
    "X-Chatwoot-Delivery": delivery ?? randomUUID(),
    "X-Chatwoot-Timestamp": String(timestamp),
    "X-Chatwoot-Signature": signature(body, timestamp, secret),
  };
}

/** Posts a body and reads the answer. */
export async function post(deskwire, body, { source = "support", headers, ...signing } = {}) {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const response = await fetch(`${deskwire.receiver}/webhooks/${source}`, {
    method: "POST",
    headers: headers ?? signedHeaders(bytes, signing),
    body: bytes,
  });
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = text;
  }
  return { status: response.status, answer, headers: response.headers };
}

const recorded = (name) => JSON.parse(readFileSync(join(FIXTURES, `chatwoot/message_created.${name}.json`), "utf8"));
const template = recorded("incoming");
const botTemplate = recorded("outgoing.agent_bot");

/** An incoming customer message as Chatwoot would send it, for a conversation of the test's own. */
export function incomingMessage({ conversation, id, content = "Hello", account = 1, change }) {
  const message = structuredClone(template);
  message.id = id;
  message.content = content;
  message.account.id = account;
  message.conversation.account.id = account;
  message.conversation.id = conversation;
  const [inner] = message.conversation.messages;
  Object.assign(inner, { id, content, processed_message_content: content });
  inner.conversation_id = conversation;
  inner.account_id = account;
  change?.(message);
  return Buffer.from(JSON.stringify(message));
}

/** For `change`: people have given the conversation back to the bot. */
export function givenBack(message) {
  message.conversation.updated_at += 60;
}

/** What Chatwoot tells its webhooks of a message that a bot posted: the echo of our own post. */
export function echoOf({ id, content, conversation_id, source_id, account = 1 }) {
  const message = structuredClone(botTemplate);
  Object.assign(message, { id, content, source_id, content_attributes: {} });
  message.account.id = account;
  message.conversation.account.id = account;
  message.conversation.id = conversation_id;
  const [inner] = message.conversation.messages;
  Object.assign(inner, { id, content, source_id, conversation_id, account_id: account });
  return Buffer.from(JSON.stringify(message));
}
