// What a first visit costs: bytes, requests, and the time until a figure stands
// there, in real Chromium against demo traffic.
//
//   scripts/ui.sh load [--runs 5] [--mbit 10 --delay 40]
import { parseArgs } from "node:util";
import { context, open } from "./browser.mjs";
import { start, stopAll } from "./server.mjs";

const { values: o } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    mbit: { type: "string" }, // of a slower line
    delay: { type: "string", default: "0" }, // ms there and back
    path: { type: "string", default: "/" },
    json: { type: "boolean", default: false },
  },
});

/** In the page, before all else: when the first figure was painted. */
function watch() {
  const look = new MutationObserver(() => {
    if (!document.querySelector("[data-figure]")) return;
    look.disconnect();
    // The frame that paints it, and the first task after that.
    requestAnimationFrame(() => {
      const after = new MessageChannel();
      after.port1.onmessage = () => (window.firstFigure = performance.now());
      after.port2.postMessage(0);
    });
  });
  look.observe(document, { subtree: true, childList: true });
}

async function visit(ctx, url) {
  const p = await ctx.newPage();
  await p.addInitScript(watch);
  const cdp = await ctx.newCDPSession(p);
  await cdp.send("Network.enable");
  if (o.mbit) await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: Number(o.delay), downloadThroughput: (Number(o.mbit) * 1e6) / 8, uploadThroughput: (Number(o.mbit) * 1e6) / 8 });
  const all = new Map();
  cdp.on("Network.requestWillBeSent", (e) => all.set(e.requestId, { url: e.request.url, type: e.type, sent: 0, size: 0, encoding: "", cached: false }));
  cdp.on("Network.requestServedFromCache", (e) => all.has(e.requestId) && (all.get(e.requestId).cached = true));
  cdp.on("Network.responseReceived", (e) => {
    const r = all.get(e.requestId);
    if (!r) return;
    r.type = e.type;
    r.cached ||= e.response.fromDiskCache;
    r.encoding = Object.entries(e.response.headers).find(([k]) => k.toLowerCase() === "content-encoding")?.[1] ?? "";
  });
  cdp.on("Network.dataReceived", (e) => all.has(e.requestId) && (all.get(e.requestId).size += e.dataLength));
  cdp.on("Network.loadingFinished", (e) => all.has(e.requestId) && (all.get(e.requestId).sent = e.encodedDataLength));
  await p.goto(url + o.path);
  await p.waitForFunction(() => window.firstFigure !== undefined, undefined, { timeout: 120_000 });
  await p.waitForLoadState("networkidle");
  const times = await p.evaluate(() => ({ figure: window.firstFigure, paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0 }));
  await p.close();
  const requests = [...all.values()].filter((r) => r.url.startsWith("http"));
  return { ...times, requests };
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
function sum(visits) {
  const kinds = {};
  for (const r of visits[0].requests) {
    const kind = /\/v1\//.test(r.url) ? "answers (/v1)" : { Document: "document", Script: "scripts", Stylesheet: "styles" }[r.type] ?? "other";
    const k = (kinds[kind] ??= { requests: 0, from_cache: 0, bytes: 0, unpacked: 0, encodings: [] });
    k.requests++;
    k.from_cache += r.cached ? 1 : 0;
    k.bytes += r.sent;
    k.unpacked += r.size;
    if (!k.encodings.includes(r.encoding || "none")) k.encodings.push(r.encoding || "none");
  }
  return { first_paint_ms: Math.round(median(visits.map((v) => v.paint))), first_figure_ms: Math.round(median(visits.map((v) => v.figure))), kinds };
}

const server = process.env.TRIBUTARY_URL ? { url: process.env.TRIBUTARY_URL.replace(/\/$/, "") } : await start("demo", { args: ["--seed", "7"] });
const browser = await open();
const cold = [];
const warm = [];
try {
  for (let i = 0; i < Number(o.runs); i++) {
    const ctx = await context(browser);
    cold.push(await visit(ctx, server.url));
    warm.push(await visit(ctx, server.url));
    await ctx.close();
  }
  const r = { chromium: browser.version(), page: o.path, runs: cold.length, line: o.mbit ? `${o.mbit} Mbit/s, ${o.delay} ms` : "loopback", first_visit: sum(cold), next_visit: sum(warm) };
  if (o.json) console.log(JSON.stringify(r, null, 2));
  else {
    console.log(`${r.page}, Chromium ${r.chromium}, ${r.line}, median of ${r.runs}`);
    for (const [name, v] of [["first visit", r.first_visit], ["next visit", r.next_visit]]) {
      console.log(`${name}: first paint ${v.first_paint_ms} ms, first figure ${v.first_figure_ms} ms`);
      const all = { requests: 0, from_cache: 0, bytes: 0, unpacked: 0 };
      for (const [kind, k] of Object.entries(v.kinds)) {
        for (const f of Object.keys(all)) all[f] += k[f];
        console.log(`  ${kind.padEnd(14)} ${String(k.requests).padStart(3)} requests, ${String(k.from_cache).padStart(3)} from cache, ${(k.bytes / 1024).toFixed(1).padStart(7)} KiB sent, ${(k.unpacked / 1024).toFixed(1).padStart(7)} KiB unpacked (${k.encodings.join(", ")})`);
      }
      console.log(`  ${"together".padEnd(14)} ${String(all.requests).padStart(3)} requests, ${String(all.from_cache).padStart(3)} from cache, ${(all.bytes / 1024).toFixed(1).padStart(7)} KiB sent, ${(all.unpacked / 1024).toFixed(1).padStart(7)} KiB unpacked`);
    }
  }
} finally {
  await browser.close();
  await stopAll();
}
process.exit(0);
