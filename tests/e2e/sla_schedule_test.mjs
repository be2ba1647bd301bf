// deskwire sla deadline|elapsed: the verified cases through the built binary.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { FIXTURES, runDeskwire, temporaryDirectory } from "./support/deskwire.mjs";

const CASES = JSON.parse(readFileSync(join(FIXTURES, "sla/business_hours_cases.json"), "utf8")).cases.filter(({ op }) =>
  ["deadline", "elapsed"].includes(op),
);
const ZIC = "/usr/sbin/zic";
const ZONES = "/usr/share/zoneinfo/tzdata.zi";
const NINE_TO_FIVE = { timezone: "Europe/Berlin", hours: { mon: [["09:00", "17:00"]] } };

const z = (moment) => moment ?? "";

async function answerTo(directory, one, env) {
  const file = join(directory, `${one.id}.json`);
  const { schedule, schedule_changes } = one;
  writeFileSync(file, JSON.stringify(schedule_changes ? { ...schedule, schedule_changes } : schedule));
  const rest = one.op === "deadline" ? ["--target", String(one.target_s)] : ["--end", one.end_utc];
  const pauses = (one.pauses ?? []).flatMap(([from, to]) => ["--pause", `${from}/${z(to)}`]);
  const args = ["sla", one.op, "--schedule", file, "--start", one.start_utc, ...rest, ...pauses, "--json"];
  const { code, stdout, stderr } = await runDeskwire(args, { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

function expectedOf({ op, expected }) {
  if (op === "elapsed") return { elapsed: expected.elapsed_s };
  return expected.deadline_utc === null ? null : { deadline: expected.deadline_utc };
}

async function checkAll(directory, env = {}) {
  assert.ok(CASES.length >= 57);
  for (const one of CASES) assert.deepEqual(await answerTo(directory, one, env), expectedOf(one), one.id);
}

test("every verified case comes out of the command line", (t) => checkAll(temporaryDirectory(t)));

test("slim zone files give the same answers", async (t) => {
  if (!existsSync(ZIC) || !existsSync(ZONES)) return t.skip("needs zic and tzdata.zi");
  const directory = temporaryDirectory(t);
  const zones = join(directory, "zoneinfo");
  execFileSync(ZIC, ["-b", "slim", "-d", zones, ZONES], { stdio: "ignore" });
  await checkAll(directory, { TZDIR: zones });
});

test("a deadline that never comes is null", async (t) => {
  const directory = temporaryDirectory(t);
  const start_utc = "2025-06-02T08:00:00Z";
  const base = { op: "deadline", start_utc, target_s: 3600 };
  const closed = { ...base, id: "closed", schedule: { timezone: "Europe/Berlin", hours: {} } };
  assert.equal(await answerTo(directory, closed), null);
  const paused = { ...base, id: "paused", schedule: NINE_TO_FIVE, pauses: [["2025-06-02T08:30:00Z", null]] };
  assert.equal(await answerTo(directory, paused), null);
});

test("a whole case can be the schedule's file", async (t) => {
  const file = join(temporaryDirectory(t), "case.json");
  const one = CASES.find(({ id }) => id === "schedule-edited-while-running");
  writeFileSync(file, JSON.stringify(one));
  const args = ["sla", "deadline", "--schedule", file, "--start", one.start_utc, "--target", String(one.target_s)];
  const { code, stdout, stderr } = await runDeskwire(args);
  assert.deepEqual([code, stdout], [0, `${one.expected.deadline_utc}\n`], stderr);
});

test("bad input is named, with exit code 2", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "schedule.json");
  const good = { "--start": "2025-06-02T08:00:00Z", "--target": "60" };
  const run = async (schedule, options = {}) => {
    writeFileSync(file, typeof schedule === "string" ? schedule : JSON.stringify(schedule));
    const given = { "--schedule": file, ...good, ...options };
    const args = Object.entries(given).flatMap(([key, value]) => (value === null ? [] : [key, value]));
    return runDeskwire(["sla", "deadline", ...args, "--json"]);
  };
  const hours = (mon) => ({ timezone: "Europe/Berlin", hours: { mon } });
  const cases = [
    ["{", {}, /schedule/],
    [[], {}, /schedule: is a list, expected an object/],
    [{ hours: {} }, {}, /timezone: is missing/],
    [{ timezone: "Europe/Berln", hours: {} }, {}, /timezone: "Europe\/Berln" is no time zone/],
    [{ timezone: "Europe/Berlin", hours: { monday: [] } }, {}, /did you mean "mon"/],
    [hours([["17:00", "09:00"]]), {}, /hours\.mon\[0\]: 09:00 does not come after 17:00/],
    [hours([["09:00", "25:00"]]), {}, /hours\.mon\[0\]: .*25:00.* is no time/],
    [hours([["13:00", "17:00"], ["09:00", "12:00"]]), {}, /hours\.mon\[1\]: begins at 09:00/],
    [hours("09:00-17:00"), {}, /hours\.mon: is no list/],
    [{ ...NINE_TO_FIVE, holidays: ["2025-02-29"] }, {}, /holidays\[0\]: "2025-02-29" is no date/],
    [{ ...NINE_TO_FIVE, holidays: ["2025-06-09"], overrides: { "2025-06-09": [] } }, {}, /2025-06-09 is a holiday/],
    [{ ...NINE_TO_FIVE, holiday: [] }, {}, /did you mean "holidays"/],
    [{ ...NINE_TO_FIVE, schedule_changes: [{ schedule: NINE_TO_FIVE }] }, {}, /changes\[0\]\.effective_from: is missing/],
    [NINE_TO_FIVE, { "--start": "yesterday" }, /--start: "yesterday" is no moment/],
    [NINE_TO_FIVE, { "--target": "0" }, /--target/],
    [NINE_TO_FIVE, { "--target": "1h" }, /--target/],
    [NINE_TO_FIVE, { "--target": null }, /--target/],
    [NINE_TO_FIVE, { "--pause": "2025-06-02T08:00:00Z" }, /--pause: .* is no span/],
    [NINE_TO_FIVE, { "--pause": "2025-06-02T08:00:00Z/2025-06-02T07:00:00Z" }, /ends before it begins/],
    [NINE_TO_FIVE, { "--schedule": join(directory, "none.json") }, /none\.json/],
  ];
  for (const [schedule, options, message] of cases) {
    const { code, stdout, stderr } = await run(schedule, options);
    assert.deepEqual([code, stdout], [2, ""], `${JSON.stringify(schedule)} ${JSON.stringify(options)}: ${stderr}`);
    assert.match(stderr, message);
  }
});

test("without zone files the schedule is refused, not guessed", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "schedule.json");
  writeFileSync(file, JSON.stringify(NINE_TO_FIVE));
  const args = ["sla", "deadline", "--schedule", file, "--start", "2025-06-02T08:00:00Z", "--target", "60"];
  const { code, stderr } = await runDeskwire(args, { env: { TZDIR: directory } });
  assert.equal(code, 2);
  assert.match(stderr, /tzdata/);
});
