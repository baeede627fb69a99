// Browser tests against the real program with demo traffic. Plain node, one
// file of cases; `npm run e2e -- pattern` runs the cases whose name matches.
import { chromiumMissing, cases } from "./cases.mjs";
import { program, start, stopAll } from "./server.mjs";
import { open } from "./browser.mjs";

if (chromiumMissing()) {
  const must = process.env.TRIBUTARY_TEST_SERVERS === "require";
  console.log(`${must ? "FAIL" : "skip"}  no Chromium: install one (apt-get install chromium), or name it in CHROMIUM`);
  process.exit(must ? 1 : 0);
}

const only = new RegExp(process.argv[2] ?? "");
program();
const demo = await start("demo", { args: ["--seed", "7"] });
const browser = await open();
let failed = 0;
for (const [name, run] of cases) {
  if (!only.test(name)) continue;
  const began = Date.now();
  try {
    await run({ browser, demo });
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (e) {
    failed++;
    console.log(`FAIL  ${name}\n${String(e.stack ?? e).replace(/^/gm, "      ")}`);
  }
}
await browser.close();
await stopAll();
console.log(failed ? `${failed} failed` : "all passed");
process.exit(failed ? 1 : 0);
