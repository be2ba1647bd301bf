// kill -9 at the worst moments: nothing is lost, nothing happens twice, everything is running
// again within 16 s of the restart. DESKWIRE_CRASH_ROUNDS says how often each moment is tried.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { chatwootSource, SANDBOX_SOURCE, startedDeskwire } from "./support/deskwire.mjs";
import { FakeChatwoot } from "./support/fake_chatwoot.mjs";
import { PlainClient } from "./support/plain_client.mjs";
import { monitor } from "./support/redis.mjs";
import { incomingMessage, post } from "./support/webhooks.mjs";
import { eventually, within } from "./support/waiting.mjs";

const ROUNDS = Number(process.env.DESKWIRE_CRASH_ROUNDS ?? 2);
const RECOVERY_MS = 16_000;

/** Runs `hook` once for the given conversation; resolves when the process is dead. */
function killOnce(chatwoot, name, conversation, deskwire, answer) {
  return new Promise((resolve) => {
    chatwoot.hooks[name] = async (call) => {
      if (call.conversation !== String(conversation) || chatwoot.hooks[name].used) return null;
      chatwoot.hooks[name].used = true;
      await deskwire.kill();
      resolve();
      return answer;
    };
  });
}

// Moments of an attempt that the fake helpdesk sees. Those before its post are further down. (Typing
// is no moment: it is announced beside the attempt, and a quick answer may overtake it.)
const MOMENTS = {
  "after the intent": { hook: "beforeStore", answer: "hang" },
  "after the post": { hook: "afterStore", answer: "hang" },
  "before the completion": { hook: "afterAnswer" },
};

async function settled(deskwire, channel) {
  const fits = (events) => events.some(({ event, data }) => event === "message:status" && data.status === "sent");
  return eventually(() => deskwire.history(channel), fits, `a sent reply on ${channel}`, RECOVERY_MS);
}

function assertOneReply(events, channel) {
  const count = (name) => events.filter(({ event }) => event === name).length;
  assert.equal(count("message:user"), 1, `one question on ${channel}`);
  assert.equal(count("message:ai"), 1, `one answer on ${channel}`);
  assert.equal(count("message:status"), 1, `one status on ${channel}`);
}

describe("kill -9", { concurrency: true }, () => {
  for (const [moment, { hook, answer }] of Object.entries(MOMENTS)) {
    test(`${moment}: one reply posted and one shown, again within 16 s`, async (t) => {
      const chatwoot = await FakeChatwoot.start(t);
      const deskwire = await startedDeskwire(t, { sources: [chatwootSource(chatwoot.url)] });
      for (let round = 1; round <= ROUNDS; round++) {
        const conversation = 8000 + round;
        const channel = `conversation:${conversation}`;
        const dead = killOnce(chatwoot, hook, conversation, deskwire, answer);
        // The answer to the webhook may be lost with the process; the job is durable all the same.
        const accepted = await post(deskwire, incomingMessage({ conversation, id: 60_000 + round })).catch(() => null);
        assert.ok(accepted === null || accepted.status === 202);
        await within(dead, `the kill ${moment}`);
        await deskwire.start();
        const events = await settled(deskwire, channel);
        assertOneReply(events, channel);
        assert.equal(chatwoot.posted(conversation).length, 1, `round ${round}: posted once`);
        const repeated = await post(deskwire, incomingMessage({ conversation, id: 60_000 + round }));
        assert.deepEqual([repeated.status, repeated.answer.duplicate], [200, true]);
      }
      assert.equal(chatwoot.messages.length, ROUNDS);
    });
  }

  const EARLY = {
    "after the lease": async (t, deskwire) => {
      const commands = await monitor(t, `${deskwire.dataDirectory}/redis.sock`);
      return () => commands.until((line) => /lua\] "ZADD" "dw:\{\d+\}:lease"/.test(line), "the lease");
    },
    "during the responder": async (t, deskwire, client) => () => client.event("typing:start"),
  };
  for (const [moment, prepare] of Object.entries(EARLY)) {
    test(`${moment}: one reply shown, again within 16 s`, async (t) => {
      const deskwire = await startedDeskwire(t, { sources: [{ ...SANDBOX_SOURCE, namespace: "" }] });
      const token = await deskwire.token({ role: "customer" });
      for (let round = 1; round <= ROUNDS; round++) {
        const channel = `conversation:early-${round}`;
        const client = await PlainClient.subscribed(t, deskwire.socket, token, channel);
        const reached = await prepare(t, deskwire, client);
        const sent = client.command("send", {
          channel,
          content: "hello",
          clientMessageId: `c-${round}`,
          simulate: { think_ms: "1000" },
        });
        sent.catch(() => {}); // The answer may be lost with the process; the job is not.
        await reached();
        await deskwire.kill();
        await deskwire.start();
        const again = await PlainClient.subscribed(t, deskwire.socket, token, channel);
        await again.event("typing:start", () => true, RECOVERY_MS);
        assertOneReply(await settled(deskwire, channel), channel);
      }
    });
  }
});
