// Stands in for Alertmanager, PagerDuty, Slack and webhooks: keeps what comes, answers as told.

import { once } from "node:events";
import { createServer } from "node:http";

import { Recorder } from "./waiting.mjs";

export class AlertReceiver {
  calls = new Recorder();
  #answers = [];

  static async start(t) {
    const receiver = new AlertReceiver();
    receiver.server = createServer(async (request, response) => {
      let body = "";
      for await (const part of request.setEncoding("utf8")) body += part;
      const { status = 200, headers = {}, text = "ok" } = receiver.#answers.shift() ?? {};
      receiver.calls.push({ path: request.url, headers: request.headers, raw: body, body: JSON.parse(body), status });
      response.writeHead(status, headers).end(text);
    });
    receiver.server.listen(0, "127.0.0.1");
    await once(receiver.server, "listening");
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}`;
    t.after(() => {
      receiver.server.closeAllConnections();
      receiver.server.close();
    });
    return receiver;
  }

  /** The next calls are answered so, one each; afterwards 200 "ok". */
  answerWith(...answers) {
    this.#answers.push(...answers);
  }
}
