// Two windows of the chat page in Chromium, behind one address of three gateways that are killed under
// them: what is said arrives once, in order, and they see each other again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { seeded } from "../chaos/random.mjs";
import { Balancer } from "../hub/balancer.mjs";
import { startGateways } from "../hub/gateways.mjs";
import { connected, openBrowser, openPage, say, skip, texts } from "./support/chat_page.mjs";
import { Redis } from "./support/redis.mjs";
import { eventually } from "./support/waiting.mjs";

const ROUNDS = 4;

test("two windows miss nothing and see each other while gateways are killed", { skip }, async (t) => {
  const redis = new Redis(t);
  await redis.start();
  const problems = [];
  const gateways = await startGateways(t, redis, seeded(11), problems);
  const balancer = await Balancer.start(t, gateways.map(({ ports }) => ports[1]), seeded(12));
  const browser = await openBrowser(t);
  const customer = await openPage(browser, `${balancer.url}/`);
  const popup = browser.waitForEvent("page");
  await customer.getByRole("button", { name: "Open as an agent" }).click();
  const agent = await popup;
  await connected(agent);
  const here = (page, name) => page.getByLabel("Also here").getByText(name).waitFor();
  await here(customer, "Alex (agent)");

  const said = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [page, name] of [[agent, "agent"], [customer, "customer"]]) {
      said.push(`${name} ${round}`);
      await say(page, said.at(-1));
      // In order means that one is there before the next is written.
      const shown = async () => (await texts(customer)).includes(said.at(-1)) && (await texts(agent)).includes(said.at(-1));
      await eventually(shown, Boolean, `"${said.at(-1)}" in both windows`, 60_000);
    }
    const victim = gateways[round % gateways.length];
    await victim.kill();
    said.push(`agent while ${victim.name} is away`);
    await say(agent, said.at(-1));
    await eventually(async () => (await texts(customer)).includes(said.at(-1)), Boolean, "a message past a dead gateway", 60_000);
    await victim.start({ ready: false });
  }
  await connected(customer, 60_000);
  await connected(agent, 60_000);
  for (const page of [customer, agent]) {
    await eventually(() => texts(page), (shown) => JSON.stringify(shown) === JSON.stringify(said), `all of ${JSON.stringify(said)}`, 60_000);
  }
  await here(customer, "Alex (agent)");
  await here(agent, "Visitor");
  assert.deepEqual(problems, []);
});
