// A stand-in for a server that speaks OpenAI's chat completions. A script decides, for each
// request, what it answers and how badly.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

import { Recorder } from "./waiting.mjs";

const chunk = (content, more = {}) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: null, ...more }] })}\n\n`;
const END = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`;

export class ModelServer {
  requests = new Recorder(); // {body, headers, path, begunAt}; {closed: true} when the caller left
  #server;
  #sockets = new Set();

  /** What the next requests are answered with: a behaviour of `behaviours`, or (request, response) => … */
  behaviour = behaviours.says("Hello from the model.");

  static async start(t) {
    const model = new ModelServer();
    model.#server = createServer({ keepAlive: true }, async (request, response) => {
      const chunks = [];
      for await (const part of request) chunks.push(part);
      const entry = {
        path: request.url,
        headers: request.headers,
        body: JSON.parse(Buffer.concat(chunks).toString()),
        begunAt: performance.now(),
      };
      response.on("close", () => {
        entry.endedAt = performance.now();
        if (!response.writableEnded) model.requests.push({ closed: true, of: entry });
      });
      model.requests.push(entry);
      await model.behaviour(entry, response).catch(() => response.destroy());
    });
    model.#server.on("connection", (socket) => {
      model.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => model.#sockets.delete(socket));
    });
    model.#server.listen(0, "127.0.0.1");
    await once(model.#server, "listening");
    model.url = `http://127.0.0.1:${model.#server.address().port}`;
    t.after(() => {
      model.#server.close();
      model.#sockets.forEach((socket) => socket.destroy());
    });
    return model;
  }

  /** Questions, without the notices of closed ones. */
  get questions() {
    return this.requests.items.filter(({ body }) => body);
  }
}

const head = (response) =>
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });

export const behaviours = {
  /** Streams a text in pieces, `everyMs` apart, after `delayMs`. */
  says: (text, { everyMs = 0, delayMs = 0, pieces } = {}) => async (_, response) => {
    if (delayMs > 0) await pause(delayMs);
    head(response);
    for (const piece of pieces ?? text.match(/\S+\s*/g) ?? [text]) {
      response.write(chunk(piece));
      if (everyMs > 0) await pause(everyMs);
    }
    response.end(END);
  },
  /** Takes the request and never says anything. */
  silent: async () => {},
  /** Begins, and then says nothing more. */
  stalls: (text = "Well, ") => async (_, response) => {
    head(response);
    response.write(chunk(text));
  },
  /** Begins, and breaks the connection. */
  drops: (text = "Well, I think that ") => async (_, response) => {
    head(response);
    response.write(chunk(text));
    await pause(20);
    response.destroy();
  },
  status: (status, headers = {}) => async (_, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify({ error: { message: "scripted" } }));
  },
  garbage: async (_, response) => {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end("<html><body>It works!</body></html>");
  },
  brokenStream: async (_, response) => {
    head(response);
    response.write(chunk("Well, "));
    response.end("data: {not json\n\n");
  },
  /** A whole completion, as servers answer that do not stream. */
  whole: (text) => async (_, response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(
      JSON.stringify({ choices: [{ message: { content: text }, finish_reason: "stop" }], usage: { total_tokens: 42 } }),
    );
  },
};
