// HTTP as ill-behaved peers speak it: bytes on a socket.

import { once } from "node:events";
import { connect } from "node:net";

import { within } from "./waiting.mjs";

/** Opens a connection that ends with the test; `answer` resolves with all that came back. */
export async function rawConnection(t, url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  await within(once(socket, "connect"), "a connection");
  let text = "";
  socket.setEncoding("latin1").on("data", (data) => (text += data)).on("error", () => {});
  const statuses = () => [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
  const firstStatus = new Promise((resolve) => {
    socket.on("data", () => statuses().length > 0 && resolve(statuses()[0]));
    socket.on("close", () => resolve(statuses()[0] ?? "closed"));
  });
  const closed = new Promise((resolve) => socket.on("close", () => resolve(text)));
  return { socket, firstStatus, closed };
}

/** Sends a whole request; resolves with the status (or "closed"). */
export async function rawStatus(t, url, lines, body = "") {
  const { socket, firstStatus } = await rawConnection(t, url);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.write(body);
  return within(firstStatus, `an answer to ${lines[0]}`);
}
