// The time series: two lines on one money axis, the watermark, and what is not
// complete yet drawn apart. Keyboard: arrows move the readout.
import { svg, setText, money, hm, full } from "/page/common.js";

let picked = null; // index under the pointer or the keyboard
let redraw = () => {};
let last = 0;

export function drawChart(box, readout, points, meta, currency) {
  last = points.length;
  redraw = () => draw(box, readout, points, meta, currency);
  if (!box.dataset.ready) {
    box.dataset.ready = "1";
    const pick = (e) => {
      const r = box.getBoundingClientRect();
      picked = indexAt((e.clientX - r.left), r.width);
      redraw();
    };
    box.addEventListener("pointermove", pick);
    box.addEventListener("pointerleave", () => { picked = null; redraw(); });
    box.addEventListener("blur", () => { picked = null; redraw(); });
    box.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[e.key];
      if (!step) return;
      e.preventDefault();
      picked = Math.max(0, Math.min(last - 1, (picked ?? last) + step));
      redraw();
    });
  }
  redraw();
}

const pad = { left: 56, right: 8, top: 12, bottom: 24 };
function indexAt(x, width) {
  if (last < 2) return 0;
  return Math.max(0, Math.min(last - 1, Math.round(((x - pad.left) / (width - pad.left - pad.right)) * (last - 1))));
}

// niceTop is a round number at or above v that four steps divide well.
function niceTop(v) {
  if (v <= 0) return 4;
  const unit = 10 ** Math.floor(Math.log10(v));
  for (const m of [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10]) if (m * unit >= v) return m * unit;
  return 10 * unit;
}

function draw(box, readout, points, meta, currency) {
  const w = box.clientWidth, h = box.clientHeight;
  if (w < 120 || h < 80) return; // not laid out yet
  const root = svg("svg", { viewBox: `0 0 ${w} ${h}`, "aria-hidden": "true" });
  const n = points.length;
  if (n < 2) {
    root.append(svg("text", { x: w / 2, y: h / 2, "text-anchor": "middle", class: "empty" }, "Nothing in this range yet"));
    box.replaceChildren(root);
    setText(readout, "");
    return;
  }
  const revenue = points.map((p) => Number(p.credited_value.amount));
  const spend = points.map((p) => Number(p.spend.amount));
  const top = niceTop(Math.max(...revenue, ...spend));
  const x = (i) => pad.left + ((w - pad.left - pad.right) * i) / (n - 1);
  const y = (v) => h - pad.bottom - ((h - pad.top - pad.bottom) * v) / top;

  // points whose end the watermark has not reached are open
  const mark = meta.watermark ? Date.parse(meta.watermark) : -Infinity;
  let open = points.findIndex((p) => Date.parse(p.end) - 1 > mark);
  if (open < 0) open = n;
  if (open < n) root.append(svg("rect", { class: "open", x: x(Math.max(0, open - 0.5)), y: pad.top, width: w - pad.right - x(Math.max(0, open - 0.5)), height: h - pad.top - pad.bottom }));

  const digits = top < 4 ? 2 : 0;
  for (let k = 0; k <= 4; k++) {
    const v = (top * k) / 4, yy = Math.round(y(v)) + 0.5;
    root.append(svg("line", { class: "axis", x1: pad.left, x2: w - pad.right, y1: yy, y2: yy }));
    root.append(svg("text", { x: pad.left - 8, y: yy + 4, "text-anchor": "end" }, money({ amount: v, currency }, digits || v % 1 === 0 ? digits : 1)));
  }
  const every = Math.ceil(n / Math.max(2, Math.floor((w - pad.left) / 90)));
  for (let i = 0; i < n; i += every) {
    if (x(i) > w - 28) break;
    root.append(svg("text", { x: x(i), y: h - 6, "text-anchor": "middle" }, hm(points[i].start)));
  }
  const path = (values, from, to) => values.slice(from, to).map((v, i) => `${i ? "L" : "M"}${x(from + i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  if (open > 1) root.append(svg("path", { class: "area", d: path(revenue, 0, open) + `L${x(open - 1)} ${y(0)}L${x(0)} ${y(0)}Z` }));
  for (const [cls, values] of [["spend", spend], ["revenue", revenue]]) {
    if (open > 0) root.append(svg("path", { class: "line " + cls, d: path(values, 0, open) }));
    if (open < n) root.append(svg("path", { class: "line still " + cls, d: path(values, Math.max(0, open - 1), n) }));
  }
  if (open > 0 && open < n) {
    const first = Date.parse(points[open].start), wide = Date.parse(points[open].end) - first;
    const at = x(open - 0.5 + Math.max(0, Math.min(1, (mark - first) / wide)));
    root.append(svg("line", { class: "mark", x1: at, x2: at, y1: pad.top - 4, y2: h - pad.bottom }));
    root.append(svg("text", { x: at - 6, y: pad.top + 4, "text-anchor": "end", class: "halo" }, "complete to " + hm(meta.watermark)));
  }
  if (picked !== null && picked < n) root.append(svg("line", { class: "cursor", x1: x(picked), x2: x(picked), y1: pad.top, y2: h - pad.bottom }));
  box.replaceChildren(root);

  const sum = (a) => a.reduce((s, v) => s + v, 0);
  const summary = `Revenue ${money({ amount: sum(revenue), currency })} and spend ${money({ amount: sum(spend), currency })} between ${full(points[0].start)} and ${full(points[n - 1].end)}`;
  box.setAttribute("aria-label", summary + ". Arrow keys read single points.");
  if (picked !== null && picked < n) {
    const p = points[picked];
    setText(readout, `${hm(p.start)}–${hm(p.end)}  revenue ${money(p.credited_value)}  spend ${money(p.spend)}  clicks ${p.clicks}  conversions ${p.conversions ?? "–"}  ${p.status}`);
  } else setText(readout, "Point at the chart, or focus it and use the arrow keys, to read single points.");
}
