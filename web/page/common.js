// What both pages use: building elements without HTML strings (ids and names
// come from outside), and writing numbers.

export function el(tag, attrs = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) {
    if (v === null || v === undefined || v === false) continue;
    if (k === "class") e.className = v;
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

export function svg(tag, attrs = {}, text) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
}

// setText touches the page only where something differs, so that selections
// and screen readers are left alone.
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

export const models = {
  first_touch: "First touch", last_touch: "Last touch", last_non_direct: "Last non-direct", linear: "Linear",
  position_based: "Position", j_shaped: "J-shaped", inverse_j: "Inverse J", time_decay: "Time decay", participation: "Participation",
};

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
export const int = (n) => (n === null || n === undefined ? "–" : whole.format(n));

const formats = new Map();
function moneyFormat(currency, digits) {
  const key = currency + digits;
  if (!formats.has(key)) {
    let f;
    try {
      f = new Intl.NumberFormat("en-US", { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
    } catch {
      f = { format: (n) => currency + " " + n.toFixed(digits) };
    }
    formats.set(key, f);
  }
  return formats.get(key);
}

// money shows an exact amount rounded for reading; `exact` keeps all digits.
export function money(m, digits = 2) {
  return m ? moneyFormat(m.currency, digits).format(Number(m.amount)) : "–";
}
export function compactMoney(m) {
  if (!m) return "–";
  return money(m, Math.abs(Number(m.amount)) >= 100000 ? 0 : 2);
}
export const exact = (m) => (m ? `${m.amount} ${m.currency}` : "");
export const percent = (s, digits = 2) => (s === null || s === undefined ? "–" : (Number(s) * 100).toFixed(digits) + "%");
export const decimal = (s, digits = 2) => (s === null || s === undefined ? "–" : new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(Number(s)));

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const shortClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const hms = (t) => clock.format(new Date(t));
export const hm = (t) => shortClock.format(new Date(t));
export const full = (t) => (t ? dayClock.format(new Date(t)) : "–");
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

export function statusMark(s) {
  return el("span", { class: "status " + s, title: { provisional: "Provisional: the watermark has not passed it yet", final: "Final: the watermark has passed it", restated: "Restated: changed after it was final" }[s] }, s);
}

export async function fetchJSON(url, signal) {
  const r = await fetch(url, { headers: { Accept: "application/json" }, signal });
  const body = await r.json().catch(() => ({}));
  if (!r.ok) throw Object.assign(new Error(body.detail || r.statusText), { status: r.status, problem: body });
  return body;
}

// fillBody writes rows into a tbody, reusing what is there. A cell is a text,
// or {text, class, title, href, node}; the first is the row's header.
export function fillBody(tbody, rows) {
  while (tbody.rows.length > rows.length) tbody.deleteRow(-1);
  rows.forEach((row, i) => {
    const tr = tbody.rows[i] || tbody.insertRow();
    tr.className = row.class || "";
    row.cells.forEach((cell, j) => {
      const c = typeof cell === "object" && cell !== null ? cell : { text: cell };
      let td = tr.cells[j];
      if (!td) {
        td = document.createElement(j === 0 ? "th" : "td");
        if (j === 0) td.scope = "row";
        tr.append(td);
      }
      td.className = c.class || "";
      if (c.title) td.title = c.title; else td.removeAttribute("title");
      if (c.node) {
        if (td.dataset.key !== c.key) { td.replaceChildren(c.node); td.dataset.key = c.key; }
      } else {
        setText(td, c.text);
        delete td.dataset.key;
      }
    });
    while (tr.cells.length > row.cells.length) tr.deleteCell(-1);
  });
}
