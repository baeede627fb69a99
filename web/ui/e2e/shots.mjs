// Pictures of pages with demo traffic. Without an argument those of docs/img;
// with a directory every page there, in both themes and sizes; with a pattern
// after it only the pages whose name matches.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { context, open, page } from "./browser.mjs";
import { pages } from "./cases.mjs";
import { start } from "./server.mjs";

const everything = process.argv[2];
const only = new RegExp(process.argv[3] ?? "");
const out = everything ?? new URL("../../../docs/img/", import.meta.url).pathname;
const BEST = new Set(["live light desktop", "live dark desktop", "live light phone", "campaign dark desktop", "conversion light desktop", "conversion light phone", "attribution light desktop", "paths dark desktop", "fraud light desktop", "pipeline dark desktop"]);

mkdirSync(out, { recursive: true });
const demo = process.env.TRIBUTARY_URL ? { url: process.env.TRIBUTARY_URL, stop: () => undefined } : await start("demo", { args: ["--seed", "7"] });
const browser = await open();
for (const size of ["desktop", "phone"]) {
  for (const theme of ["light", "dark"]) {
    const ctx = await context(browser, { theme, size });
    for (const [name, path, there] of await pages(demo)) {
      if (!only.test(name) || (!everything && !BEST.has(`${name} ${theme} ${size}`))) continue;
      const p = await page(ctx);
      await p.goto(demo.url + path);
      await p.locator(there).first().waitFor();
      await p.locator(".chip", { hasText: "Live" }).waitFor();
      await p.waitForFunction(() => !document.querySelector(".bone"));
      await p.screenshot({ path: join(out, `${name}-${theme}${size === "phone" ? "-phone" : ""}.png`) });
      await p.close();
    }
    await ctx.close();
  }
}
await browser.close();
await demo.stop();
