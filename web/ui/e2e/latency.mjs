// How long an event takes from its scheduled arrival to the figure that a person
// sees: the real program, real Chromium, an open loop.
//
//   scripts/ui.sh latency --rate 50000 --for 30
//
// Event i is due at start + i/rate, whatever became of those before it. Events
// are sent in NDJSON requests when the last of a request is due, so waiting for
// the request to fill is in the figure. Every impression costs 0.01, and nothing
// else costs anything to this server: a spend of N cents that is painted says
// that N events have been. The time of the paint is that of the first task after
// the frame was laid out and painted, by the same machine's clock.
import { createRequire } from "node:module";
import { Agent, request } from "node:http";
import { performance } from "node:perf_hooks";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { context, open, page } from "./browser.mjs";
import { program, start, stopAll } from "./server.mjs";

const { values: o } = parseArgs({
  options: {
    rate: { type: "string", default: "1000" }, // events a second
    for: { type: "string", default: "10" }, // seconds that are measured
    warmup: { type: "string", default: "5" }, // seconds before them
    batch: { type: "string", default: "10" }, // ms of events in one request
    path: { type: "string", default: "/?traffic=gross" }, // the page that is looked at
    json: { type: "boolean", default: false },
  },
});
const seconds = (s) => Number(String(s).replace(/s$/, ""));
const rate = Number(o.rate);
const warmup = Math.round(seconds(o.warmup) * rate);
const total = warmup + Math.round(seconds(o.for) * rate);
const perRequest = Math.max(1, Math.round((rate * Number(o.batch)) / 1000));
if (!(rate > 0) || !(total > warmup) || perRequest > 10_000) throw new Error("--rate, --for and --batch: what is measured must not be empty, and a request holds at most 10,000 events");

const clock = () => performance.timeOrigin + performance.now();

// One event of traffic that makes sessions, clicks, paths and conversions; a
// conversion costs nothing, so it stands beside an impression, not for it.
function* events(begin, from, to) {
  for (let i = from; i < to; i++) {
    const at = Math.floor(begin + (i * 1000) / rate);
    const person = (i * 7919) % 200_003;
    const campaign = `campaign-${i % 40}`;
    yield `{"type":"impression","event_id":"i${i}","event_time":${at},"user_id":"p${person}","campaign_id":"${campaign}","ad_group_id":"g${i % 160}","creative_id":"c${i % 400}","publisher_id":"n${i % 90}","source":"google","medium":"cpc","country":"DE","ip":"10.${i & 127}.${(i >> 7) & 255}.9","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","cost":"0.01"}`;
    if (i % 50 === 49) yield `{"type":"click","event_id":"k${i}","event_time":${at},"user_id":"p${person}","campaign_id":"${campaign}","creative_id":"c${i % 400}","source":"google","medium":"cpc"}`;
    if (i % 1000 === 999) yield `{"type":"conversion","event_id":"v${i}","event_time":${at},"user_id":"p${person}","value":"25.00"}`;
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 });
function post(url, body) {
  return new Promise((ok, fail) => {
    const r = request(url + "/v1/events", { method: "POST", agent, headers: { "Content-Type": "application/x-ndjson", "Content-Length": body.length } }, (res) => {
      let text = "";
      res.setEncoding("utf8");
      res.on("data", (b) => (text += b));
      res.on("end", () => (res.statusCode === 200 ? ok(JSON.parse(text)) : fail(new Error(`events: ${res.statusCode} ${text}`))));
    });
    r.on("error", fail);
    r.end(body);
  });
}

/** In the page: [figure in cents, time] of every painted change of the tile. */
function probe() {
  const tiles = document.querySelector('[data-testid="tiles"]');
  const read = () => Number(document.querySelector('[data-figure="Spend"]').textContent.replace(/[^0-9]/g, ""));
  const seen = (window.painted = []);
  // Its size changes with the figure, so that its observer is called in the
  // frame that paints the figure: after layout, just before paint.
  const sentinel = document.createElement("i");
  sentinel.style.cssText = "position:fixed;left:0;top:0;width:1px;height:1px;visibility:hidden";
  document.body.append(sentinel);
  let wide = false;
  let last = -1;
  const after = new MessageChannel();
  after.port1.onmessage = (e) => seen.push([e.data, performance.timeOrigin + performance.now()]);
  new ResizeObserver(() => {
    const n = read();
    if (n === last) return;
    last = n;
    after.port2.postMessage(n); // handled once the frame is painted
  }).observe(sentinel);
  new MutationObserver(() => {
    wide = !wide;
    sentinel.style.width = wide ? "2px" : "1px";
  }).observe(tiles, { subtree: true, childList: true, characterData: true });
}

/** How far performance's clock is from the wall's, to fractions of a ms. */
const drift = () => {
  let sum = 0;
  const until = performance.now() + 50;
  let n = 0;
  for (; performance.now() < until; n++) sum += Date.now() - (performance.timeOrigin + performance.now());
  return sum / n;
};

async function metrics(url) {
  const text = await (await fetch(url + "/metrics")).text();
  const out = {};
  for (const line of text.split("\n")) {
    const m = /^([a-z0-9_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (m) out[m[1]] = Number(m[2]);
  }
  return out;
}

/** A quantile of what a histogram counted between two scrapes, within its buckets. */
function quantile(before, after, name, label, q) {
  const buckets = [];
  for (const [k, v] of Object.entries(after)) {
    const m = new RegExp(`^${name}_bucket\\{${label},le="([^"]+)"\\}$`).exec(k);
    if (m) buckets.push([m[1] === "+Inf" ? Infinity : Number(m[1]), v - (before[k] ?? 0)]);
  }
  buckets.sort((a, b) => a[0] - b[0]);
  const all = buckets.at(-1)?.[1] ?? 0;
  let lower = 0;
  let below = 0;
  for (const [le, n] of buckets) {
    if (n >= q * all && n > below) return le === Infinity ? lower : lower + ((le - lower) * (q * all - below)) / (n - below);
    [lower, below] = [le, n];
  }
  return NaN;
}

async function measure() {
  program();
  const server = await start("serve");
  const browser = await open();
  // One event before, so that the page has a figure.
  await post(server.url, Buffer.from(`{"type":"impression","event_id":"first","event_time":${Date.now()},"user_id":"first","campaign_id":"campaign-0","cost":"0.01"}\n`));
  const p = await page(await context(browser, { reducedMotion: "no-preference" }));
  await p.goto(server.url + o.path);
  await p.locator('[data-figure="Spend"]').waitFor({ timeout: 120_000 });
  await p.locator(".chip", { hasText: "Live" }).waitFor({ timeout: 120_000 });
  const shown = await p.locator('[data-figure="Spend"]').textContent();
  if (shown.replace(/[^0-9]/g, "") !== "001") throw new Error(`the page shows ${shown} where 0.01 was spent`);

  // All requests are made beforehand. How long that takes is tried first.
  const trial = clock();
  const size = Buffer.from([...events(trial, 0, Math.min(total, 20_000))].join("\n")).length;
  const each = (clock() - trial) / Math.min(total, 20_000);
  const begin = Math.ceil(clock() + 2 * each * total + 2000);
  const requests = [];
  for (let i = 0; i < total; i += perRequest) {
    const to = Math.min(total, i + perRequest);
    requests.push({ due: begin + (to * 1000) / rate, body: Buffer.from([...events(begin, i, to)].join("\n") + "\n") });
  }
  if (clock() > begin) throw new Error("making the requests took longer than thought: the machine is busy");
  await p.evaluate(probe);

  const answers = [];
  let behind = 0;
  let lines = 0;
  const before = await metrics(server.url);
  for (const r of requests) {
    const wait = r.due - clock();
    if (wait > 0) await new Promise((ok) => setTimeout(ok, wait));
    behind = Math.max(behind, clock() - r.due);
    answers.push(post(server.url, r.body));
  }
  for (const a of await Promise.all(answers)) {
    if (a.rejected.length || a.duplicates || a.late) throw new Error(`the server did not take everything: ${JSON.stringify(a).slice(0, 500)}`);
    lines += a.accepted;
  }
  await p.waitForFunction((n) => window.painted.at(-1)?.[0] >= n, total + 1, { timeout: 120_000, polling: 200 });
  const after = await metrics(server.url);
  const painted = await p.evaluate(() => window.painted);
  const offset = (await p.evaluate(`(${drift})()`)) - drift();
  const version = browser.version();
  await browser.close();
  await server.stop();

  const latencies = new Float64Array(total - warmup);
  const gaps = [];
  let i = 0;
  let from = painted[0][1];
  for (const [cents, at] of painted) {
    for (; i < Math.min(cents - 1, total); i++) if (i >= warmup) latencies[i - warmup] = at + offset - (begin + (i * 1000) / rate);
    if (i > warmup) gaps.push(at - from);
    from = at;
  }
  latencies.sort();
  gaps.sort((a, b) => a - b);
  const at = (list, q) => list[Math.min(list.length - 1, Math.floor(q * list.length))];
  const ms = (x) => Number(x.toFixed(1));
  const quantiles = Object.fromEntries([["p50", 0.5], ["p90", 0.9], ["p99", 0.99], ["p99_9", 0.999], ["max", 1]].map(([name, q]) => [name, ms(at(latencies, q))]));
  const frame = Object.fromEntries([["p50", 0.5], ["p99", 0.99]].map(([name, q]) => [name, ms(1000 * quantile(before, after, "tributary_e2e_latency_seconds", 'stage="frame"', q))]));
  const cpu = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"];
  return {
    rate, seconds: (total - warmup) / rate, events: total - warmup, page: o.path,
    painted_ms: quantiles,
    paints: gaps.length, between_paints_ms: { p50: ms(at(gaps, 0.5)), p99: ms(at(gaps, 0.99)) },
    server_frame_ms: frame, // from the arrival of the oldest record in a frame to the frame being written
    server_cpu_us_per_event: Number(((1e6 * cpu) / lines).toFixed(1)),
    sent_late_ms: ms(behind), bytes_per_event: Math.round(size / Math.min(total, 20_000)), clocks_apart_ms: Number(offset.toFixed(3)),
    machine: `${cpus().length} x ${cpus()[0]?.model.trim()}`, load: loadavg()[0], chromium: version, playwright: createRequire(import.meta.url)("playwright-core/package.json").version,
  };
}

try {
  const r = await measure();
  if (o.json) console.log(JSON.stringify(r, null, 2));
  else {
    console.log(`${r.events} events at ${r.rate} a second, ${r.page}, Chromium ${r.chromium}, ${r.machine}, load ${r.load.toFixed(1)}`);
    console.log(`scheduled arrival to painted figure: P50 ${r.painted_ms.p50}, P90 ${r.painted_ms.p90}, P99 ${r.painted_ms.p99}, P99.9 ${r.painted_ms.p99_9}, greatest ${r.painted_ms.max} ms`);
    console.log(`${r.paints} paints, ${r.between_paints_ms.p50} ms apart (P99 ${r.between_paints_ms.p99}); the server's part, to the frame: P50 ${r.server_frame_ms.p50}, P99 ${r.server_frame_ms.p99} ms; its CPU: ${r.server_cpu_us_per_event} us an event`);
    console.log(`requests left at most ${r.sent_late_ms} ms after they were due; the clocks are ${r.clocks_apart_ms} ms apart`);
  }
} finally {
  await stopAll();
  agent.destroy();
}
process.exit(0);
