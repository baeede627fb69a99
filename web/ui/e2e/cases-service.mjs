// Cases about the service around the figures: exports, sinks, alerts, the login.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessibility, context, page } from "./browser.mjs";
import { freePort, program, start } from "./server.mjs";

const quiet = (p) => assert.deepEqual(p.complaints, [], "the page complained");
const accessible = async (p) => {
  const found = await accessibility(p);
  if (found.length) assert.fail(found.join("\n"));
};
const live = (p) => p.locator(".chip", { hasText: "Live" }).waitFor({ timeout: 60_000 });

/** Takes the picture that a person would look at, where TRIBUTARY_SHOTS names a directory. */
const shot = (p, name) => process.env.TRIBUTARY_SHOTS && p.screenshot({ path: join(process.env.TRIBUTARY_SHOTS, `${name}.png`) });

async function send(server, events, headers = {}) {
  const body = events.map((e) => (typeof e === "string" ? e : JSON.stringify(e))).join("\n");
  const r = await fetch(server.url + "/v1/events", { method: "POST", headers: { "Content-Type": "application/x-ndjson", ...headers }, body });
  assert.equal(r.status, 200, await r.clone().text());
  return r.json();
}

const click = (i, at) => ({ event_id: `c-${i}-${at}`, type: "click", event_time: at, user_id: `${i}`, campaign_id: "spring", cost: "0.50" });

/** A server with a sink that works and one that nobody answers for. */
async function withSinks(dir) {
  const config = join(dir, "tributary.yaml");
  writeFileSync(config, `sinks:\n  files: {dir: ${join(dir, "out")}, format: ndjson}\n  redis: {addrs: ["127.0.0.1:${await freePort()}"]}\n`);
  return start("serve", { data: dir, args: ["--config", config] });
}

export const service = [
  [
    "an export: asked for, made, downloaded, removed",
    async ({ browser, demo }) => {
      const ctx = await context(browser);
      const p = await page(ctx);
      await p.goto(demo.url + "/exports");
      await p.getByText("None was asked for yet").waitFor();
      await p.getByRole("button", { name: "all", exact: true }).click();
      assert.equal(await p.locator(".boxes input:checked").count(), 14);
      await p.getByRole("button", { name: "none", exact: true }).click();
      await p.getByText("Choose a table.").waitFor();
      await p.getByLabel("minute_delivery", { exact: true }).check();
      await p.getByLabel("conversions", { exact: true }).check();
      await p.getByRole("button", { name: "CSV", exact: true }).click();
      await p.getByLabel("Compression").selectOption("gzip");
      await p.getByLabel("Range").last().selectOption("-24h");
      const command = await p.locator('pre[aria-label="The export command"]').textContent();
      assert.match(command, /^tributary export --table minute_delivery --format csv --compress gzip --from \d{4}-\d\d-\d\dT\d\d:\d\d:00Z --server \S+ --out exported\ntributary export --table conversions /);
      await p.getByRole("button", { name: "Export", exact: true }).click();
      const row = p.locator("tbody tr", { hasText: "minute_delivery, conversions" });
      await row.locator(".tag", { hasText: "Done" }).waitFor({ timeout: 60_000 });
      await accessible(p);
      const link = row.getByRole("link", { name: "conversions.csv.gz" });
      const [file] = await Promise.all([p.waitForEvent("download"), link.click()]);
      assert.equal([...readFileSync(await file.path()).subarray(0, 2)].join(), "31,139", "it is no gzip");
      await shot(p, "exports-done");
      await row.getByRole("button", { name: /^Remove export/ }).click();
      await p.getByText("None was asked for yet").waitFor();

      // The command does what it says.
      const out = mkdtempSync(join(tmpdir(), "tributary-export-"));
      const words = command.split("\n")[1].replace("--out exported", `--out ${out}`).split(" ").slice(1);
      execFileSync(program(), words, { stdio: "pipe" });
      assert.ok(readFileSync(join(out, "conversions.csv.gz")).length > 100);
      rmSync(out, { recursive: true });

      // What cannot be made is said where it was asked for.
      await p.getByLabel("Where to").selectOption("bucket");
      await p.getByLabel("URL of the bucket").fill("/etc");
      p.complaints = [];
      await p.getByRole("button", { name: "Export", exact: true }).click();
      await p.locator("form .code", { hasText: "bad_export" }).waitFor();
      assert.deepEqual(p.complaints.filter((c) => !/400 \(Bad Request\)/.test(c)), []);
      await ctx.close();
    },
  ],

  [
    "sinks and alerts: one down, one compared and written again; late and broken records",
    async ({ browser }) => {
      const dir = mkdtempSync(join(tmpdir(), "tributary-sinks-"));
      const server = await withSinks(dir);
      const ctx = await context(browser);
      const p = await page(ctx);
      const now = Date.now();
      await send(server, Array.from({ length: 50 }, (_, i) => click(i, now - 50 + i)));
      await p.goto(server.url + "/exports");
      const files = p.locator(".sinks > li", { hasText: "files" });
      const redis = p.locator(".sinks > li", { hasText: "redis" });
      await redis.locator(".tag", { hasText: "Down" }).waitFor({ timeout: 30_000 });
      await redis.getByText("What to do:").waitFor();
      await files.locator(".tag", { hasText: "Ok" }).waitFor({ timeout: 30_000 });
      await files.getByRole("button", { name: "Reconcile" }).click();
      await files.getByText("Equal to the state.").waitFor({ timeout: 30_000 });
      await files.getByRole("button", { name: "Resync" }).click();
      await files.getByRole("button", { name: "Yes, write every row again" }).click();
      await files.getByText(/Every row (is being|was) written again\./).waitFor({ timeout: 30_000 });
      await accessible(p);
      await shot(p, "sinks");

      await p.goto(server.url + "/alerts");
      await p.getByRole("heading", { name: "Sink redis takes no rows" }).waitFor({ timeout: 30_000 });
      // A share of late and broken records needs two looks at the counts, 10 s apart.
      let i = 1000;
      const dead = p.getByRole("heading", { name: /records that come in break a rule/ });
      const late = p.getByRole("heading", { name: /come too late to count/ });
      const until = Date.now() + 60_000;
      while ((await dead.count()) === 0 || (await late.count()) === 0) {
        assert.ok(Date.now() < until, `the alerts are only: ${(await p.locator(".alerts h2").allTextContents()).join("; ")}`);
        const batch = Array.from({ length: 100 }, () => click(i++, Date.now()));
        const old = Array.from({ length: 100 }, () => ({ ...click(i++, Date.now() - 2 * 3_600_000), type: "impression" }));
        await send(server, [...batch, ...old, ...Array.from({ length: 100 }, () => `{"event_id":"d-${i++}"}`)]);
        await p.waitForTimeout(1000);
      }
      await accessible(p);
      await shot(p, "alerts");
      await p.goto(server.url);
      await live(p);
      await p.locator(".attention", { hasText: "Sink redis takes no rows" }).waitFor();
      await p.locator(".banner", { hasText: "Sink redis is down." }).waitFor();
      await accessible(p);
      await shot(p, "attention");
      quiet(p);
      await ctx.close();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  ],

  [
    "a door: login and back, scopes, what may not be seen, logout, and a login that ends",
    async ({ browser }) => {
      const dir = mkdtempSync(join(tmpdir(), "tributary-door-"));
      const config = join(dir, "tributary.yaml");
      writeFileSync(config, "auth: {session: 12h}\n");
      const key = (...args) => execFileSync(program(), ["key", ...args, "--data", join(dir, "state")], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" }).trim();
      const analyst = /trb_\S+/.exec(key("create", "--name", "analyst", "--scope", "read"))[0];
      const boss = /trb_\S+/.exec(key("create", "--name", "boss", "--scope", "admin"))[0];
      const server = await start("serve", { data: dir, args: ["--config", config] });
      await send(server, [{ event_id: "v-1", type: "conversion", event_time: Date.now(), user_id: "jane@example.com", value: "10.00" }], { Authorization: `Bearer ${boss}` });

      const ctx = await context(browser);
      const p = await page(ctx, [/40[13] \(/, /WebSocket/]);
      const login = async (k) => {
        await p.getByLabel("API key").fill(k);
        await p.getByRole("button", { name: "Log in" }).click();
      };
      await p.goto(server.url + "/conversions?from=-24h");
      await p.waitForURL(/\/login\?next=%2Fconversions%3Ffrom%3D-24h$/);
      await accessible(p);
      await login("trb_wrong");
      await p.getByRole("alert").waitFor();
      await login(analyst);
      await p.waitForURL(/\/conversions\?from=-24h$/); // where one wanted to go
      await p.locator("tbody tr", { hasText: "p:" }).waitFor();
      assert.equal(await p.getByText("jane@example.com").count(), 0, "a person stands where a pseudonym belongs");
      await live(p); // the socket came through the door too

      await p.goto(server.url + "/exports");
      await p.getByText("You may not see the exports").waitFor();
      await p.getByText("This needs the scope export; the key or login has read.").waitFor();
      await accessible(p);
      await shot(p, "no-permission");

      await p.goto(server.url + "/settings");
      await p.locator("#login", { hasText: "analyst" }).waitFor();
      await p.locator("#login", { hasText: "stand here as pseudonyms" }).waitFor();
      await accessible(p);
      await shot(p, "settings-login");
      await p.getByRole("button", { name: "Log out" }).click();
      await p.waitForURL(/\/login/);
      await p.goto(server.url + "/");
      await p.waitForURL(/\/login/);

      await login(boss);
      await p.locator('[data-figure="Conversions"]').waitFor();
      await p.goto(server.url + "/conversions?from=-24h");
      await p.getByText("u:jane@example.com").waitFor();
      await p.goto(server.url + "/exports");
      await p.getByRole("button", { name: "Export", exact: true }).waitFor();

      // A key that is taken away ends the login under the page.
      await p.goto(server.url + "/");
      await live(p);
      key("revoke", "boss");
      await p.locator(".banner", { hasText: "You are not logged in any more." }).waitFor({ timeout: 60_000 });
      assert.equal(await p.locator('[data-figure="Conversions"]').textContent(), "1", "figures must stay");
      await shot(p, "login-ended");
      await p.locator(".banner").getByRole("link", { name: "Log in" }).click();
      await p.waitForURL(/\/login\?next=%2F$/);
      quiet(p);
      await ctx.close();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  ],
];
