// Runs clang-tidy over the product's sources and remembers what was clean, so that only what changed
// is read again: `node packaging/lint.mjs BUILD_DIR [FILE…]`, one process a core. The path-sensitive
// analyzer takes as long as everything else together; DESKWIRE_LINT=deep asks for it too.
//
// What packaging/lint_pending.txt lists has not been brought to the rules yet and is passed over: files
// only ever leave that list. DESKWIRE_LINT=pending reads those instead.
//
// What decides: the preprocessed source with its comments (hence every header that it includes), the
// source itself, the compiler's flags, .clang-tidy and the tool's version. Remembered in
// $XDG_CACHE_HOME/deskwire-lint (default ~/.cache/deskwire-lint), one empty file a clean source.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, existsSync, utimesSync, writeFileSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const TIDY = "clang-tidy-14";
const MAX_TEXT = 256 * 1024 * 1024;

const [build, ...wanted] = process.argv.slice(2);
if (!build) {
  console.error("usage: node packaging/lint.mjs BUILD_DIR [FILE…]");
  process.exit(2);
}
const root = process.cwd();
const memory = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "deskwire-lint");
mkdirSync(memory, { recursive: true });
const flags = process.env.DESKWIRE_LINT === "deep" ? ["--quiet"] : ["--quiet", "--checks=-clang-analyzer-*"];
const rules = [readFileSync(".clang-tidy", "utf8"), (await run(TIDY, ["--version"])).stdout, ...flags].join();

/** The compiler and its flags, without what names an output or a dependency file. */
function preprocessing({ command, file }) {
  const words = command.split(" ").filter((word) => word !== "" && word !== "-c" && word !== file);
  const output = words.indexOf("-o");
  if (output >= 0) words.splice(output, 2);
  return words;
}

async function fingerprint(entry) {
  const words = preprocessing(entry);
  const [compiler, ...options] = words.slice(words.findIndex((word) => word.includes("clang++")));
  const { stdout } = await run(compiler, [...options, "-E", "-P", "-C", entry.file], { cwd: entry.directory, maxBuffer: MAX_TEXT });
  const hash = createHash("sha256").update(rules).update(options.join(" ").replaceAll(root, ""));
  return hash.update(readFileSync(entry.file)).update(stdout.replaceAll(root, "")).digest("hex");
}

const pending = new Set(readFileSync("packaging/lint_pending.txt", "utf8").split("\n"));
const asked = process.env.DESKWIRE_LINT === "pending";

const entries = JSON.parse(readFileSync(join(build, "compile_commands.json"), "utf8")).filter(({ file }) => {
  const path = relative(root, file);
  if (path.startsWith("..") || /^(tests|bench|build)\//.test(path)) return false;
  return wanted.length === 0 ? pending.has(path) === asked : wanted.includes(path);
});

let known = 0;
let linted = 0;
const refused = [];
async function lint(entry) {
  const path = relative(root, entry.file);
  const mark = join(memory, await fingerprint(entry));
  if (existsSync(mark)) {
    known++;
    utimesSync(mark, new Date(), new Date());
    return;
  }
  linted++;
  try {
    await run(TIDY, [...flags, "-p", build, path], { maxBuffer: MAX_TEXT });
    writeFileSync(mark, "");
  } catch (error) {
    refused.push(path);
    console.log(error.stdout?.trim() || `${path}: ${error.message}`);
  }
}

const waiting = [...entries];
async function work() {
  for (let entry = waiting.shift(); entry; entry = waiting.shift()) await lint(entry);
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
console.log(`${entries.length} sources: ${known} known to be clean, ${linted} read, ${refused.length} refused`);
process.exit(refused.length > 0 || entries.length === 0 ? 1 : 0);
