// What a visitor sees of an answer while it is written, in a real browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openPage, say, skip, texts } from "./support/chat_page.mjs";
import { SANDBOX_SOURCE, startedDeskwire } from "./support/deskwire.mjs";
import { behaviours, ModelServer } from "./support/model_server.mjs";
import { PlainClient } from "./support/plain_client.mjs";

test("an answer grows on the page while it is written, and a person's word ends it", { skip }, async (t) => {
  const model = await ModelServer.start(t);
  const deskwire = await startedDeskwire(t, {
    sources: [{ ...SANDBOX_SOURCE, namespace: "" }],
    config: {
      replies: { responder: "openai", stream_to_customer: true, openai: { url: model.url, model: "stand-in", timeout_ms: 60_000 } },
    },
  });
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`);
  const draft = page.locator(".message.draft .message-text");
  const grows = async () => {
    await draft.waitFor();
    const before = (await draft.textContent()).length;
    await page.waitForFunction(
      (length) => (document.querySelector(".message.draft .message-text")?.textContent.length ?? 0) > length,
      before,
    );
  };

  model.behaviour = behaviours.says("Your parcel is on its way and arrives tomorrow.", { everyMs: 120 });
  await say(page, "Where is my parcel?");
  await grows();
  await page.locator(".message:not(.own):not(.draft)", { hasText: "arrives tomorrow." }).waitFor();
  assert.equal(await page.locator(".message.draft").count(), 0);

  model.behaviour = behaviours.says("", { pieces: Array.from({ length: 400 }, (_, i) => `word${i} `), everyMs: 60 });
  await say(page, "And the other one?");
  await grows();
  const conversation = new URLSearchParams(new URL(page.url()).hash.slice(1)).get("c");
  const agent = await PlainClient.subscribed(t, deskwire.socket, await deskwire.token({ clientId: "dana" }), `conversation:${conversation}`);
  await agent.command("send", { channel: `conversation:${conversation}`, content: "I take this one.", clientMessageId: "a-1" });
  await page.locator(".message", { hasText: "I take this one." }).waitFor();
  await draft.waitFor({ state: "detached" });
  await model.requests.until(({ closed }) => closed, "the end of the model's call");
  assert.ok((await texts(page)).every((text) => !text.includes("word3 ")));
  assert.deepEqual(page.problems, []);
});
