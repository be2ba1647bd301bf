// The sandbox chat: opens a session (or joins the one in the address), shows the conversation, and
// offers two faults to play with. Whatever comes from the server is shown as text, never as HTML.

import { ChannelConnection } from "/connection.js";

const TYPING_ENDS_MS = 6000;
const TYPING_REPEAT_MS = 3000;

// What codes of failed posts mean to a person; others are shown as they are.
const REASONS = {
  invalid: "the helpdesk refused it",
  unauthorized: "the helpdesk does not accept our token",
  unavailable: "the helpdesk cannot be reached",
  unknown_outcome: "nobody can tell whether it arrived",
};

const byId = (id) => document.getElementById(id);
const log = byId("log");
const input = byId("content");
const failPost = byId("fail-post");
const slowModel = byId("slow-model");

const messages = new Map(); // messageId -> list item
const pending = new Map(); // clientMessageId -> list item
const typists = new Map(); // actor and id -> {name, timer}

// ---- The conversation and its address

function sessionInAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const key = fragment.get("c");
  const token = fragment.get("t");
  return key && token ? { channel: `conversation:${key}`, token } : null;
}

async function newSession() {
  const response = await fetch("/v1/sandbox/sessions", { method: "POST" });
  if (response.status === 404) throw new Error("This server has no sandbox source.");
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return response.json();
}

function showAddress({ channel, token }) {
  const fragment = new URLSearchParams({ c: channel.replace("conversation:", ""), t: token });
  history.replaceState(null, "", `#${fragment}`);
  byId("second-window").href = location.href;
}

// ---- Messages

function element(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function author(event, data) {
  if (event === "message:user") return "You";
  if (event === "message:ai") return data.persona || data.sender?.name || "Assistant";
  return data.sender?.name || "Agent";
}

function messageItem(own, who, content, timestamp) {
  const item = element("li", own ? "message own" : "message");
  const head = element("div", "message-head", `${who} · `);
  const time = element("time", "", new Date(timestamp).toLocaleTimeString());
  time.dateTime = new Date(timestamp).toISOString();
  head.append(time);
  item.append(
    head,
    element("div", "message-text", content),
    element("div", "message-status"),
  );
  return item;
}

/** Makes a change to the log; a reader who was at its end stays there. */
function keepingTheEnd(change) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  change();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function setStatus(item, text, failed = false) {
  keepingTheEnd(() => {
    item.classList.toggle("failed", failed);
    item.querySelector(".message-status").textContent = text;
  });
}

function append(item) {
  byId("welcome").hidden = true;
  keepingTheEnd(() => log.append(item));
}

function showMessage({ event, timestamp, data }) {
  const waiting = pending.get(data.clientMessageId) ?? messages.get(data.messageId);
  const content = data.content || (data.attachments?.length ? "[attachment]" : "");
  if (waiting) {
    pending.delete(data.clientMessageId);
    // The server may have cleaned it; everybody sees the same text.
    waiting.querySelector(".message-text").textContent = content;
    setStatus(waiting, "sent");
    messages.set(data.messageId, waiting);
    return;
  }
  const own = event === "message:user";
  const item = messageItem(own, author(event, data), content, timestamp);
  if (own) setStatus(item, "sent");
  messages.set(data.messageId, item);
  append(item);
}

function showStatus({ messageId, status, reason }) {
  const item = messages.get(messageId);
  if (!item) return;
  if (status === "failed") setStatus(item, `not delivered: ${REASONS[reason] ?? reason}`, true);
  else setStatus(item, status);
}

function showChange(event, data) {
  const item = messages.get(data.messageId);
  if (!item) return;
  const text = item.querySelector(".message-text");
  if (event === "message:deleted") {
    item.classList.add("deleted");
    text.textContent = "This message was deleted.";
  } else if (typeof data.content === "string") {
    text.textContent = data.content;
    setStatus(item, "edited");
  }
}

// ---- Typing

function showTypists() {
  const names = [...typists.values()].map(({ name }) => name);
  const verb = names.length > 1 ? "are" : "is";
  byId("typing").textContent = names.length ? `${names.join(" and ")} ${verb} typing` : "";
}

function typing(event, { actor, sender }) {
  const key = `${actor} ${sender?.id ?? ""}`;
  clearTimeout(typists.get(key)?.timer);
  typists.delete(key);
  if (event === "typing:start") {
    const fallback = { ai: "Assistant", agent: "Agent", customer: "Your other window" };
    const name = (actor !== "customer" && sender?.name) || fallback[actor];
    const stop = () => typing("typing:stop", { actor, sender });
    typists.set(key, { name, timer: setTimeout(stop, TYPING_ENDS_MS) });
  }
  showTypists();
}

// ---- Events

function onEvent(push) {
  const { event, data } = push;
  if (event === "message:user" || event === "message:agent" || event === "message:ai") {
    showMessage(push);
  } else if (event === "message:status") {
    showStatus(data);
  } else if (event === "message:edited" || event === "message:deleted") {
    showChange(event, data);
  } else if (event === "typing:start" || event === "typing:stop") {
    typing(event, data);
  }
}

function onReset() {
  messages.forEach((item) => item.remove());
  messages.clear();
}

function onState(state, text) {
  const shown = byId("connection");
  shown.dataset.state = state;
  shown.textContent = text;
  byId("restart").hidden = state !== "ended";
}

function showProblem(text) {
  const problem = byId("problem");
  problem.textContent = text;
  problem.hidden = text === "";
}

// ---- What the visitor does

function simulation() {
  const simulate = {};
  if (failPost.getAttribute("aria-pressed") === "true") simulate.post = "fail";
  if (slowModel.getAttribute("aria-pressed") === "true") simulate.think_ms = "5000";
  failPost.setAttribute("aria-pressed", "false"); // Only the next one.
  return simulate;
}

async function submit(connection) {
  const content = input.value.trim();
  if (content === "") return;
  const clientMessageId = crypto.randomUUID?.() ?? `c-${Date.now()}-${Math.random()}`;
  const item = messageItem(true, "You", content, Date.now());
  setStatus(item, "sending…");
  pending.set(clientMessageId, item);
  append(item);
  log.scrollTop = log.scrollHeight;
  input.value = "";
  showProblem("");
  try {
    const { messageId } = await connection.send(content, clientMessageId, simulation());
    // The event may have come first, and has taken the item over then.
    if (pending.delete(clientMessageId)) {
      messages.set(messageId, item);
      setStatus(item, "sent");
    }
  } catch (error) {
    pending.delete(clientMessageId);
    setStatus(item, `not sent: ${error.message}`, true);
    showProblem(`Your message was not sent: ${error.message}`);
  }
}

function announceTyping(connection) {
  let lastStart = -Infinity;
  return () => {
    const now = performance.now();
    if (input.value.trim() === "") {
      if (lastStart > -Infinity) connection.publish("typing:stop", {});
      lastStart = -Infinity;
    } else if (now - lastStart > TYPING_REPEAT_MS) {
      lastStart = now;
      connection.publish("typing:start", {});
    }
  };
}

function showCommands({ channel, token }) {
  // A source's namespace stands before "~" and is not part of the conversation's own id.
  const conversation = channel.replace(/^conversation:(.*~)?/, "");
  const commands = [
    ["Follow this conversation", `build/release/deskwire watch ${channel}`],
    [
      "Write as a signed webhook",
      `build/release/deskwire send --source sandbox --conversation ${conversation} --text 'Hello'`,
    ],
    ["What became of the jobs", "build/release/deskwire jobs ls"],
    [
      "Read the history",
      `curl -H 'Authorization: Bearer ${token}' ${location.origin}/v1/channels/${channel}/messages`,
    ],
  ];
  for (const [title, command] of commands) {
    const cell = document.createElement("dd");
    cell.append(element("code", "", command));
    byId("commands").append(element("dt", "", title), cell);
  }
}

function wire(connection) {
  const announce = announceTyping(connection);
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(connection).finally(announce);
    announce();
    input.focus();
  });
  input.addEventListener("input", announce);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("composer").requestSubmit();
  });
}

for (const toggle of [failPost, slowModel]) {
  toggle.addEventListener("click", () => {
    toggle.setAttribute("aria-pressed", String(toggle.getAttribute("aria-pressed") !== "true"));
  });
}

byId("copy-link").addEventListener("click", async ({ currentTarget: button }) => {
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy it from the address bar";
  }
});

byId("restart").addEventListener("click", () => {
  history.replaceState(null, "", location.pathname);
  location.reload();
});

window.addEventListener("hashchange", () => location.reload());

try {
  const session = sessionInAddress() ?? (await newSession());
  showAddress(session);
  showCommands(session);
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/ws`;
  const { channel, token } = session;
  const connection = new ChannelConnection({ url, channel, token, onState, onReset, onEvent });
  wire(connection);
  connection.open();
  input.focus();
} catch (error) {
  onState("ended", "Not connected");
  showProblem(error.message);
}
