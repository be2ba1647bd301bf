// The list of messages: days, own and others' words, and what became of each. Everything is shown as
// text, never as HTML. Bounded: the oldest leave the page first.

const MAX_MESSAGES = 1000;
const AT_END_PX = 80;

// How far a message has got; it never falls back.
const RANKS = { sending: 0, sent: 1, delivered: 2, read: 3 };

// What codes of failed posts mean to a person; others are shown as they are.
const REASONS = {
  invalid: "the helpdesk refused it",
  unauthorized: "the helpdesk does not accept our token",
  unavailable: "the helpdesk cannot be reached",
  unknown_outcome: "nobody can tell whether it arrived",
};

export class MessageList {
  #log;
  #newer;
  #me;
  #retry;
  #messages = new Map(); // messageId -> message, in the order shown
  #pending = new Map(); // clientMessageId -> message
  #lastDay = "";
  #divided = false;
  #follows = true; // the reader is at the end, and wants to stay there
  #size = "";

  /**
   * @param log    The element that holds it and scrolls.
   * @param newer  The button that leads to the end when something has come below.
   * @param me     {id, role} of the reader.
   * @param retry  (content, clientMessageId) sends a message again that was not sent.
   */
  constructor({ log, newer, me, retry }) {
    this.#log = log;
    this.#newer = newer;
    this.#me = me;
    this.#retry = retry;
    newer.addEventListener("click", () => this.toEnd());
    log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The keyboard of a phone, quick replies, a turned screen: the end stays in sight.
    new ResizeObserver(() => this.#follows && this.toEnd()).observe(log);
  }

  /** The newest message of somebody else; null before the first. */
  get newestOfOthers() {
    return [...this.#messages.values()].filter(({ own, isDraft }) => !own && !isDraft).at(-1)?.id ?? null;
  }

  get readerIsAtEnd() {
    return this.#atEnd();
  }

  /** Forgets what the server said; what is still to be sent stays. */
  clear() {
    this.#messages.clear();
    this.#lastDay = "";
    this.#divided = false;
    const unsent = [...this.#pending.values()];
    this.#log.replaceChildren();
    unsent.forEach(({ item }) => this.#place(item, Date.now()));
  }

  /** A message of ours at the moment it is written. */
  write(content, clientMessageId) {
    const message = this.#make({ own: true, who: "You", content, timestamp: Date.now() });
    message.clientMessageId = clientMessageId;
    this.#pending.set(clientMessageId, message);
    this.#place(message.item, Date.now());
    this.#mark(message, "sending");
    this.toEnd();
  }

  /** The server has it; the event may have come first. */
  sent(clientMessageId, messageId) {
    const message = this.#pending.get(clientMessageId);
    if (!message) return;
    this.#confirm(message, messageId);
  }

  notSent(clientMessageId, reason) {
    const message = this.#pending.get(clientMessageId);
    if (!message) return;
    this.#keepingTheEnd(() => {
      message.item.classList.add("unsent");
      message.status.textContent = `Not sent: ${reason}`;
      const button = element("button", "retry", "Retry");
      button.type = "button";
      button.setAttribute("aria-label", `Retry: ${message.text.textContent.slice(0, 60)}`);
      button.addEventListener("click", () => {
        button.remove();
        message.item.classList.remove("unsent");
        this.#mark(message, "sending");
        this.#retry(message.text.textContent, clientMessageId);
      });
      message.item.append(button);
    });
  }

  /** Whether messages being sent wait for a connection. */
  waiting(waits) {
    for (const { item, status } of this.#pending.values()) {
      if (item.classList.contains("unsent")) continue;
      status.textContent = waits ? "waiting for the connection" : "sending…";
    }
  }

  /** message:delta: a piece of an answer that is being written. The first voids what came before. */
  draft({ messageId, index, text }, timestamp) {
    let message = this.#messages.get(messageId);
    if (message && !message.isDraft) return;
    if (!message) {
      message = this.#make({ own: false, who: "Assistant", content: "", timestamp });
      message.isDraft = true;
      message.id = messageId;
      message.item.classList.add("draft");
      this.#messages.set(messageId, message);
      this.#place(message.item, timestamp);
    }
    this.#keepingTheEnd(() => {
      message.text.textContent = (index === 0 ? "" : message.text.textContent) + text;
    });
  }

  /** message:user, message:agent, message:ai. `missed`: it came while the reader was away. */
  show({ event, timestamp, data }, missed) {
    const content = data.content || (data.attachments?.length ? "[attachment]" : "");
    this.#dropDraft(data.messageId);
    const known = this.#pending.get(data.clientMessageId) ?? this.#messages.get(data.messageId);
    if (known) {
      // The server may have cleaned it; everybody sees the same text.
      known.text.textContent = content;
      this.#confirm(known, data.messageId);
      return;
    }
    const own = this.#isOwn(event, data);
    const who = own ? "You" : author(event, data);
    const message = this.#make({ own, who, content, timestamp });
    message.id = data.messageId;
    this.#messages.set(message.id, message);
    if (missed && !own) this.#divide();
    this.#place(message.item, timestamp);
    if (own) this.#mark(message, "sent");
    this.#bound();
  }

  /** message:status: of one message, by the server. */
  status({ messageId, status, reason }) {
    const message = this.#messages.get(messageId);
    if (!message) return;
    if (status !== "failed") {
      this.#mark(message, status);
      return;
    }
    this.#keepingTheEnd(() => {
      message.item.classList.add("failed");
      message.status.textContent = `not delivered: ${REASONS[reason] ?? reason ?? "failed"}`;
    });
  }

  /** Somebody else has read, or got, everything up to this message. */
  reached(messageId, status) {
    if (!this.#messages.has(messageId)) return;
    for (const message of this.#messages.values()) {
      if (message.own) this.#mark(message, status);
      if (message.id === messageId) return;
    }
  }

  edit({ messageId, content }) {
    const message = this.#messages.get(messageId);
    if (!message || typeof content !== "string" || message.item.classList.contains("deleted")) return;
    this.#keepingTheEnd(() => {
      message.text.textContent = content;
      message.edited.hidden = false;
    });
  }

  remove({ messageId }) {
    this.#dropDraft(messageId);
    const message = this.#messages.get(messageId);
    if (!message) return;
    this.#keepingTheEnd(() => {
      message.item.classList.add("deleted");
      message.text.textContent = "This message was deleted.";
      message.edited.hidden = true;
    });
  }

  toEnd() {
    this.#follows = true;
    this.#size = this.#measure();
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#newer.hidden = true;
  }

  // ---- Parts.

  /** What was being written is finished, or nobody will finish it. */
  #dropDraft(messageId) {
    const message = this.#messages.get(messageId);
    if (!message?.isDraft) return;
    this.#messages.delete(messageId);
    this.#keepingTheEnd(() => message.item.remove());
  }

  #isOwn(event, data) {
    if (this.#me.role === "customer") return event === "message:user";
    return event === "message:agent" && data.sender?.id === this.#me.id;
  }

  #make({ own, who, content, timestamp }) {
    const item = element("article", own ? "message own" : "message");
    const head = element("p", "message-head", `${who} · `);
    const time = element("time", "", clock(timestamp));
    time.dateTime = new Date(timestamp).toISOString();
    head.append(time);
    const text = element("p", "message-text", content);
    const foot = element("p", "message-foot");
    const edited = element("span", "message-edited", "edited");
    edited.hidden = true;
    const status = element("span", "message-status");
    foot.append(edited, status);
    item.append(head, text, foot);
    return { item, text, edited, status, own, rank: -1, id: null };
  }

  #mark(message, status) {
    const rank = RANKS[status];
    if (rank === undefined || rank < message.rank || message.item.classList.contains("failed")) return;
    message.rank = rank;
    this.#keepingTheEnd(() => {
      message.status.dataset.status = status;
      message.status.textContent = rank === 0 ? "sending…" : status;
    });
  }

  #confirm(message, messageId) {
    this.#pending.delete(message.clientMessageId);
    message.item.classList.remove("unsent");
    message.item.querySelector(".retry")?.remove();
    message.id = messageId;
    this.#messages.set(messageId, message);
    this.#mark(message, "sent");
  }

  #place(item, timestamp) {
    const day = new Date(timestamp).toDateString();
    this.#keepingTheEnd(() => {
      if (day !== this.#lastDay) this.#log.append(element("p", "day", dayName(timestamp)));
      this.#lastDay = day;
      this.#log.append(item);
    });
  }

  #divide() {
    if (this.#divided) return;
    this.#divided = true;
    this.#keepingTheEnd(() => this.#log.append(element("p", "divider", "New since you were here")));
  }

  #bound() {
    if (this.#messages.size <= MAX_MESSAGES) return;
    const [id, { item }] = this.#messages.entries().next().value;
    this.#messages.delete(id);
    item.remove();
    // A day or a divider at the top that has nothing below it any more.
    while (this.#log.children.length > 1 && heading(this.#log.children[0]) && heading(this.#log.children[1])) {
      this.#log.children[0].remove();
    }
  }

  #atEnd() {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < AT_END_PX;
  }

  #measure() {
    return `${this.#log.clientHeight} ${this.#log.scrollHeight}`;
  }

  // Where the layout has changed, it was not the reader who moved.
  #scrolled() {
    const size = this.#measure();
    if (this.#follows && size !== this.#size) {
      this.toEnd();
      return;
    }
    this.#size = size;
    this.#follows = this.#atEnd();
    if (this.#follows) this.#newer.hidden = true;
  }

  /** Makes a change; a reader who was at the end stays there, another is told. */
  #keepingTheEnd(change) {
    const before = this.#log.childElementCount;
    change();
    if (this.#follows) this.toEnd();
    else if (this.#log.childElementCount > before) this.#newer.hidden = false;
  }
}

const heading = (node) => node.classList.contains("day") || node.classList.contains("divider");

function element(name, className, text) {
  const node = document.createElement(name);
  if (className !== "") node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function author(event, { persona, sender }) {
  if (event === "message:ai") return persona || sender?.name || "Assistant";
  return sender?.name || (event === "message:user" ? "Customer" : "Agent");
}

const clock = (timestamp) =>
  new Date(timestamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function dayName(timestamp) {
  const day = new Date(timestamp);
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (day.toDateString() === today.toDateString()) return "Today";
  if (day.toDateString() === yesterday.toDateString()) return "Yesterday";
  const options = { weekday: "long", day: "numeric", month: "long" };
  if (day.getFullYear() !== today.getFullYear()) options.year = "numeric";
  return day.toLocaleDateString([], options);
}
