// The on-call board: every clock that runs, counted down, most urgent first. The list comes by REST;
// each event on `oncall` says that it has changed. The token stands in the address (#t=…), so that a
// link opens the board; acknowledging is a POST, so that nothing which follows links does it.

import { DeskwireClient } from "/client/index.js";

const REFRESH_MS = 20_000;
const SOON_MS = 150; // Events come in crowds: one look for all of them.
const SNOOZE_S = 1800;
const METRICS = { first_response: "First response", next_response: "Next response", resolution: "Resolution" };

const byId = (id) => document.getElementById(id);
const clocks = new Map(); // alert_key -> clock as the server told it
const cards = new Map(); // alert_key -> its element
let token = new URLSearchParams(location.hash.slice(1)).get("t") ?? "";
let ahead = 0; // the server's clock minus ours
let alarms = false;
let sound = null;
let looking = 0;

const now = () => Date.now() + ahead;

async function ask(path, options = {}) {
  const response = await fetch(`/v1/sla/${path}`, {
    ...options,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(body.error?.message ?? `The server answered ${response.status}.`), { status: response.status });
  return body;
}

function showProblem(text, asksForToken = false) {
  byId("problem").hidden = !text;
  byId("problem-text").textContent = text ?? "";
  byId("token-form").hidden = !asksForToken;
}

async function look() {
  try {
    const answer = await ask("clocks");
    ahead = answer.now - Date.now();
    clocks.clear();
    for (const clock of answer.clocks) if (!clock.ended_ms) clocks.set(clock.alert_key, clock);
    showProblem(null);
    draw();
  } catch (error) {
    showProblem(`The clocks cannot be read: ${error.message}`, error.status === 401);
  }
}

function lookSoon() {
  clearTimeout(looking);
  looking = setTimeout(look, SOON_MS);
}

function span(ms) {
  const all = Math.floor(Math.abs(ms) / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(all / 86400);
  const hours = Math.floor(all / 3600) % 24;
  const rest = `${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
  if (days > 0) return `${days}d ${two(hours)}:${rest}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

function countdown(clock) {
  if (clock.state === "paused") return "paused";
  if (!clock.due_ms) return "no due time";
  const left = clock.due_ms - now();
  return left > 0 ? span(left) : `${span(left)} over`;
}

function level(clock) {
  if (clock.breached || (clock.due_ms && clock.due_ms <= now())) return "missed";
  return clock.warned ? "warned" : "calm";
}

function ackText(ack) {
  if (ack.state === "acked") return `Acknowledged by ${ack.by}`;
  if (ack.state === "snoozed") return `Snoozed by ${ack.by} until ${new Date(ack.until_ms).toLocaleTimeString()}`;
  return "";
}

function factsOf(clock) {
  const facts = [METRICS[clock.metric] ?? clock.metric, clock.policy.id];
  if (clock.priority) facts.push(clock.priority);
  if (clock.team) facts.push(clock.team);
  if (clock.due_ms) facts.push(`due ${new Date(clock.due_ms).toLocaleString()}`);
  return facts.join(" · ");
}

function makeCard(key) {
  const card = byId("clock").content.firstElementChild.cloneNode(true);
  card.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-verb]");
    if (button) mark(key, button.dataset.verb);
  });
  cards.set(key, card);
  return card;
}

function fill(card, clock) {
  const title = `Conversation ${clock.conversation_key}`;
  const acked = clock.ack.state !== "none";
  card.querySelector("h2").textContent = title;
  card.querySelector(".facts").textContent = factsOf(clock);
  card.querySelector(".ack").textContent = ackText(clock.ack);
  card.querySelector(".ack").hidden = !acked;
  card.dataset.acked = acked;
  for (const button of card.querySelectorAll("button")) {
    const { verb } = button.dataset;
    button.hidden = verb === "unack" ? !acked : verb === "ack" && clock.ack.state === "acked";
    button.disabled = !clock.event_id;
    button.title = clock.event_id ? "" : "Nobody was warned of this clock yet";
    button.setAttribute("aria-label", `${button.textContent}: ${title}`);
  }
}

/** What waits and is due first stands first; what is paused comes last. */
function order(a, b) {
  return (a.due_ms || Infinity) - (b.due_ms || Infinity) || a.alert_key.localeCompare(b.alert_key);
}

function draw() {
  const list = byId("clocks");
  for (const [key, card] of cards) {
    if (clocks.has(key)) continue;
    card.remove();
    cards.delete(key);
  }
  const sorted = [...clocks.values()].sort(order);
  sorted.forEach((clock, index) => {
    const card = cards.get(clock.alert_key) ?? makeCard(clock.alert_key);
    fill(card, clock);
    // Moving an element takes the focus from it: only what is elsewhere moves.
    if (list.children[index] !== card) list.insertBefore(card, list.children[index] ?? null);
  });
  byId("empty").hidden = sorted.length > 0;
  tick();
}

function tick() {
  let missed = 0;
  for (const [key, card] of cards) {
    const clock = clocks.get(key);
    if (!clock) continue;
    card.querySelector(".countdown").textContent = countdown(clock);
    card.dataset.level = level(clock);
    if (card.dataset.level === "missed") missed++;
  }
  const count = `${clocks.size} ${clocks.size === 1 ? "clock" : "clocks"}`;
  byId("summary").textContent = missed > 0 ? `${count}, ${missed} missed` : count;
  document.title = missed > 0 ? `(${missed}) Deskwire on call` : "Deskwire on call";
}

async function mark(key, verb) {
  const clock = clocks.get(key);
  if (!clock?.event_id) return;
  const body = verb === "snooze" ? JSON.stringify({ duration_s: SNOOZE_S }) : "{}";
  try {
    const { ack } = await ask(`alerts/${clock.event_id}/${verb}`, { method: "POST", body });
    clock.ack = ack;
    draw();
    byId("announcer").textContent = ackText(ack) || "Given back";
  } catch (error) {
    showProblem(`Not done: ${error.message}`);
  }
  lookSoon();
}

function beep() {
  if (!sound) return;
  const tone = sound.createOscillator();
  const gain = sound.createGain();
  gain.gain.setValueAtTime(0.15, sound.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + 0.6);
  tone.frequency.value = 880;
  tone.connect(gain).connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.6);
}

function alarm({ event, data }) {
  const missed = event === "sla:violation";
  const text = `${METRICS[data.metric] ?? data.metric} of conversation ${data.conversation ?? ""}`;
  byId("announcer").textContent = missed ? `Missed: ${text}` : `Due soon: ${text}`;
  if (!alarms) return;
  if (missed) beep();
  if ("Notification" in window && Notification.permission === "granted") {
    new Notification(missed ? "Service level missed" : "Service level due soon", { body: text, tag: data.alert_key });
  }
}

async function toggleAlarms() {
  alarms = !alarms;
  byId("notify").setAttribute("aria-pressed", String(alarms));
  if (!alarms) return;
  sound ??= new AudioContext();
  await sound.resume();
  if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
}

function connect() {
  const client = new DeskwireClient({ url: location.origin, token });
  const channel = client.channel("oncall");
  const show = (state, text) => {
    byId("connection").dataset.state = state;
    byId("connection").textContent = text;
  };
  client.on("state", ({ name, reason }) => {
    if (name === "connected") show("connected", "Live");
    else if (name === "ended") show("ended", `Not live: ${reason?.message ?? "the token is refused"}`);
    else show("connecting", "Connecting…");
  });
  channel.on("event", (event, { source }) => {
    lookSoon();
    const loud = event.event === "sla:violation" || event.event === "sla:warning";
    if (loud && source !== "history") alarm(event);
  });
  client.connect();
  channel.subscribe();
}

function open() {
  if (!token) return showProblem("This page needs a token: open it by a link that ends in #t=…, or paste one.", true);
  look();
  connect();
  setInterval(look, REFRESH_MS);
  setInterval(tick, 1000);
}

byId("notify").addEventListener("click", toggleAlarms);
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  history.replaceState(null, "", `#${new URLSearchParams({ t: token })}`);
  location.reload();
});
open();
