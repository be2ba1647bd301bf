// The chat page in a headless browser: two windows, both faults, small and large, by keyboard.
// DESKWIRE_SCREENSHOTS names a directory that keeps the pictures.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { openBrowser, openPage, say, skip, texts } from "./support/chat_page.mjs";
import { SANDBOX_SOURCE, startedDeskwire, temporaryDirectory } from "./support/deskwire.mjs";

test("two windows of one conversation see typing, the reply and each other", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] });
  const screenshots = process.env.DESKWIRE_SCREENSHOTS ?? temporaryDirectory(t);
  mkdirSync(screenshots, { recursive: true });
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`, { width: 320, height: 640 });

  // Slow, so that typing can be seen.
  await page.getByRole("button", { name: "Slow model (5 s)" }).click();
  await say(page, "hello");
  await page.getByRole("status").filter({ hasText: "typing" }).waitFor();
  await page.screenshot({ path: join(screenshots, "chat-320-typing.png") });
  await page.locator(".message:not(.own)").waitFor();
  await page.locator("#typing:empty").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Slow model (5 s)" }).click();

  const popup = browser.waitForEvent("page");
  await page.getByRole("link", { name: "Open second window" }).click();
  const second = await popup;
  second.problems = [];
  second.on("pageerror", (error) => second.problems.push(String(error)));
  await second.setViewportSize({ width: 1280, height: 800 });
  await second.getByText("Connected", { exact: true }).waitFor();
  assert.deepEqual(await texts(second), await texts(page), "the second window starts with what was said");

  // HTML is cleaned where it enters; what is left is shown as text.
  await say(second, "<b>1 < 2</b> from the second window");
  await page.getByText("1 < 2 from the second window", { exact: true }).waitFor();
  await page.locator(".message:not(.own)").nth(1).waitFor();
  await second.locator(".message:not(.own)").nth(1).waitFor();
  assert.deepEqual(await texts(second), await texts(page));
  assert.equal((await texts(page)).length, 4);

  await second.getByRole("button", { name: "Make the next post fail" }).click();
  await say(second, "this one fails");
  await page.locator(".message.failed").waitFor({ timeout: 120_000 });
  await second.locator(".message.failed").waitFor();
  assert.match(await second.locator(".message.failed .message-status").textContent(), /not delivered/);

  for (const [name, shown] of [["chat-320.png", page], ["chat-1280.png", second]]) {
    await shown.screenshot({ path: join(screenshots, name), fullPage: true });
    const wide = await shown.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${name}: nothing sticks out sideways`);
  }
  await second.emulateMedia({ colorScheme: "dark" });
  await second.screenshot({ path: join(screenshots, "chat-1280-dark.png") });
  assert.deepEqual(page.problems, []);
  assert.deepEqual(second.problems, []);
});

test("every control has a name and a size that a thumb can hit; the log is announced", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] });
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`, { width: 320, height: 640 });
  const log = page.getByRole("log", { name: "Messages" });
  assert.equal(await log.getAttribute("aria-live"), "polite");
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
  assert.equal(await page.getByRole("main").count(), 1);

  const controls = await page.locator("button:visible, a:visible, textarea:visible, input:visible").all();
  assert.ok(controls.length >= 6);
  for (const control of controls) {
    const name = await control.evaluate((node) => (node.labels?.[0] ?? node).textContent.trim());
    assert.notEqual(name, "", await control.evaluate((node) => node.outerHTML));
    const { width, height } = await control.boundingBox();
    assert.ok(width >= 44 && height >= 44, `${name}: ${width} × ${height}`);
  }

  const duplicates = await page.evaluate(() => {
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    return ids.filter((id, i) => ids.indexOf(id) !== i);
  });
  assert.deepEqual(duplicates, []);

  // WCAG AA in both colour schemes: 4.5 to 1 for all text.
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const weak = await page.evaluate(() => {
      const parse = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
      const luminance = (rgb) =>
        rgb.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = (node) => {
        for (let at = node; at; at = at.parentElement) {
          const colour = parse(getComputedStyle(at).backgroundColor);
          if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
      };
      const found = [];
      for (const node of document.querySelectorAll("body *")) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        if (!own || !node.checkVisibility()) continue;
        const [a, b] = [parse(getComputedStyle(node).color), ground(node)].map(luminance).sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) found.push(`${node.id || node.className || node.tagName}: ${ratio.toFixed(2)}`);
      }
      return found;
    });
    assert.deepEqual(weak, [], colorScheme);
  }

  // By keyboard alone: the input has the focus; Enter sends.
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Enter");
  await page.getByText("by keyboard", { exact: true }).waitFor();
});

test("the page comes back after a restart of the server and misses nothing", { skip }, async (t) => {
  const deskwire = await startedDeskwire(t, { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] });
  const browser = await openBrowser(t);
  const page = await openPage(browser, `${deskwire.gateway}/`);
  await say(page, "before");
  await page.locator(".message:not(.own)").waitFor();
  await deskwire.kill();
  await page.getByText("Connection lost, trying again…").waitFor();
  await say(page, "while it was away");
  await deskwire.start();
  await page.getByText("Connected", { exact: true }).waitFor({ timeout: 60_000 });
  await page.locator(".message:not(.own)").nth(1).waitFor();
  const shown = await texts(page);
  assert.equal(shown.length, 4);
  assert.equal(shown.filter((text) => text === "while it was away").length, 1);
});
