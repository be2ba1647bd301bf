// The part of Chatwoot's HTTP API that a bot needs, with its habits: no idempotency, bots may not
// read messages, a bot's own posts come back as webhooks. Records every call; hooks decide what
// goes wrong and when.

import { once } from "node:events";
import { createServer } from "node:http";

import { BOT_TOKEN, USER_TOKEN } from "./deskwire.mjs";
import { Recorder } from "./waiting.mjs";

const PATH = /^\/api\/v1\/accounts\/(\d+)\/conversations\/(\d+)(?:\/([a-z_]+))?/;

export class FakeChatwoot {
  calls = new Recorder(); // {name, account, conversation, body, token}
  botToken = BOT_TOKEN; // the one that it takes now
  messages = []; // what the fake has stored: the customer would see these
  conversations = new Map(); // by id: what users (not bots) may read of them
  #nextId = 900_001;
  #server;
  #sockets = new Set();

  /**
   * Hooks, each awaited: `onCall(call)` before anything, `onTyping(call)`, `beforeStore(call)` and
   * `afterStore(call, message)` around the creation of a message, `afterAnswer(call, message)`. A hook that returns an answer
   * ({status, body?, headers?}) ends the call with it; "hang" leaves the caller without one.
   */
  hooks = {};

  static async start(t) {
    const fake = new FakeChatwoot();
    fake.#server = createServer((request, response) => {
      fake.#serve(request, response).catch((error) => response.destroy(error));
    });
    fake.#server.on("connection", (socket) => {
      fake.#sockets.add(socket);
      socket.on("close", () => fake.#sockets.delete(socket));
    });
    fake.#server.listen(0, "127.0.0.1");
    await once(fake.#server, "listening");
    fake.url = `http://127.0.0.1:${fake.#server.address().port}`;
    t.after(() => {
      fake.#server.close();
      fake.#sockets.forEach((socket) => socket.destroy());
    });
    return fake;
  }

  /** An id for a message that somebody else writes: Chatwoot numbers all messages together. */
  takeId() {
    return this.#nextId++;
  }

  /** Messages posted into a conversation by Deskwire. */
  posted(conversation) {
    return this.messages.filter((message) => message.conversation_id === Number(conversation));
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, this.url);
    const match = PATH.exec(url.pathname);
    const token = request.headers.api_access_token ?? request.headers["api-access-token"];
    const answer = ({ status = 200, body, headers = {} }) => {
      const text = body === undefined ? "" : JSON.stringify(body);
      response.writeHead(status, { "Content-Type": "application/json", ...headers });
      response.end(text);
    };
    if (token !== this.botToken && token !== USER_TOKEN) {
      return answer({ status: 401, body: { error: "Invalid Access Token" } });
    }
    if (!match) return answer({ status: 404, body: { error: "Resource could not be found" } });
    const call = {
      name: `${request.method} ${match[3] ?? "conversation"}`,
      account: match[1],
      conversation: match[2],
      query: Object.fromEntries(url.searchParams),
      body: chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : null,
      asBot: token === this.botToken,
    };
    this.calls.push(call);
    const run = async (hook, ...more) => (this.hooks[hook] ? this.hooks[hook](call, ...more) : null);
    const prevented = await run("onCall");
    if (prevented) return prevented === "hang" ? null : answer(prevented);
    switch (call.name) {
      case "POST messages": {
        const refused = await run("beforeStore");
        if (refused) return refused === "hang" ? null : answer(refused);
        const message = this.#store(call);
        const lost = await run("afterStore", message);
        if (lost) return lost === "hang" ? null : answer(lost);
        answer({ body: message });
        return run("afterAnswer", message);
      }
      case "GET messages":
        if (call.asBot) {
          const error = "Access to this endpoint is not authorized for bots";
          return answer({ status: 401, body: { error } });
        }
        return answer({ body: { meta: {}, payload: this.#page(call) } });
      case "GET conversation": {
        const known = call.asBot ? null : this.conversations.get(Number(call.conversation));
        if (!known) return answer({ status: 404, body: { error: "Resource could not be found" } });
        return answer({ body: { id: Number(call.conversation), ...known } });
      }
      case "POST toggle_typing_status": {
        const result = await run("onTyping");
        return result === "hang" ? null : answer(result ?? {});
      }
      case "POST toggle_status": {
        const conversation_id = Number(call.conversation);
        const payload = { success: null, conversation_id, current_status: call.body.status };
        return answer({ body: { meta: {}, payload: { ...payload, snoozed_until: null } } });
      }
      default:
        return answer({ status: 404, body: { error: "Resource could not be found" } });
    }
  }

  /** Twenty messages in ascending order: the newest, or those before a given one. */
  #page({ conversation, query }) {
    const before = Number(query.before ?? Infinity);
    return this.posted(conversation).filter(({ id }) => id < before).slice(-20);
  }

  #store({ conversation, body }) {
    const message = {
      id: this.takeId(),
      content: body.content,
      inbox_id: 3,
      conversation_id: Number(conversation),
      message_type: 1,
      content_type: body.content_type ?? "text",
      status: "sent",
      content_attributes: body.content_attributes ?? {},
      created_at: Math.floor(Date.now() / 1000),
      private: Boolean(body.private),
      source_id: body.source_id ?? null,
      sender: { id: 11, name: "Acme AI", avatar_url: "", type: "agent_bot" },
      storedAt: new Date().toISOString(), // Ours, not Chatwoot's: created_at has whole seconds.
    };
    this.messages.push(message);
    return message;
  }
}
