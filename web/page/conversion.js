// One conversion: every touch, counted or not and why, the credit of every
// model with its arithmetic, adjustments and revisions.
import { el, setText, models, money, exact, full, span, statusMark, fetchJSON } from "/page/common.js";

const $ = (id) => document.getElementById(id);
const id = decodeURIComponent(location.pathname.split("/").pop());
const api = "/v1/conversions/" + encodeURIComponent(id) + "/explain";

function card(title, note, ...children) {
  return el("section", { class: "card" }, el("div", { class: "card-head" }, el("h2", {}, title), note ? el("span", { class: "note" }, note) : null), ...children);
}

function table(head, rows, textColumns = []) {
  const cell = (tag, c, i, row) => {
    const content = c === null || c === undefined || c === "" ? "–" : c;
    return el(tag, { class: textColumns.includes(i) ? "text" : null, scope: tag === "th" ? (row ? "row" : "col") : null }, content);
  };
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((h, i) => cell("th", h, i)))),
    el("tbody", {}, ...rows.map((r) => el("tr", { class: r.class || null }, ...r.cells.map((c, i) => cell(i === 0 ? "th" : "td", c, i, true)))))));
}

const tag = (text, tone) => el("span", { class: "tag " + (tone || "") }, text);
const verdictTone = { valid: "good", givt: "bad", sivt: "bad", duplicate: "warn", undecided: "warn" };

function facts(c) {
  const row = (name, value) => [el("dt", {}, name), el("dd", {}, value || "–")];
  const items = [
    row("Value", exact(c.value)), row("Original value", exact(c.original_value)), row("Verdict", tag(c.verdict, verdictTone[c.verdict])),
    row("Status", statusMark(c.status)), row("Adjusted", c.adjusted), row("Person", c.person), row("Order", c.order_id), row("Session", c.session_id),
  ];
  return card("Conversion", c.conversion_id, el("dl", { class: "facts" }, ...items.map((i) => el("div", {}, ...i))));
}

function touches(d) {
  const at = Date.parse(d.conversion.event_time);
  const rows = d.candidates.map((t) => {
    const ago = at - Date.parse(t.event_time);
    return {
      class: t.counted ? "" : "dim",
      cells: [t.counted ? String(t.position) : "–", full(t.event_time), ago >= 0 ? span(ago) + " before" : span(-ago) + " after", t.type, t.channel, t.campaign_id, t.creative_id,
        tag(t.verdict, t.counted ? verdictTone[t.verdict] : t.verdict === "valid" ? "" : "bad"), t.counted ? "counted" : t.why, t.event_id],
    };
  });
  const note = `lookback ${d.lookback.click} for clicks, ${d.lookback.impression} for impressions; at most ${d.max_touches} touches`;
  const body = rows.length ? table(["#", "Time", "Distance", "Type", "Channel", "Campaign", "Creative", "Verdict", "Outcome", "Event"], rows, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    : el("p", { class: "note" }, "No click or impression of this person lies within the lookback.");
  return card(`Touches: ${d.counted} counted, ${d.rejected} not`, note, body);
}

function credit(d) {
  if (!d.models.length) return card("Credit", "", el("p", { class: "note" }, "This conversion carries no credit: it is invalid, a duplicate, or retracted."));
  const positions = [...new Set(d.models.flatMap((m) => m.shares.map((s) => s.position)))].sort((a, b) => a - b);
  const byPosition = new Map(d.candidates.filter((t) => t.counted).map((t) => [t.position, t]));
  const rows = positions.map((p) => {
    const t = byPosition.get(p);
    return {
      cells: [p === 0 ? "Unattributed" : `${p}. ${t ? t.channel : ""}`].concat(d.models.map((m) => {
        const s = m.shares.find((x) => x.position === p);
        return s && s.credit_ppm !== 0 ? money(s.value) : el("span", { class: "zero" }, "0");
      })),
    };
  });
  rows.push({ class: "total", cells: ["Sum"].concat(d.models.map((m) => money(m.total_value))) });
  const arithmetic = d.models.map((m) => el("details", {}, el("summary", {}, models[m.model] || m.model, el("span", { class: "note" }, m.formula)),
    table(["Touch", "Weight", "Credit", "Value"], m.shares.map((s) => ({
      cells: [s.position === 0 ? "Unattributed" : `${s.position}. ${s.event_id}`, weight(s), s.credited_conversions, exact(s.value)],
    })).concat([{ class: "total", cells: ["Sum", "", m.total_credited_conversions, exact(m.total_value)] }]))));
  return [
    card("Credit by touch and model", "participation counts the whole once per campaign and so sums to more", table(["Touch"].concat(d.models.map((m) => models[m.model] || m.model)), rows)),
    card("Arithmetic", d.rounding, ...arithmetic),
  ];
}

// Fixed-point weights have long numerators; the reader gets both the fraction
// and, where that is long, what it comes to.
function weight(s) {
  const fraction = `${s.weight_numerator}/${s.weight_denominator}`;
  if (s.weight_numerator === s.weight_denominator) return "1";
  if (s.weight_numerator === "0") return "0";
  if (fraction.length <= 15) return fraction;
  return el("span", { title: fraction }, "≈ " + (Number(s.weight_numerator) / Number(s.weight_denominator)).toFixed(6));
}

function history(d) {
  const out = [];
  if (d.members.length > 1) {
    out.push(card("Identities", "touches under any of them count", table(["Person", "Linked by", "Linked at"], d.members.map((m) => ({ cells: [m.person, m.linked_by, m.linked_at ? full(m.linked_at) : null] })), [1, 2])));
  }
  if (d.adjustments.length) {
    out.push(card("Adjustments", "the latest within the window counts", table(["Event", "Time", "Kind", "New value", "Outcome"],
      d.adjustments.map((a) => ({ class: a.counted ? "" : "dim", cells: [a.event_id, full(a.event_time), a.kind, a.value ? exact(a.value) : null, a.counted ? "counted" : a.why] })), [1, 2, 4])));
  }
  const body = d.revisions.length ? table(["At", "Cause", "Model", "Touch", "Credit", "Value"], d.revisions.map((r) => ({
    cells: [full(r.at), r.cause.replace("_", " "), models[r.model] || r.model, r.touch_event_id || "unattributed", signed(r.delta_ppm / 1e6), signedMoney(r.delta)],
  })), [1, 2, 3]) : el("p", { class: "note" }, "Nothing yet: the first entries are made when the conversion becomes final.");
  out.push(card("Revisions", "every change of a credit since it became final", body));
  return out;
}

const tone = (n) => (n < 0 ? "down" : n > 0 ? "up" : "zero");
const signed = (n) => el("span", { class: tone(n) }, (n > 0 ? "+" : "") + n);
const signedMoney = (m) => el("span", { class: tone(Number(m.amount)) }, (Number(m.amount) > 0 ? "+" : "") + exact(m));

$("raw").href = api;
setText($("crumb"), id);
document.title = id + " · Tributary";
try {
  const { data } = await fetchJSON(api);
  const c = data.conversion;
  setText($("headline"), `${c.conversion_name} of ${money(c.value)}`);
  setText($("subline"), c.touches === 0
    ? `On ${full(c.event_time)}. ${c.verdict === "valid" && c.adjusted !== "retracted" ? "No touch lies within the lookback, so it is unattributed." : "It carries no credit."}`
    : `On ${full(c.event_time)}, after ${c.touches} ${c.touches === 1 ? "touch" : "touches"} that count${c.touches === 1 ? "s" : ""}.`);
  $("content").append(facts(c), touches(data), ...[credit(data)].flat(), ...history(data));
} catch (err) {
  setText($("headline"), err.status === 404 ? "There is no such conversion" : "No answer");
  setText($("subline"), err.message);
}
