// A browser whose pages may say nothing on the console.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const CANDIDATES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const executable = CANDIDATES.find((p) => p && existsSync(p));

export const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

export async function open() {
  if (!executable) throw new Error("no Chromium: install one (apt-get install chromium), or name it in CHROMIUM");
  return chromium.launch({ executablePath: executable, args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
}

export async function context(browser, { theme = "light", size = "desktop", ...more } = {}) {
  return browser.newContext({ viewport: SIZES[size], colorScheme: theme, reducedMotion: "reduce", hasTouch: size === "phone", deviceScaleFactor: 1, ...more });
}

/** A page that gathers everything that ought not to be said. */
export async function page(ctx, allow = []) {
  const p = await ctx.newPage();
  p.complaints = [];
  const complain = (text) => allow.some((re) => re.test(text)) || p.complaints.push(text);
  p.on("console", (m) => ["error", "warning"].includes(m.type()) && complain(`${m.type()}: ${m.text()}`));
  p.on("pageerror", (e) => complain(`exception: ${e.stack ?? e.message}`));
  p.on("request", (r) => {
    const u = new URL(r.url());
    if (!["127.0.0.1", "localhost"].includes(u.hostname) && u.protocol !== "blob:") complain(`request to another host: ${r.url()}`);
  });
  await p.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
  return p;
}

/** What axe finds wrong. Evaluated over the protocol, which no policy stops. */
export async function accessibility(p) {
  await p.evaluate(axe);
  return p.evaluate(async () => {
    const r = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] });
    return r.violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n${v.nodes.slice(0, 4).map((n) => `    ${n.target.join(" ")}  ${n.failureSummary?.split("\n").slice(1, 3).join(" ").trim()}`).join("\n")}`);
  });
}
