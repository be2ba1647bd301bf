// What the runner knows of one connected client, whichever library speaks for it.

/** The part that both kinds share: what was heard, in order, and what was done and answered. */
export class Member {
  heard = []; // kept events as they came: "offset id"
  offset = 0;
  epoch = null;
  first = null; // the position at which it began to listen
  readable = null; // a message that it could tell it has read
  recoveries = 0;
  gone = false; // it went without a word and does not come back
  problems = [];
  #sends = new Map(); // clientMessageId → messageId, null while unanswered
  #reads = 0;

  constructor(person, tab) {
    this.person = person;
    this.name = `${person.clientId}, tab ${tab}`;
  }

  /** @param offset  Where the subscription began; events may have been heard before it was told. */
  begins({ epoch, offset }) {
    if (this.first === null) {
      Object.assign(this, { first: offset, offset, epoch });
    } else if (this.recoveries <= 1 && this.first !== offset) {
      this.problems.push(`${this.name}: heard ${this.first + 1} first, and not what follows ${offset}`);
    }
  }

  hears(event) {
    if (event.event === "message:agent") this.readable = event.data.messageId;
    if (event.offset === undefined) return;
    if (this.first === null) this.begins({ epoch: event.epoch, offset: event.offset - 1 });
    if (event.epoch !== this.epoch || event.offset !== this.offset + 1) {
      this.problems.push(`${this.name}: ${event.epoch}:${event.offset} came after ${this.epoch}:${this.offset}`);
    }
    this.epoch = event.epoch;
    this.offset = event.offset;
    this.heard.push(`${event.offset} ${event.id}`);
  }

  async send(content, number) {
    const id = `${this.name.replaceAll(/[ ,]+/g, "-")}-${number}`;
    this.#sends.set(id, null);
    const { messageId } = await this.deliver(content, id);
    this.#sends.set(id, messageId);
  }

  async read(messageId) {
    await this.acknowledge(messageId);
    this.#reads++;
  }

  get sent() {
    return [...this.#sends.values()].filter((messageId) => messageId !== null);
  }

  get unanswered() {
    return [...this.#sends.values()].filter((messageId) => messageId === null).length;
  }

  get reads() {
    return this.#reads;
  }
}
