// The chat page as a reference: what people see of each other, bad networks, marks, quick replies,
// and an automatic accessibility check. DESKWIRE_SCREENSHOTS names a directory for the pictures.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import { connected, openBrowser, openPage, say, skip, texts, watchProblems } from "./support/chat_page.mjs";
import { SANDBOX_SOURCE, SERVER_KEY, startedDeskwire, temporaryDirectory } from "./support/deskwire.mjs";
import { jwt } from "./support/jwt.mjs";
import { nowSeconds } from "./support/webhooks.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [320, 360, 390, 768, 1280];
const LOCAL = { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] };

async function publish(deskwire, channel, event, data) {
  const response = await fetch(`${deskwire.gateway}/v1/channels/${channel}/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${SERVER_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ event, data }),
  });
  assert.equal(response.status, 201, await response.text());
}

const channelOf = (page) => `conversation:${new URLSearchParams(new URL(page.url()).hash.slice(1)).get("c")}`;

const atTheEnd = () => {
  const log = document.getElementById("log");
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
};

const agentSays = (deskwire, page, messageId, content, more = {}) =>
  publish(deskwire, channelOf(page), "message:agent", {
    messageId, content, sender: { id: "a-1", name: "Dana", type: "user" }, ...more,
  });

/** The page with as many sorts of content as it knows. */
async function furnish(deskwire, page) {
  await say(page, "Hello, where is my order **4711**?\nIt should have come on Tuesday.");
  await page.locator(".message:not(.own)").first().waitFor();
  await agentSays(deskwire, page, "a-1", "I look into it: https://example.com/orders/4711/a/rather/long/path?with=parameters&and=more");
  await publish(deskwire, channelOf(page), "message:edited", { messageId: "a-1", content: "It is on its way, and will arrive tomorrow." });
  await agentSays(deskwire, page, "a-2", "wrong window");
  await publish(deskwire, channelOf(page), "message:deleted", { messageId: "a-2" });
  await agentSays(deskwire, page, "a-3", "This never reached the helpdesk.");
  await publish(deskwire, channelOf(page), "message:status", { messageId: "a-3", status: "failed", reason: "unavailable" });
  await publish(deskwire, channelOf(page), "ui:suggestions", {
    suggestions: ["Thank you!", "Can I change the address?", "I want to talk to a human"],
  });
  await page.getByRole("button", { name: "Thank you!" }).waitFor();
}

const violations = async (page) => {
  // In an isolated world of its own the page's policy does not hold: the strict one stays as it is.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", {
    frameId: frameTree.frame.id,
  });
  const run = async (expression) => {
    const answer = await session.send("Runtime.evaluate", {
      expression, contextId: executionContextId, awaitPromise: true, returnByValue: true,
    });
    assert.equal(answer.exceptionDetails, undefined, JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  };
  await run(`${AXE}; undefined`);
  const found = await run(`axe.run(document, {resultTypes: ["violations"]}).then(({violations, passes}) =>
    ({passes: passes.length, violations: violations.map(({id, nodes}) => id + ": " + nodes.map(({html}) => html).join(" "))}))`);
  assert.ok(found.passes > 20, "the check has looked at something");
  await session.detach();
  return found.violations;
};

test("a customer and an agent see each other come, type, read and go", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const customer = await openPage(browser, `${deskwire.gateway}/`);
  const popup = browser.waitForEvent("page");
  await customer.getByRole("button", { name: "Open as an agent" }).click();
  const agent = await popup;
  watchProblems(agent, deskwire.gateway);
  await connected(agent);
  await customer.getByLabel("Also here").getByText("Alex (agent)").waitFor();
  await agent.getByLabel("Also here").getByText("Visitor").waitFor();

  const pressed = Date.now();
  await agent.getByLabel("Your message").pressSequentially("I a");
  await customer.getByRole("status").filter({ hasText: "Alex is typing" }).waitFor();
  assert.ok(Date.now() - pressed < 2000, "typing is seen at once");
  await agent.getByLabel("Your message").fill("");
  await customer.locator("#typing:empty").waitFor({ state: "attached" });

  await agent.bringToFront();
  await say(customer, "read me");
  const own = customer.locator(".message.own");
  await own.locator(".message-status[data-status=read]").waitFor();
  assert.deepEqual(await agent.locator(".message.own").count(), 0, "a customer's words are not the agent's own");
  await say(agent, "I have read it");
  await customer.locator(".message:not(.own)").filter({ hasText: "I have read it" }).waitFor();
  assert.equal(await agent.locator(".message.own").count(), 1);
  await agent.close();
  await customer.locator("#people").waitFor({ state: "hidden" });
  assert.deepEqual(customer.problems, []);
});

test("a cut network shows a banner, and nothing is missing afterwards", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`);
  await say(page, "before");
  await page.locator(".message:not(.own)").waitFor();
  await browser.setOffline(true);
  await page.getByText("You are offline.", { exact: false }).waitFor();
  await page.getByRole("button", { name: "Try now" }).waitFor();
  await say(page, "written offline");
  await page.getByText("waiting for the connection").waitFor();
  for (let n = 1; n <= 10; n++) await agentSays(deskwire, page, `off-${n}`, `while you were away ${n}`);
  await browser.setOffline(false);
  await connected(page);
  await page.locator("#banner").waitFor({ state: "hidden" });
  await page.locator(".message.own .message-status[data-status=sent]").nth(1).waitFor();
  await page.locator(".message:not(.own)").nth(11).waitFor();
  const shown = await texts(page);
  const away = shown.filter((text) => text.startsWith("while you were away"));
  assert.deepEqual(away, Array.from({ length: 10 }, (_, i) => `while you were away ${i + 1}`));
  assert.equal(shown.filter((text) => text === "written offline").length, 1);
});

test("the banner's button connects at once", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  // The first wait is 500 s: only the button can be what connects.
  await browser.addInitScript(() => (Math.random = () => 1000));
  const page = await openPage(browser, `${deskwire.gateway}/`);
  await deskwire.kill();
  await page.getByText("The server cannot be reached.", { exact: false }).waitFor();
  await deskwire.start();
  await page.getByRole("button", { name: "Try now" }).click();
  await connected(page);
});

test("where WebSockets are blocked the page works by polling", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const page = await browser.newPage();
  await page.routeWebSocket(/\/v1\/ws$/, (socket) => socket.close());
  await page.goto(`${deskwire.gateway}/`);
  await page.getByText("Connected by polling", { exact: true }).waitFor();
  await say(page, "hello by poll");
  await page.locator(".message:not(.own) .message-status[data-status=sent]").waitFor();
  assert.equal(await page.locator(".message.own").count(), 1);
  await agentSays(deskwire, page, "p-1", "a late answer");
  await page.getByText("a late answer").waitFor();
});

test("a reload keeps the conversation and the position in it", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/?debug=1`);
  await say(page, "before the reload");
  await page.locator(".message:not(.own) .message-status[data-status=sent]").waitFor();
  const address = page.url();
  // Away, as with a page that is reloaded where there is no network.
  await page.goto("about:blank");
  const channel = `conversation:${new URLSearchParams(new URL(address).hash.slice(1)).get("c")}`;
  await publish(deskwire, channel, "message:agent", { messageId: "m-1", content: "while you were gone" });
  await page.goto(address);
  await connected(page);
  await page.getByText("New since you were here").waitFor();
  assert.deepEqual((await texts(page)).filter((text) => /reload$|gone$/.test(text)), [
    "before the reload",
    "while you were gone",
  ]);
  const raw = await page.getByRole("list", { name: "Raw events" }).allTextContents();
  assert.match(raw[0], /replay .*while you were gone/);
  assert.match(raw[0], /history .*before the reload/);
  assert.doesNotMatch(raw[0], /replay .*before the reload/);
});

test("quick replies fill the input and tell which was chosen", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`);
  const channel = channelOf(page);
  await publish(deskwire, channel, "ui:suggestions", { suggestions: ["Yes, please", "<b>No</b>", 7, ""], persona: "Max" });
  await page.getByRole("group", { name: "Quick replies" }).waitFor();
  assert.equal(await page.locator(".chip").count(), 2, "only texts are offered");
  const group = await page.getByRole("group", { name: "Quick replies" }).boundingBox();
  const chip = await page.locator(".chip").first().boundingBox();
  assert.ok(chip.height >= 44 && group.height >= chip.height, "whole and large enough for a thumb");
  await page.getByRole("button", { name: "Yes, please" }).press("Enter");
  assert.equal(await page.getByLabel("Your message").inputValue(), "Yes, please");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await page.getByRole("group", { name: "Quick replies" }).waitFor({ state: "hidden" });
  await page.keyboard.press("Enter");
  await page.locator(".message.own").filter({ hasText: "Yes, please" }).waitFor();
  const events = await deskwire.history(channel);
  const chosen = events.find(({ event }) => event === "ui:suggestionSelected");
  assert.equal(chosen.data.suggestion, "Yes, please");
  assert.equal(chosen.data.persona, "Max");
});

test("a message that is refused says so, and can be sent again", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const page = await browser.newPage();
  watchProblems(page, deskwire.gateway);
  let refuses = true;
  await page.routeWebSocket(/\/v1\/ws$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((text) => {
      const { id, send } = JSON.parse(text);
      if (!send || !refuses) server.send(text);
      else socket.send(JSON.stringify({ id, error: { code: 41300, message: "content is too long" } }));
    });
  });
  await page.goto(`${deskwire.gateway}/`);
  await connected(page);
  await say(page, "try me twice");
  await page.getByText("Not sent: content is too long", { exact: true }).waitFor();
  await page.getByRole("alert").getByText("was not sent", { exact: false }).waitFor();
  refuses = false;
  await page.getByRole("button", { name: "Retry: try me twice" }).click();
  await page.locator(".message.own .message-status[data-status=sent]").waitFor();
  assert.equal(await page.locator(".message.own").count(), 1);
  await page.getByRole("alert").waitFor({ state: "hidden" });
});

test("a reader of older messages is not moved, and is led to the new ones", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`, { width: 390, height: 740 });
  for (let n = 1; n <= 15; n++) await agentSays(deskwire, page, `n-${n}`, `number ${n}`);
  await page.getByText("number 15").waitFor();
  await page.waitForFunction(atTheEnd);
  await page.locator("#log").focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.getElementById("log").scrollTop === 0);
  await agentSays(deskwire, page, "n-16", "number 16");
  await page.getByRole("button", { name: "New messages" }).click();
  await page.waitForFunction(atTheEnd);
  await page.getByRole("button", { name: "New messages" }).waitFor({ state: "hidden" });
});

test("days are told apart, and a token that is over ends with a way out", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`);
  await agentSays(deskwire, page, "d-1", "today");
  await page.getByText("Today", { exact: true }).waitFor();
  // The page's clock goes on to tomorrow; what was said is yesterday's after a reload.
  const address = page.url();
  await page.clock.setFixedTime(Date.now() + 86_400_000);
  await page.reload();
  await page.getByText("Yesterday", { exact: true }).waitFor();
  assert.equal(page.url(), address);

  const expired = jwt({ sub: "v", role: "customer", exp: nowSeconds() - 10 });
  const late = await browser.newPage();
  await late.goto(`${deskwire.gateway}/#c=x&t=${expired}`);
  await late.getByText("This conversation cannot go on", { exact: false }).waitFor();
  await late.getByRole("button", { name: "Start a new conversation" }).click();
  await connected(late);
});

test("every width, light, dark and in high contrast: nothing sticks out, axe finds nothing", { skip, timeout: 240_000 }, async (t) => {
  const deskwire = await startedDeskwire(t, LOCAL);
  const screenshots = process.env.DESKWIRE_SCREENSHOTS ?? temporaryDirectory(t);
  mkdirSync(screenshots, { recursive: true });
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/?debug=1`);
  await furnish(deskwire, page);
  const schemes = [
    { colorScheme: "light", contrast: "no-preference", forcedColors: "none" },
    { colorScheme: "dark", contrast: "no-preference", forcedColors: "none" },
    { colorScheme: "light", contrast: "more", forcedColors: "none" },
    { colorScheme: "dark", contrast: "more", forcedColors: "none" },
    { colorScheme: "dark", contrast: "no-preference", forcedColors: "active" },
  ];
  for (const scheme of schemes) {
    await page.emulateMedia(scheme);
    const { colorScheme, contrast, forcedColors } = scheme;
    const name = [colorScheme, contrast === "more" && "contrast", forcedColors === "active" && "forced"].filter(Boolean).join("-");
    const plain = contrast !== "more" && forcedColors !== "active";
    for (const width of plain ? WIDTHS : [390]) {
      await page.setViewportSize({ width, height: width < 768 ? 740 : 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${width} ${name}: nothing sticks out sideways`);
      await page.waitForFunction(atTheEnd, undefined, { timeout: 5000 });
      await page.screenshot({ path: join(screenshots, `chat-${width}-${name}.png`) });
    }
    assert.deepEqual(await violations(page), [], name);
  }
  await browser.setOffline(true);
  await page.getByText("You are offline.", { exact: false }).waitFor();
  await page.emulateMedia(schemes[0]);
  await page.screenshot({ path: join(screenshots, "chat-banner.png") });
  assert.deepEqual(await violations(page), [], "with the banner");
});
