// The on-call board in a headless browser: clocks pass their warning and violation while one looks,
// and an acknowledgement in one window shows in the other. DESKWIRE_SCREENSHOTS names a directory
// that keeps the pictures.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { openBrowser, skip, watchProblems } from "./support/chat_page.mjs";
import { SANDBOX_SOURCE, startedDeskwire, temporaryDirectory } from "./support/deskwire.mjs";

const POLICY = {
  id: "gold",
  metrics: { first_response: { targets: { default: 60 }, warn_at: [{ before_s: 15 }] } },
  violation_grace_s: 0,
};
const ON_CALL = { oncall: ["subscribe", "history", "sla"] };

async function waiting(deskwire, conversation, seconds) {
  const body = {
    event: "message_created",
    conversation: { id: conversation, status: "open", priority: "high", team: "Support" },
    message: {
      id: `${conversation}-1`,
      type: "incoming",
      content: "Hello",
      created_at: new Date(Date.now() - seconds * 1000).toISOString(),
    },
  };
  const sent = await deskwire.cli(["send", "--source", "sandbox", "-"], { input: JSON.stringify(body) });
  assert.equal(sent.code, 0, sent.stderr);
}

async function openBoard(browser, deskwire, token, viewport) {
  const page = await browser.newPage();
  const url = `${deskwire.gateway}/oncall#t=${token}`;
  watchProblems(page, url);
  await page.setViewportSize(viewport);
  await page.goto(url);
  await page.getByText("Live", { exact: true }).waitFor();
  return page;
}

const card = (page, conversation) =>
  page.locator(".clock").filter({ has: page.getByRole("heading", { name: `Conversation ${conversation}`, exact: true }) });

test("clocks are warned of, missed, and acknowledged in every window", { skip, timeout: 300_000 }, async (t) => {
  const deskwire = await startedDeskwire(t, {
    sources: [{ ...SANDBOX_SOURCE, namespace: "" }],
    config: { sla: { policies: [POLICY] } },
  });
  const pictures = process.env.DESKWIRE_SCREENSHOTS ?? temporaryDirectory(t);
  mkdirSync(pictures, { recursive: true });
  const token = await deskwire.token({ clientId: "ann", capability: ON_CALL });
  const browser = await openBrowser(t);
  const phone = await openBoard(browser, deskwire, token, { width: 390, height: 844 });
  const desk = await openBoard(browser, deskwire, token, { width: 1280, height: 800 });
  await phone.getByText("No clock runs. Nobody waits for an answer.").waitFor();

  await waiting(deskwire, "calm", 1);
  await waiting(deskwire, "warned", 50);
  await waiting(deskwire, "missed", 70);
  await card(phone, "missed").and(phone.locator("[data-level=missed]")).waitFor();
  await card(desk, "warned").and(desk.locator("[data-level=warned]")).waitFor();
  await card(desk, "calm").and(desk.locator("[data-level=calm]")).waitFor();
  assert.deepEqual(await desk.locator(".clock h2").allTextContents(), [
    "Conversation missed",
    "Conversation warned",
    "Conversation calm",
  ]);
  assert.match(await card(phone, "missed").locator(".countdown").textContent(), /over$/);
  await desk.screenshot({ path: join(pictures, "oncall-1280.png") });

  await card(phone, "missed").getByRole("button", { name: /^Acknowledge/ }).click();
  await card(desk, "missed").getByText("Acknowledged by ann").waitFor();
  const listed = JSON.parse((await deskwire.cli(["sla", "show", "missed", "--json"])).stdout);
  assert.equal(listed.clocks[0].ack.state, "acked", "the terminal knows it too");
  await phone.screenshot({ path: join(pictures, "oncall-390.png"), fullPage: true });

  // While one looks, the warned one is missed.
  await card(desk, "warned").and(desk.locator("[data-level=missed]")).waitFor({ timeout: 60_000 });
  await card(desk, "warned").getByRole("button", { name: /^Snooze/ }).click();
  await card(phone, "warned").getByText(/Snoozed by ann until/).waitFor();
  await card(phone, "warned").getByRole("button", { name: /^Give back/ }).click();
  await card(desk, "warned").getByText(/Snoozed by/).waitFor({ state: "hidden" });
  await desk.emulateMedia({ colorScheme: "dark" });
  await desk.screenshot({ path: join(pictures, "oncall-1280-dark.png") });

  for (const page of [phone, desk]) {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, "nothing sticks out sideways");
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("button, input")]
        .filter((element) => element.offsetParent)
        .filter((element) => element.offsetHeight < 44 || element.offsetWidth < 44)
        .map((element) => element.outerHTML),
    );
    assert.deepEqual(small, [], "every control is large enough for a thumb");
    assert.deepEqual(page.problems, []);
  }
});

test("without a token the board asks for one, and a refused one is named", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t);
  const browser = await openBrowser(t);
  const page = await browser.newPage();
  await page.goto(`${deskwire.gateway}/oncall`);
  await page.getByRole("alert").getByText(/needs a token/).waitFor();
  const token = await deskwire.token({ clientId: "bob", capability: { "conversation:*": ["subscribe"] } });
  await page.getByLabel(/^Token/).fill(token);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("alert").getByText(/capability denied/).waitFor();
});
