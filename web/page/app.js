// The live page. The stream of changes only says that there is something new;
// every figure is fetched from the REST answers. The view is in the URL.
import { el, setText, models, int, money, compactMoney, exact, percent, decimal, hms, zone, span, statusMark, fetchJSON, fillBody } from "/page/common.js";
import { drawChart } from "/page/chart.js";

const $ = (id) => document.getElementById(id);
const view = { range: "-1h", model: "last_non_direct", traffic: "net", currency: "" };
const state = { data: null, sort: { key: "spend", down: true }, order: [], hovered: false, live: false, failed: null, lastGood: 0 };

const tiles = [
  { name: "Spend", value: (f) => compactMoney(f.spend), title: (f) => exact(f.spend), sub: (f) => `${money(f.invalid_spend)} invalid` },
  { name: "Attributed revenue", value: (f) => compactMoney(f.credited_value), title: (f) => exact(f.credited_value), sub: (f) => `+ ${money(f.unattributed_value)} unattributed` },
  { name: "ROAS", value: (f) => (f.roas === null ? "–" : decimal(f.roas) + "×"), title: (f) => f.roas, sub: () => "revenue / spend" },
  { name: "Conversions", value: (f) => int(f.conversions), title: (f) => String(f.conversions), sub: (f) => `${decimal(f.credited_conversions, 1)} credited` },
  { name: "CPA", value: (f) => compactMoney(f.cpa), title: (f) => exact(f.cpa), sub: () => "spend / credited" },
  { name: "Invalid traffic", value: (f) => percent(f.invalid_rate), title: (f) => f.invalid_rate, sub: (f) => `${int(f.givt_impressions + f.sivt_impressions + f.givt_clicks + f.sivt_clicks)} events` },
];

const columns = [
  { key: "campaign_id", name: "Campaign", sort: (r) => r.campaign_id, cell: (r) => ({ text: r.campaign_id || "(no campaign)", title: r.campaign_id }) },
  { key: "spend", name: "Spend", sort: (r) => Number(r.spend.amount), cell: (r) => ({ text: money(r.spend), title: exact(r.spend) }) },
  { key: "credited_value", name: "Revenue", sort: (r) => Number(r.credited_value.amount), cell: (r) => ({ text: money(r.credited_value), title: exact(r.credited_value) }) },
  { key: "roas", name: "ROAS", sort: (r) => Number(r.roas ?? -1), cell: (r) => (r.roas === null ? "–" : decimal(r.roas) + "×") },
  { key: "credited_conversions", name: "Conv.", sort: (r) => Number(r.credited_conversions), cell: (r) => ({ text: decimal(r.credited_conversions, 1), title: r.credited_conversions }) },
  { key: "cpa", name: "CPA", sort: (r) => Number(r.cpa?.amount ?? -1), cell: (r) => money(r.cpa) },
  { key: "impressions", name: "Impr.", sort: (r) => r.impressions, cell: (r) => int(r.impressions) },
  { key: "clicks", name: "Clicks", sort: (r) => r.clicks, cell: (r) => int(r.clicks) },
  { key: "ctr", name: "CTR", sort: (r) => Number(r.ctr ?? -1), cell: (r) => percent(r.ctr) },
  { key: "invalid_rate", name: "Invalid", sort: (r) => Number(r.invalid_rate ?? -1), cell: (r) => percent(r.invalid_rate, 1) },
  { key: "status", name: "Status", sort: (r) => r.status, cell: (r) => ({ node: statusMark(r.status), key: r.status }) },
];

function readURL() {
  const p = new URLSearchParams(location.search);
  for (const k of Object.keys(view)) if (p.get(k)) view[k] = p.get(k);
  if (!models[view.model]) view.model = "last_non_direct";
  for (const k of ["range", "traffic"]) {
    if (![...$(k).options].some((o) => o.value === view[k])) view[k] = k === "range" ? "-1h" : "net";
  }
}

function writeURL() {
  const p = new URLSearchParams();
  const defaults = { range: "-1h", model: "last_non_direct", traffic: "net", currency: "" };
  for (const [k, v] of Object.entries(view)) if (v !== defaults[k]) p.set(k, v);
  history.replaceState(null, "", p.size ? "?" + p : location.pathname);
}

async function refresh() {
  const q = (extra) => "?" + new URLSearchParams({ from: view.range, ...extra });
  const common = { model: view.model, traffic: view.traffic };
  const interval = { "-15m": "minute", "-1h": "minute", "-6h": "minute", "-24h": "hour" }[view.range];
  const asked = JSON.stringify(view);
  const [overview, series, campaigns, compare, conversions, pipeline] = await Promise.all([
    fetchJSON("/v1/overview" + q(common)),
    fetchJSON("/v1/timeseries" + q({ ...common, interval, timezone: zone })),
    fetchJSON("/v1/campaigns" + q({ ...common, limit: 1000 })),
    fetchJSON("/v1/attribution/compare" + q({})),
    fetchJSON("/v1/conversions?limit=10"),
    fetchJSON("/v1/pipeline"),
  ]);
  if (asked !== JSON.stringify(view)) return; // answers to an older question
  state.data = { overview, series, campaigns, compare, conversions, pipeline };
  state.failed = null;
  state.lastGood = Date.now();
  render();
}

function render() {
  const d = state.data;
  if (!d) return;
  renderCurrencies(d.overview.data);
  const f = d.overview.data.find((x) => x.currency === view.currency) || null;
  renderHealth(d.pipeline.data, d.overview.meta);
  renderTiles(f, d.overview.meta);
  drawChart($("chart"), $("readout"), d.series.data.filter((p) => p.currency === view.currency), d.series.meta, view.currency);
  renderCampaigns(d.campaigns.data.filter((r) => r.currency === view.currency));
  renderChannels(d.compare.data.filter((r) => r.currency === view.currency));
  renderLatest(d.conversions.data);
  renderCounts(d.pipeline.data);
}

function renderCurrencies(entries) {
  const names = entries.map((e) => e.currency);
  if (!names.includes(view.currency)) {
    // the busiest currency; amounts of two are never compared
    view.currency = [...entries].sort((a, b) => b.impressions + b.clicks - a.impressions - a.clicks)[0]?.currency || "";
  }
  $("currency-label").hidden = names.length < 2;
  const select = $("currency");
  if ([...select.options].map((o) => o.value).join() !== names.join()) select.replaceChildren(...names.map((n) => el("option", { value: n }, n)));
  select.value = view.currency;
}

function renderHealth(p, meta) {
  let tone = "good", chip = "Live", head, sub;
  const lag = p.watermark_lag_ms;
  const working = p.inputs.filter((i) => i.state === "active");
  if (!p.ready) {
    [tone, chip, head] = ["bad", "Not ready", "The pipeline is not ready: " + (p.not_ready.join("; ") || "it is starting")];
  } else if (p.degraded.length) {
    [tone, chip, head] = ["warn", "Degraded", "It works, but: " + p.degraded.join("; ")];
  } else if (p.watermark === null) {
    [tone, chip, head] = ["", "Waiting", p.inputs.some((i) => i.state === "finished") ? "Every input is finished" : "Waiting for the first events"];
  } else if (lag > 120000 && working.length) {
    [tone, chip, head] = ["warn", "Lagging", `Figures lag ${span(lag)} behind the clock`];
  } else if (!working.length && p.inputs.length) {
    [tone, chip, head] = ["", "Quiet", "All is well; nothing is coming in at the moment"];
  } else {
    head = "All is well: figures are live";
  }
  if (p.watermark === null) sub = "Send events to POST /v1/events, and they show here at once.";
  else sub = `Complete to ${hms(p.watermark)}, ${span(lag)} before ${hms(p.as_of)}. What is later is provisional and still grows.`;
  if (!state.live) [tone, chip] = ["", "Reconnecting"];
  if (state.failed) sub = `The last answer failed (${state.failed}); figures are those of ${hms(state.lastGood || Date.now())}.`;
  setText($("headline"), head);
  setText($("subline"), sub);
  $("chip").className = "chip " + tone;
  setText($("chip-text"), chip);
}

function renderTiles(f, meta) {
  const box = $("tiles");
  if (!box.children.length) {
    box.append(...tiles.map((t) => el("div", { class: "tile" }, el("span", { class: "name" }, t.name), el("span", { class: "value" }), el("div", { class: "sub" }, el("span"), el("span")))));
  }
  tiles.forEach((t, i) => {
    const [, value, sub] = box.children[i].children;
    setText(value, f ? t.value(f) : "–");
    value.title = f ? t.title(f) || "" : "";
    setText(sub.children[0], f ? t.sub(f) : "");
    const s = f ? f.status : meta.status;
    if (sub.children[1].dataset.s !== s) {
      sub.children[1].dataset.s = s;
      sub.children[1].replaceChildren(statusMark(s));
    }
  });
}

function renderCampaigns(rows) {
  const table = $("campaigns");
  const head = table.tHead;
  if (!head.rows.length) {
    const tr = head.insertRow();
    for (const c of columns) {
      const b = el("button", { type: "button" }, c.name);
      b.addEventListener("click", () => {
        state.sort = { key: c.key, down: state.sort.key === c.key ? !state.sort.down : c.key !== "campaign_id" };
        state.order = [];
        render();
      });
      tr.append(el("th", { scope: "col", "data-key": c.key }, b));
    }
  }
  for (const th of head.rows[0].cells) {
    if (th.dataset.key === state.sort.key) th.setAttribute("aria-sort", state.sort.down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  }
  const column = columns.find((c) => c.key === state.sort.key);
  const place = new Map(state.order.map((id, i) => [id, i]));
  rows.sort((a, b) => {
    // rows do not jump under the pointer
    if (state.hovered && place.size) return (place.get(a.campaign_id) ?? 1e9) - (place.get(b.campaign_id) ?? 1e9);
    const x = column.sort(a), y = column.sort(b);
    const c = x < y ? -1 : x > y ? 1 : 0;
    return (state.sort.down ? -c : c) || (a.campaign_id < b.campaign_id ? -1 : 1);
  });
  state.order = rows.map((r) => r.campaign_id);
  const shown = rows.slice(0, 12);
  fillBody(table.tBodies[0], shown.map((r) => ({ cells: columns.map((c) => c.cell(r)) })));
  setText($("campaigns-note"), rows.length === 0 ? "none in this range" : rows.length > shown.length ? `${shown.length} of ${rows.length}, by ${column.name.toLowerCase()}` : "");
}

function renderChannels(rows) {
  const table = $("channels");
  const names = Object.keys(models);
  if (!table.tHead.rows.length) {
    const tr = table.tHead.insertRow();
    tr.append(el("th", { scope: "col" }, "Channel"), ...names.map((m) => el("th", { scope: "col", "data-model": m }, models[m])));
  }
  for (const th of table.tHead.rows[0].cells) th.className = th.dataset.model === view.model ? "chosen" : "";
  rows.sort((a, b) => a.unattributed - b.unattributed || Number(b.models[view.model].credited_value.amount) - Number(a.models[view.model].credited_value.amount));
  fillBody(table.tBodies[0], rows.map((r) => ({
    class: r.unattributed ? "dim" : "",
    cells: [{ text: r.unattributed ? "Unattributed" : r.channel }].concat(names.map((m) => {
      const v = r.models[m].credited_value;
      return { text: money(v), title: `${exact(v)}; ${r.models[m].credited_conversions} conversions`, class: (m === view.model ? "chosen " : "") + (Number(v.amount) === 0 ? "zero" : "") };
    })),
  })));
}

function renderLatest(rows) {
  const list = $("latest");
  if (!rows.length) {
    list.replaceChildren(el("li", { class: "empty-note" }, "No conversions yet."));
    return;
  }
  const key = JSON.stringify(rows);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...rows.map((r) => {
    const bad = r.verdict === "givt" || r.verdict === "sivt" || r.verdict === "duplicate" || r.adjusted === "retracted";
    const note = r.adjusted || (r.verdict === "valid" ? (r.touches === 0 ? "unattributed" : r.touches === 1 ? "1 touch" : `${r.touches} touches`) : r.verdict);
    return el("li", {}, el("a", { href: "/conversions/" + encodeURIComponent(r.conversion_id), class: bad ? "void" : null, title: "Why " + r.conversion_id + " has its credit" },
      el("time", { datetime: r.event_time }, hms(r.event_time)),
      el("span", { class: "what" }, r.conversion_name, " ", el("small", {}, note)),
      el("b", {}, money(bad ? r.original_value : r.value))));
  }));
}

function renderCounts(p) {
  const c = p.counts;
  const rows = [["Read", c.records], ["Duplicates", c.duplicates], ["Late, applied", c.late], ["Too late", c.too_late, "/v1/late-events"], ["Dead letters", c.dead_letters, "/v1/dead-letters"], ["Conflicts", c.conflicts]];
  const dl = $("counts");
  if (!dl.children.length) for (const [name, , href] of rows) dl.append(el("dt", {}, href ? el("a", { href }, name) : name), el("dd"));
  rows.forEach(([, n], i) => setText(dl.children[2 * i + 1], int(n)));
  const order = { failing: 0, active: 1, idle: 2, finished: 3 };
  const inputs = [...p.inputs].sort((a, b) => order[a.state] - order[b.state]).slice(0, 8);
  const key = JSON.stringify(inputs.map((i) => [i.name, i.state, Math.round((i.watermark_lag_ms || 0) / 1000)]));
  const ul = $("inputs");
  if (ul.dataset.key === key) return;
  ul.dataset.key = key;
  ul.replaceChildren(...inputs.map((i) => el("li", {}, el("span", { title: i.error || i.name }, i.name),
    el("small", {}, i.state === "active" && i.watermark_lag_ms !== null ? `${span(i.watermark_lag_ms)} behind` : i.state))));
}

// The loop: one refresh at a time, at most one a second, sooner after a change
// of the view, none while nobody looks.
let wanted = true, running = false, pauseUntil = 0, wait = 1000;
async function loop() {
  if (running || !wanted || document.hidden || Date.now() < pauseUntil) return;
  running = true;
  wanted = false;
  const began = Date.now();
  try {
    await refresh();
    wait = Math.min(10000, Math.max(1000, 4 * (Date.now() - began))); // a busy server is asked less
  } catch (err) {
    state.failed = err.message;
    wanted = true;
    wait = Math.min(30000, wait * 2 * (0.75 + Math.random() / 2));
    if (state.data) renderHealth(state.data.pipeline.data, state.data.overview.meta);
    else { setText($("headline"), "No answer yet"); setText($("subline"), err.message); }
  } finally {
    running = false;
    pauseUntil = Date.now() + wait;
  }
}

let source = null;
function connect() {
  source = new EventSource("/v1/changes");
  source.addEventListener("change", () => { state.live = true; wanted = true; });
  source.onerror = () => {
    state.live = false;
    if (state.data) renderHealth(state.data.pipeline.data, state.data.overview.meta);
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000 + 8000 * Math.random());
  };
}

readURL();
$("model").append(...Object.entries(models).map(([id, name]) => el("option", { value: id }, name)));
for (const k of ["range", "model", "traffic", "currency"]) {
  $(k).value = view[k];
  $(k).addEventListener("change", (e) => {
    view[k] = e.target.value;
    writeURL();
    render();
    wanted = true;
    pauseUntil = 0;
    loop();
  });
}
$("controls").addEventListener("submit", (e) => e.preventDefault());
const body = $("campaigns").tBodies[0];
body.addEventListener("pointerenter", () => (state.hovered = true));
body.addEventListener("pointerleave", () => (state.hovered = false));
addEventListener("resize", () => render());
setText($("zone"), "Times are in " + zone + ".");
document.addEventListener("visibilitychange", loop);
connect();
setInterval(loop, 100);
setInterval(() => (wanted = true), 5000); // the clock moves on when no tick does
loop();
