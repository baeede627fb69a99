// The cases. Nothing sleeps and hopes: every wait is for a condition.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessibility, context, executable, page } from "./browser.mjs";
import { service } from "./cases-service.mjs";
import { freePort, start } from "./server.mjs";

export const chromiumMissing = () => !executable;

const json = async (demo, path) => (await fetch(demo.url + path)).json();
const live = (p) => p.locator(".chip", { hasText: "Live" }).waitFor({ timeout: 60_000 });

/** Every page, with what must be there once it has figures. */
export async function pages(demo) {
  const conversions = (await json(demo, "/v1/conversions?limit=200&verdict=valid")).data;
  const one = conversions.find((c) => c.touches >= 4 && c.touches <= 12 && Number(c.value.amount) > 0) ?? conversions[0];
  return [
    ["live", "/", ".uplot"],
    ["campaigns", "/campaigns?from=-24h", "tbody tr"],
    ["campaign", "/campaigns/spring-sale-search?from=-24h", ".uplot"],
    ["conversions", "/conversions?from=-24h", "tbody tr"],
    ["conversion", `/conversions/${one.conversion_id}`, ".matrix"],
    ["attribution", "/attribution?from=-24h&model=linear", "tfoot"],
    ["paths", "/attribution?tab=paths&from=-24h", ".sankey path"],
    ["lag", "/attribution?tab=lag&from=-24h", ".hist"],
    ["fraud", "/fraud?from=-24h", ".fall"],
    ["pipeline", "/pipeline", ".graph, .steps"],
    ["late-events", "/late-events", "tbody tr"],
    ["dead-letters", "/dead-letters", "tbody tr"],
    ["alerts", "/alerts", ".alerts, .state"],
    ["exports", "/exports", ".ask"],
    ["settings", "/settings", ".form"],
    ["api", "/api", ".op"],
    ["pacing", "/pacing", ".state"],
    ["experiments", "/experiments", ".state"],
    ["funnels", "/funnels", ".state"],
  ];
}

const quiet = (p) => assert.deepEqual(p.complaints, [], "the page complained");
const accessible = async (p) => {
  const found = await accessibility(p);
  if (found.length) assert.fail(found.join("\n"));
};

// Routes that a version may not have yet answer 404; the page copes, the
// browser still writes it down.
const ABSENT = [/404 \(Not Found\)|503 \(Service Unavailable\)/];

async function everyPage({ browser, demo }, theme, size) {
  const ctx = await context(browser, { theme, size });
  const found = [];
  for (const [name, path, there] of await pages(demo)) {
    const p = await page(ctx);
    await p.goto(demo.url + path);
    await p.locator(there).first().waitFor({ timeout: 20_000 });
    await live(p);
    for (const c of p.complaints) found.push(`${name}: ${c}`);
    for (const v of await accessibility(p)) found.push(`${name}: ${v}`);
    const wide = await p.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) found.push(`${name}: ${wide} px wider than the screen`);
    if (name === "live" && size === "desktop") {
      const over = await p.evaluate(() => document.querySelector(".main").scrollHeight - document.querySelector(".main").clientHeight);
      if (over > 0) found.push(`live: the first screen scrolls by ${over} px`);
    }
    await p.close();
  }
  await ctx.close();
  if (found.length) assert.fail(found.join("\n"));
}

export const cases = [
  [
    "the generated types are those of this server",
    async ({ demo }) => {
      const r = spawnSync(process.execPath, [new URL("../scripts/types.mjs", import.meta.url).pathname, "--check", demo.url], { encoding: "utf8" });
      assert.equal(r.status, 0, r.stderr);
    },
  ],
  ["every page, light, desktop", (t) => everyPage(t, "light", "desktop")],
  ["every page, dark, desktop", (t) => everyPage(t, "dark", "desktop")],
  ["every page, light, phone", (t) => everyPage(t, "light", "phone")],
  ["every page, dark, phone", (t) => everyPage(t, "dark", "phone")],

  [
    "figures change by themselves",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      let requests = 0;
      await p.goto(demo.url);
      await live(p);
      const spend = p.locator('[data-figure="Spend"]');
      await spend.waitFor();
      p.on("request", (r) => r.url().includes("/v1/overview") && requests++);
      const before = await spend.getAttribute("data-exact");
      await p.waitForFunction((old) => document.querySelector('[data-figure="Spend"]').dataset.exact !== old, before, { timeout: 20_000 });
      assert.equal(requests, 0, "the figures came by REST, not by the socket");
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "REST and socket agree to the digit",
    async ({ browser, demo }) => {
      // A closed range does not change, so both must say the same.
      const to = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 3 * 3_600_000).toISOString();
      const from = new Date(Date.parse(to) - 3_600_000).toISOString();
      const params = { from, to, model: "linear", compare: "yesterday" };
      const asked = { kpis: ["/v1/overview", params], campaigns: ["/v1/campaigns", { ...params, limit: "1000" }], series: ["/v1/timeseries", { ...params, interval: "minute" }], attribution: ["/v1/attribution", { from, to, model: "linear" }] };
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url + "/settings");
      const frames = await p.evaluate(async (asked) => {
        const ws = new WebSocket(location.origin.replace("http", "ws") + "/v1/live?ch=");
        const frames = {};
        await new Promise((ok, fail) => {
          setTimeout(() => fail(new Error(`only ${Object.keys(frames)} came`)), 15_000);
          ws.onerror = () => fail(new Error("the socket failed"));
          ws.onopen = () => Object.entries(asked).forEach(([ch, [, q]]) => ws.send(JSON.stringify({ op: "subscribe", ch, params: q })));
          ws.onmessage = (e) => {
            const m = JSON.parse(e.data);
            if (m.op === "error") fail(new Error(e.data));
            if (m.op === "frame" && m.prev === 0) frames[m.ch] = m;
            if (Object.keys(frames).length === Object.keys(asked).length) ok();
          };
        });
        ws.close();
        return frames;
      }, asked);
      await ctx.close();
      for (const [ch, [path, q]] of Object.entries(asked)) {
        const rest = await json(demo, `${path}?${new URLSearchParams(q)}`);
        const sort = (rows) => rows.map((r) => JSON.stringify(r)).sort();
        assert.ok(rest.data.length > 0, `${ch} is empty`);
        assert.deepEqual(sort(Object.values(frames[ch].set)), sort(rest.data), ch);
      }
    },
  ],

  [
    "what is shown is what REST answers, to the digit",
    async ({ browser, demo }) => {
      const to = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 2 * 3_600_000).toISOString();
      const q = new URLSearchParams({ from: new Date(Date.parse(to) - 3_600_000).toISOString(), to, currency: "USD" });
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(`${demo.url}/?${q}`);
      await p.locator('[data-figure="Spend"]').waitFor();
      const f = (await json(demo, `/v1/overview?${q}`)).data.find((x) => x.currency === "USD");
      assert.equal(await p.locator('[data-figure="Spend"]').getAttribute("data-exact"), `${f.spend.amount} USD`);
      assert.equal(await p.locator('[data-figure="Attributed revenue"]').getAttribute("data-exact"), `${f.credited_value.amount} USD`);
      assert.equal(await p.locator('[data-figure="ROAS"]').getAttribute("data-exact"), f.roas);
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "reconnects after the server is killed and started again",
    async ({ browser }) => {
      const data = mkdtempSync(join(tmpdir(), "tributary-restart-"));
      const port = await freePort();
      let server = await start("serve", { port, data });
      let n = 0;
      const buy = async () => {
        const event = { event_id: `v-${++n}`, type: "conversion", event_time: Date.now(), user_id: "42", value: "10.00" };
        const r = await fetch(server.url + "/v1/events", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(event) });
        assert.equal((await r.json()).accepted, 1);
      };
      await buy();
      const ctx = await context(browser);
      const p = await page(ctx, [/ERR_CONNECTION|WebSocket connection|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_NETWORK/]);
      await p.goto(server.url);
      await live(p);
      const figure = p.locator('[data-figure="Conversions"]');
      await p.locator('[data-figure="Conversions"]', { hasText: /^1$/ }).waitFor();
      await server.kill();
      await p.locator(".chip", { hasText: /Reconnecting/ }).waitFor({ timeout: 20_000 });
      await p.locator(".banner", { hasText: "old, and stay until the server is back" }).waitFor({ timeout: 20_000 });
      assert.equal(await figure.textContent(), "1", "figures must stay while there is no server");
      server = await start("serve", { port, data });
      await live(p); // by itself, without a click
      await buy();
      await p.locator('[data-figure="Conversions"]', { hasText: /^2$/ }).waitFor({ timeout: 20_000 });
      quiet(p);
      await ctx.close();
      await server.stop();
      rmSync(data, { recursive: true, force: true });
    },
  ],

  [
    "first run shows a command that works",
    async ({ browser }) => {
      const server = await start("serve");
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(server.url);
      await p.getByText("Waiting for the first event").waitFor();
      const command = await p.locator(".codebox pre").textContent();
      assert.match(command, new RegExp(`^curl -sS ${server.url}/v1/events`));
      await accessible(p);
      const body = /<<'EVENTS'\n([\s\S]+)\nEVENTS/.exec(command)[1];
      const r = await fetch(server.url + "/v1/events", { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body });
      assert.equal((await r.json()).accepted, 3);
      await p.locator('[data-figure="Attributed revenue"]', { hasText: "$59.90" }).waitFor({ timeout: 20_000 });
      quiet(p);
      await ctx.close();
      await server.stop();
    },
  ],

  [
    "errors say what, with their code, and a retry helps",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx, [/503 \(/]);
      let broken = true;
      await p.route("**/v1/conversions/*/explain", (r) => (broken ? r.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: "Service Unavailable", status: 503, code: "stopping", detail: "the program is stopping", request_id: "R-1" }) }) : r.continue()));
      const [, path] = (await pages(demo)).find(([n]) => n === "conversion");
      await p.goto(demo.url + path);
      await p.getByText("Could not load the conversion").waitFor({ timeout: 30_000 });
      await p.getByText("stopping · HTTP 503 · request R-1").waitFor();
      await accessible(p);
      broken = false;
      await p.getByRole("button", { name: "Try again" }).click();
      await p.locator(".matrix").waitFor();
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "nothing of the kind: unknown conversion, filters without match, unknown page",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx, ABSENT);
      await p.goto(demo.url + "/conversions/no-such-thing");
      await p.getByText("There is no such thing: the conversion").waitFor();
      await p.goto(demo.url + "/?campaign_id=no-such-campaign");
      await p.getByText("Nothing matches these filters").waitFor();
      await accessible(p);
      await p.getByRole("button", { name: "Clear the filters" }).click();
      await p.locator('[data-figure="Spend"]').waitFor();
      await p.goto(demo.url + "/no/such/page");
      await p.getByText("There is no such page").waitFor();
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "skeletons while answers are under way",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx, [/WebSocket/]);
      let go;
      const gate = new Promise((ok) => (go = ok));
      await p.routeWebSocket("**/v1/live*", () => undefined); // a server that says nothing
      await p.route("**/v1/**", async (r) => (await gate, r.continue()));
      await p.goto(demo.url);
      await p.getByRole("status", { name: "Loading key figures" }).waitFor();
      await accessible(p);
      go();
      await p.locator('[data-figure="Spend"]').waitFor();
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "stale and partial: silence, and a sink that is down",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.clock.install();
      await p.routeWebSocket("**/v1/live*", (ws) => ws.send(JSON.stringify({ op: "hello", epoch: "x", seq: 1, as_of: new Date().toISOString(), snapshot: "", channels: [], beat_ms: 10000, max_subscriptions: 32 })));
      await p.route("**/v1/pipeline", async (r) => {
        const a = await (await r.fetch()).json();
        a.data.sinks = [{ name: "clickhouse", state: "retrying", outbox_rows: 4200, lag_ms: 60000, commit: 1, watermark: null, error: "dial tcp: connection refused" }];
        await r.fulfill({ json: a });
      });
      await p.goto(demo.url);
      await p.locator(".banner", { hasText: "Sink clickhouse is down." }).waitFor();
      await p.locator('[data-figure="Spend"]').waitFor();
      await p.clock.runFor(16_000);
      await p.locator(".chip", { hasText: "No news" }).waitFor();
      assert.ok(await p.locator('[data-figure="Spend"]').isVisible(), "figures must stay");
      await p.goto(demo.url + "/pipeline");
      await p.getByText("clickhouse is down: 4,200 rows wait and will be delivered.").waitFor();
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "a proxy that lets no socket through: the stream keeps figures fresh",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx, [/WebSocket/]);
      await p.addInitScript(() => {
        window.WebSocket = class {
          constructor() {
            setTimeout(() => this.onclose?.(), 0);
          }
          send() {}
          close() {}
        };
        Math.random = () => 0; // no waiting between attempts
      });
      await p.goto(demo.url);
      await live(p);
      const spend = p.locator('[data-figure="Spend"]');
      await spend.waitFor();
      const before = await spend.getAttribute("data-exact");
      await p.waitForFunction((old) => document.querySelector('[data-figure="Spend"]').dataset.exact !== old, before, { timeout: 30_000 });
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "keys, palette, pause, and everything in the address",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url);
      await live(p);
      await p.keyboard.press("Control+k");
      await p.getByRole("combobox").fill("linear");
      await p.keyboard.press("Enter");
      await p.waitForURL(/model=linear/);
      await p.keyboard.press("n");
      await p.waitForURL(/traffic=gross/);
      await p.keyboard.press("g");
      await p.keyboard.press("f");
      await p.waitForURL(/\/fraud\?model=linear&traffic=gross/);
      await p.keyboard.press("g");
      await p.keyboard.press("l");
      await p.locator(".uplot").waitFor();
      await p.keyboard.press("?");
      await p.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
      await accessible(p);
      await p.keyboard.press("Escape");
      await p.keyboard.press("j");
      await p.keyboard.press("j");
      await p.keyboard.press("Enter");
      await p.waitForURL(/\/campaigns\/.+model=linear/);
      await p.goBack();
      await p.keyboard.press("Space");
      await p.locator(".chip", { hasText: "Paused" }).waitFor();
      await p.keyboard.press("Space");
      await live(p);
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "menus by mouse and keys; axe with one open",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url);
      await live(p);
      await p.getByRole("button", { name: "Attribution model" }).click();
      await p.getByRole("menuitemradio", { name: /Time decay/ }).waitFor();
      await accessible(p);
      await p.keyboard.press("ArrowDown");
      await p.keyboard.press("Enter");
      await p.waitForURL(/model=linear/); // the one after last non-direct
      await p.getByRole("button", { name: "Range" }).click();
      await p.getByRole("menuitemradio", { name: "Last 6 hours" }).click();
      await p.waitForURL(/from=-6h/);
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "the chart is for keys and ears too",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url);
      const chart = p.getByRole("application", { name: /Money by minute/ });
      await chart.waitFor();
      await chart.focus();
      await p.keyboard.press("Home");
      const first = await chart.locator(".readout b").first().textContent();
      assert.match(first, /^\d\d:\d\d$/);
      await p.keyboard.press("ArrowRight");
      assert.notEqual(await chart.locator(".readout b").first().textContent(), first);
      await p.keyboard.press("End");
      await chart.getByText("still filling").waitFor();
      assert.ok((await chart.locator("table tbody tr").count()) >= 60, "the table behind the chart has every point");
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "rows stand still under the pointer",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url + "/campaigns");
      await live(p);
      await p.getByRole("button", { name: "Clicks" }).click();
      await p.locator("tbody tr").nth(3).hover();
      const order = () => p.locator("tbody th").allTextContents();
      const before = await order();
      const cells = await p.locator("tbody").textContent();
      await p.waitForFunction((old) => document.querySelector("tbody").textContent !== old, cells, { timeout: 20_000 });
      assert.deepEqual(await order(), before);
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "the API page tries a route and writes the command",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url + "/api?op=getOverview");
      await p.getByRole("textbox", { name: /^from / }).fill("-24h");
      assert.match(await p.locator(".op .codebox pre").first().textContent(), /curl -sS '.*\/v1\/overview\?from=-24h'/);
      await p.getByRole("button", { name: "Try it" }).click();
      await p.locator('pre[aria-label="The answer"]', { hasText: '"as_of"' }).waitFor();
      await accessible(p);
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "payloads open, and CSV downloads",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url + "/dead-letters");
      await p.locator("tbody tr").first().click();
      await p.getByRole("dialog").locator("pre").waitFor();
      await accessible(p);
      await p.keyboard.press("Escape");
      const [file] = await Promise.all([p.waitForEvent("download"), p.getByRole("button", { name: "Records set aside as CSV" }).click()]);
      assert.equal(file.suggestedFilename(), "dead-letters.csv");
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "settings: theme, locale, saved views; wall mode",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url + "/settings");
      await p.getByRole("button", { name: "Dark" }).click();
      assert.equal(await p.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
      await p.getByLabel("Numbers and dates").selectOption("de-DE");
      await p.getByText(/1\.234\.567,891234/).waitFor();
      await p.goto(demo.url + "/attribution?model=linear&from=-24h");
      await p.locator("tfoot").first().waitFor();
      await p.keyboard.press("s");
      await p.getByLabel("Name", { exact: true }).fill("Weekly look");
      await p.keyboard.press("Enter");
      await p.goto(demo.url + "/settings");
      await p.getByRole("link", { name: "Weekly look" }).click();
      await p.waitForURL(/\/attribution\?model=linear&from=-24h|\/attribution\?from=-24h&model=linear/);
      await p.keyboard.press("w");
      await p.waitForURL(/wall=1/);
      await p.locator('[data-figure="Spend"]').waitFor();
      assert.equal(await p.locator(".nav").isVisible(), false);
      await p.keyboard.press("w");
      await p.locator(".nav").waitFor();
      quiet(p);
      await ctx.close();
    },
  ],

  [
    "tiles and the last row of the table say the same at every moment",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url);
      await live(p);
      await p.locator("tfoot").waitFor();
      // Looked at after every change for as long as it takes five of them to come.
      const differing = await p.evaluate(
        () =>
          new Promise((ok, fail) => {
            const wrong = [];
            let changes = 0;
            setTimeout(() => fail(new Error(`only ${changes} changes came`)), 40_000);
            const look = () => {
              const tile = document.querySelector('[data-figure="Spend"]').dataset.exact;
              const foot = [...document.querySelectorAll("tfoot span[title]")].map((e) => e.title);
              if (!foot.includes(tile)) wrong.push(`${tile} in the tile, ${foot} in the table`);
              if (++changes >= 5) ok(wrong);
            };
            new MutationObserver(look).observe(document.querySelector('[data-figure="Spend"]'), { attributes: true });
          }),
      );
      assert.deepEqual(differing, []);
      quiet(p);
      await ctx.close();
    },
  ],
  ...service,
];
