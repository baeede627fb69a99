// Holds the size of what a browser loads. Sizes are gzip -9, in KiB.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const limits = { initial: 150, route: 40, css: 15 };
const dist = new URL("../.build/", import.meta.url).pathname;
if (!existsSync(dist + "index.html")) {
  console.error("there is no build: run npm run compile");
  process.exit(1);
}
const size = (name) => gzipSync(readFileSync(dist + name), { level: 9 }).length / 1024;

// Initial is the entry, what it imports statically, and the first screen with
// what that imports: all that must be there before the first figure.
const files = readdirSync(dist + "assets").map((f) => "assets/" + f);
const js = files.filter((f) => f.endsWith(".js"));
const html = readFileSync(dist + "index.html", "utf8");
const entry = /src="\/(assets\/[^"]+\.js)"/.exec(html)?.[1];
const live = js.find((f) => /assets\/live-/.test(f));
const initial = new Set(["theme.js"]);
const visit = (name) => {
  if (!name || initial.has(name)) return;
  initial.add(name);
  for (const m of readFileSync(dist + name, "utf8").matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) visit("assets/" + m[1]);
};
visit(entry);
visit(live);

let failed = false;
const report = (what, kib, limit) => {
  const over = kib > limit;
  failed ||= over;
  console.log(`${over ? "OVER" : "ok  "}  ${kib.toFixed(1).padStart(6)} of ${String(limit).padStart(3)} KiB  ${what}`);
};
report(`initial JavaScript (${initial.size} files)`, [...initial].reduce((n, f) => n + size(f), 0), limits.initial);
for (const f of js.filter((f) => !initial.has(f)).sort()) report(f, size(f), limits.route);
report("all CSS", files.filter((f) => f.endsWith(".css")).reduce((n, f) => n + size(f), 0), limits.css);
const fonts = files.filter((f) => /\.(woff2?|ttf|otf)$/.test(f));
if (fonts.length) {
  console.log("OVER  web fonts: " + fonts.join(", "));
  failed = true;
}
process.exit(failed ? 1 : 0);
