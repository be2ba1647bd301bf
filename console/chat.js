// The sandbox chat, and the reference for a chat on clients/js: opens a session (or joins the one in
// the address), shows the conversation, and offers two faults to play with.

import { DeskwireClient } from "/client/index.js";

import { debugLog } from "/debug.js";
import { MessageList } from "/messages.js";
import { showPeople, showTypists } from "/people.js";
import { addressOf, conversationId, identity, openSession, sessionInAddress } from "/session.js";

const HISTORY = 100;
const MAX_SUGGESTIONS = 6;
const MAX_SUGGESTION_CHARACTERS = 1000;
const READ_AFTER_MS = 500;

const byId = (id) => document.getElementById(id);
const input = byId("content");
const failPost = byId("fail-post");
const slowModel = byId("slow-model");

// ---- The state of the connection

function showConnection(state, text) {
  const shown = byId("connection");
  shown.dataset.state = state;
  shown.textContent = text;
}

function showBanner(text, { retry = false, restart = false } = {}) {
  byId("banner").hidden = text === "";
  // Not again when nothing has changed: it is read aloud.
  if (byId("banner-text").textContent !== text) byId("banner-text").textContent = text;
  byId("retry").hidden = !retry;
  byId("restart").hidden = !restart;
}

function showProblem(text) {
  const problem = byId("problem");
  problem.textContent = text;
  problem.hidden = text === "";
}

function showLoss() {
  const why = navigator.onLine ? "The server cannot be reached." : "You are offline.";
  showBanner(`${why} What you write is sent once the connection is back.`, { retry: true });
}

/** What each state looks like; connected is shown once the channel has everything again. */
function followState(client, channel, messages) {
  let wasConnected = false;
  client.on("state", ({ name, reason }) => {
    messages.waiting(name !== "connected");
    if (name === "waiting") {
      showConnection("waiting", "Connection lost, trying again…");
      showLoss();
    } else if (name === "ended") {
      showConnection("ended", `Ended: ${reason}`);
      showBanner(`This conversation cannot go on: ${reason}.`, { restart: true });
    } else if (name === "connecting" && !wasConnected) {
      showConnection("connecting", "Connecting…");
    }
  });
  channel.on("state", ({ subscribed }) => {
    if (!subscribed) return;
    wasConnected = true;
    byId("log").setAttribute("aria-busy", "false");
    showConnection("connected", client.state.transport === "poll" ? "Connected by polling" : "Connected");
    showBanner("");
  });
  channel.on("ended", (error) => {
    showConnection("ended", `Ended: ${error.message}`);
    showBanner(`This conversation cannot go on: ${error.message}.`, { restart: true });
  });
  // The connection may be lost before the browser says that the network is.
  window.addEventListener("offline", () => client.state.name === "waiting" && showLoss());
  byId("retry").addEventListener("click", () => {
    client.retry();
    input.focus();
  });
}

// ---- Events

function showSuggestions(channel, data) {
  const given = Array.isArray(data?.suggestions) ? data.suggestions : [];
  const texts = given.filter(
    (text) => typeof text === "string" && text !== "" && text.length <= MAX_SUGGESTION_CHARACTERS,
  );
  const persona = typeof data?.persona === "string" && data.persona !== "" ? data.persona : undefined;
  const chips = texts.slice(0, MAX_SUGGESTIONS).map((text) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.textContent = text;
    chip.addEventListener("click", () => {
      input.value = text;
      hideSuggestions();
      input.focus();
      channel.publish("ui:suggestionSelected", { suggestion: text, persona }).catch(() => {});
    });
    return chip;
  });
  byId("suggestions").replaceChildren(...chips);
  byId("suggestions").hidden = chips.length === 0;
}

const hideSuggestions = () => showSuggestions(null, {});

/** Tells others what has been read: once the reader sees the end, and each message once. */
function announceReading(channel, messages) {
  let read = null;
  let timer = 0;
  const announce = () => {
    const newest = messages.newestOfOthers;
    const seen = document.visibilityState === "visible" && messages.readerIsAtEnd;
    if (!seen || newest === null || newest === read) return;
    read = newest;
    channel.publish("read", { messageId: newest }).catch(() => {});
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(announce, READ_AFTER_MS);
  };
  document.addEventListener("visibilitychange", soon);
  byId("log").addEventListener("scroll", soon, { passive: true });
  return { soon, already: (messageId) => (read = messageId) };
}

function followEvents(channel, messages, me) {
  const reading = announceReading(channel, messages);
  const onMessage = (event, { source }) => {
    byId("welcome").hidden = true;
    messages.show(event, source === "replay");
    if (event.event === "message:user") hideSuggestions();
    reading.soon();
  };
  const onReceipt = ({ event, clientId, data }) => {
    if (clientId !== me.id) messages.reached(data.messageId, event);
    else if (event === "read") reading.already(data.messageId);
  };
  const actions = {
    "message:user": onMessage,
    "message:agent": onMessage,
    "message:ai": onMessage,
    "message:delta": ({ data, timestamp }) => messages.draft(data, timestamp),
    "message:status": ({ data }) => messages.status(data),
    "message:edited": ({ data }) => messages.edit(data),
    "message:deleted": ({ data }) => messages.remove(data),
    read: onReceipt,
    delivered: onReceipt,
    "ui:suggestions": ({ data }) => me.role === "customer" && showSuggestions(channel, data),
    "ui:suggestionSelected": hideSuggestions,
  };
  channel.on("event", (event, meta) => actions[event.event]?.(event, meta));
  channel.on("reset", () => {
    byId("log").setAttribute("aria-busy", "true");
    hideSuggestions();
    messages.clear();
  });
  channel.on("typing", (typists) => showTypists(byId("typing"), typists, me));
  channel.on("presence", (members) => showPeople(byId("people"), members, me));
}

// ---- What the visitor does

function simulation() {
  const simulate = {};
  if (failPost.getAttribute("aria-pressed") === "true") simulate.post = "fail";
  if (slowModel.getAttribute("aria-pressed") === "true") simulate.think_ms = "5000";
  failPost.setAttribute("aria-pressed", "false"); // Only the next one.
  return simulate;
}

/** Sends, or sends again: the server takes one clientMessageId for one message. */
async function transmit(channel, messages, content, options) {
  showProblem("");
  const { clientMessageId, sent } = channel.send(content, options);
  if (!options.clientMessageId) messages.write(content, clientMessageId);
  messages.waiting(!channel.subscribed);
  try {
    const { messageId } = await sent;
    messages.sent(clientMessageId, messageId);
  } catch (error) {
    messages.notSent(clientMessageId, error.message);
    showProblem(`Your message was not sent: ${error.message}`);
  }
}

function wireComposer(channel, messages, me) {
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const content = input.value.trim();
    if (content === "") return;
    input.value = "";
    hideSuggestions();
    transmit(channel, messages, content, me.role === "customer" ? { simulate: simulation() } : {});
    input.focus();
  });
  input.addEventListener("input", () => {
    if (input.value.trim() === "") channel.stopTyping();
    else channel.typing();
  });
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
  history.replaceState(null, "", location.pathname + location.search);
  location.reload();
});

window.addEventListener("hashchange", () => location.reload());

function wireAgentWindow(channelName) {
  byId("agent-window").addEventListener("click", async () => {
    try {
      const conversation = conversationId(channelName);
      const session = await openSession({ role: "agent", name: "Alex", conversation });
      window.open(location.pathname + location.search + addressOf(session), "_blank", "noopener");
    } catch (error) {
      showProblem(`No agent's window: ${error.message}`);
    }
  });
}

function showCommands({ channel, token }) {
  const id = conversationId(channel);
  const commands = [
    ["Follow this conversation", `build/release/deskwire watch ${channel}`],
    [
      "Write as a signed webhook",
      `build/release/deskwire send --source sandbox --conversation ${id} --text 'Hello'`,
    ],
    ["What became of the jobs", "build/release/deskwire jobs ls"],
    [
      "Read the history",
      `curl -H 'Authorization: Bearer ${token}' ${location.origin}/v1/channels/${channel}/messages`,
    ],
  ];
  for (const [title, command] of commands) {
    const term = document.createElement("dt");
    const cell = document.createElement("dd");
    const code = document.createElement("code");
    term.textContent = title;
    code.textContent = command;
    cell.append(code);
    byId("commands").append(term, cell);
  }
}

function start(session) {
  const me = identity(session.token);
  const client = new DeskwireClient({ url: location.origin, token: session.token });
  const channel = client.channel(session.channel);
  const retry = (content, clientMessageId) => transmit(channel, messages, content, { clientMessageId });
  const messages = new MessageList({ log: byId("log"), newer: byId("newer"), me, retry });
  if (me.role === "agent") {
    byId("welcome").textContent = "You are the agent here. The customer sees what you write.";
    byId("faults").hidden = true;
    byId("agent-window").hidden = true;
  }
  followState(client, channel, messages);
  followEvents(channel, messages, me);
  wireComposer(channel, messages, me);
  wireAgentWindow(session.channel);
  const debug = debugLog(byId("debug"), byId("raw"));
  client.on("state", (state) => debug("state", state));
  channel.on("event", (event, { source }) => debug(source, event));
  channel.presence.enter({ name: me.name, role: me.role }).catch(() => {});
  client.connect();
  channel.subscribe({ history: HISTORY });
}

try {
  const session = sessionInAddress() ?? (await openSession());
  history.replaceState(null, "", addressOf(session));
  byId("second-window").href = location.href;
  showCommands(session);
  start(session);
  input.focus();
} catch (error) {
  showConnection("ended", "Not connected");
  showProblem(error.message);
}
