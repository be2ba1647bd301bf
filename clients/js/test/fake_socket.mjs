// A WebSocket whose other end is the test.

export class FakeSocket extends EventTarget {
  static opened = [];
  readyState = 0;
  sent = [];

  constructor(url) {
    super();
    this.url = url;
    FakeSocket.opened.push(this);
  }

  /** The newest connection attempt. */
  static get last() {
    return FakeSocket.opened.at(-1);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 2;
  }

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  hear(frame) {
    const data = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }

  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }

  /** The commands of one verb that have been sent: [{id, ...body}]. */
  asked(verb) {
    return this.sent.filter((frame) => frame[verb]).map((frame) => ({ id: frame.id, ...frame[verb] }));
  }

  answer(verb, ok = {}, at = -1) {
    this.hear({ id: this.asked(verb).at(at).id, ok });
  }

  refuse(verb, error, at = -1) {
    this.hear({ id: this.asked(verb).at(at).id, error });
  }

  push(offset, more = {}) {
    const push = { channel: "room:1", epoch: "e1", offset, event: "note", data: { n: offset }, ...more };
    this.hear({ push });
  }
}

/** Lets promises that have been settled tell their listeners. */
export const settled = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
