// Client tokens as any server of the user's own could make them.

import { createHmac } from "node:crypto";

import { EVERYTHING, SIGNING_KEY } from "./deskwire.mjs";
import { nowSeconds } from "./webhooks.mjs";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function jwt(claims = {}, { header = {}, key = SIGNING_KEY } = {}) {
  const head = part({ alg: "HS256", typ: "JWT", kid: key.kid, ...header });
  const now = nowSeconds();
  const body = part({ sub: "tester", name: "Tester", role: "agent", iat: now, exp: now + 600, cap: EVERYTHING, ...claims });
  const text = `${head}.${body}`;
  return `${text}.${createHmac("sha256", key.secret).update(text).digest("base64url")}`;
}
