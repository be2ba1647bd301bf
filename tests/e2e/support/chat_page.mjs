// The chat page in a headless browser.

import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

import { temporaryDirectory } from "./deskwire.mjs";

const CHROMIUM = process.env.DESKWIRE_CHROMIUM ?? "/usr/bin/chromium";
/** For a test's `skip`: false, or why there is no browser to run it in. */
export const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}; set DESKWIRE_CHROMIUM`;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser with a profile of its own; it ends with the test. */
export async function openBrowser(t) {
  let browser = null;
  const profile = temporaryDirectory(t, () => browser?.close());
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
  });
  return browser;
}

/** Notes what a healthy page never does: errors, and requests to other servers. */
export function watchProblems(page, url) {
  page.problems = [];
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("request", (request) => {
    const foreign = new URL(request.url()).origin !== new URL(url).origin;
    if (foreign && !request.url().startsWith("data:")) page.problems.push(`foreign ${request.url()}`);
  });
}

export const connected = (page, limitMs = 30_000) =>
  page.getByText("Connected", { exact: true }).waitFor({ timeout: limitMs });

/** A page that is connected. */
export async function openPage(browser, url, viewport) {
  const page = await browser.newPage();
  watchProblems(page, url);
  if (viewport) await page.setViewportSize(viewport);
  await page.goto(url);
  await connected(page);
  return page;
}

export async function say(page, text) {
  await page.getByLabel("Your message").fill(text);
  await page.getByLabel("Your message").press("Enter");
}

export const texts = (page) => page.locator(".message .message-text").allTextContents();
