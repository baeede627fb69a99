// Time series on uPlot. What the watermark has not passed is dotted, and a line
// marks where it stands. The chart takes the focus: arrow keys move the cursor,
// which is read out, and a table holds the same figures.
import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type KeyboardEvent } from "react";
import uPlot from "uplot";
import { clock, day, shortClock, stamp } from "../format/time";

export interface Line {
  name: string;
  tone: "accent" | "slate" | "ghost";
  kind: "bars" | "line";
  values: (number | null)[]; // for places on the screen
  texts: string[]; // what is said, exact
  dotted?: boolean; // all of it, such as a comparison
}

interface Props {
  label: string;
  starts: number[]; // ms
  step: number; // ms
  lines: Line[];
  openFrom: number; // index of the first point that may still change
  watermark: number | null; // ms
  zone: string;
  axis: (n: number) => string;
  height?: number; // without it: what room there is
}

const TONES = { accent: "--accent-line", slate: "--slate", ghost: "--ghost" } as const;

// The theme in force, as a value that changes when colours do.
function themeKey(): string {
  return `${document.documentElement.dataset["theme"] ?? ""}${matchMedia("(prefers-color-scheme: dark)").matches}`;
}
function onTheme(fn: () => void): () => void {
  const seen = new MutationObserver(fn);
  seen.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", fn);
  return () => {
    seen.disconnect();
    media.removeEventListener("change", fn);
  };
}

function colors(host: HTMLElement): (name: string) => string {
  const probe = document.createElement("i");
  host.append(probe);
  const found = new Map<string, string>();
  for (const name of ["--accent-line", "--slate", "--ghost", "--rule", "--ink-3", "--ink-2", "--amber-line", "--accent-soft", "--sheet"]) {
    probe.style.color = `var(${name})`;
    found.set(name, getComputedStyle(probe).color);
  }
  probe.remove();
  return (name) => found.get(name) ?? "#888";
}

export function TimeChart(p: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const props = useRef(p);
  props.current = p;
  const [at, setAt] = useState<number | null>(null);
  const theme = useSyncExternalStore(onTheme, themeKey);
  const wide = p.step >= 86_400_000;
  const shape = p.lines.map((l) => `${l.name}|${l.tone}|${l.kind}|${l.dotted ?? false}`).join(";");

  const data = useMemo((): uPlot.AlignedData => {
    const xs = p.starts.map((t) => (t + p.step / 2) / 1000);
    const out: (number | null)[][] = [];
    for (const l of p.lines) {
      out.push(l.values.map((v, i) => (i < p.openFrom || l.dotted ? v : null)));
      // The open line begins at the last closed point, so that they join.
      out.push(l.dotted ? l.values.map(() => null) : l.values.map((v, i) => (i >= p.openFrom - (l.kind === "line" ? 1 : 0) ? v : null)));
    }
    return [xs, ...out] as uPlot.AlignedData;
  }, [p.starts, p.lines, p.openFrom, p.step]);

  useEffect(() => {
    const el = host.current!;
    const color = colors(el);
    const font = `11px ${getComputedStyle(el).fontFamily}`;
    const zone = p.zone;
    const series: uPlot.Series[] = [{}];
    for (const l of p.lines) {
      const c = color(TONES[l.tone]);
      const bars = l.kind === "bars" ? { paths: uPlot.paths.bars!({ size: [0.72, 26], radius: 0 }), points: { show: false } } : { points: { show: false }, paths: uPlot.paths.linear!() };
      series.push({ ...bars, stroke: c, fill: l.kind === "bars" ? c : undefined, width: l.kind === "bars" ? 0 : l.dotted ? 1.1 : 1.6, dash: l.dotted ? [2, 3] : undefined, spanGaps: false });
      series.push({ ...bars, stroke: c, fill: l.kind === "bars" ? color("--accent-soft") : undefined, width: l.kind === "bars" ? 1 : 1.6, dash: [2, 2.5], spanGaps: false });
    }
    const grid = { stroke: color("--rule"), width: 1 };
    const u = new uPlot(
      {
        width: el.clientWidth,
        height: p.height ?? el.clientHeight,
        padding: [22, 22, 0, 0],
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), zone),
        legend: { show: false },
        scales: {
          x: { range: () => [(props.current.starts[0] ?? 0) / 1000, ((props.current.starts.at(-1) ?? 0) + props.current.step) / 1000] },
          y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.08 : 1] },
        },
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
        series,
        axes: [
          { stroke: color("--ink-3"), font, grid: { show: false }, ticks: { stroke: color("--rule"), size: 4, width: 1 }, size: 26, gap: 4, space: 68, values: (_u, splits) => splits.map((s) => axisTime(s * 1000, zone, wide, splits)) },
          { stroke: color("--ink-3"), font, grid, ticks: { show: false }, size: 52, gap: 6, space: 34, values: (_u, splits) => splits.map((n) => props.current.axis(n)) },
        ],
        hooks: {
          setCursor: [(x) => setAt(x.cursor.idx ?? null)],
          draw: [
            (x) => {
              const w = props.current.watermark;
              if (w === null) return;
              const left = x.valToPos(w / 1000, "x", true);
              const { left: l0, width, top, height } = x.bbox;
              if (left < l0 || left > l0 + width) return;
              const ctx = x.ctx;
              const dpr = devicePixelRatio;
              ctx.save();
              ctx.strokeStyle = color("--ink-3");
              ctx.lineWidth = dpr;
              ctx.setLineDash([dpr, 2 * dpr]);
              ctx.beginPath();
              ctx.moveTo(left, top - 6 * dpr);
              ctx.lineTo(left, top + height);
              ctx.stroke();
              ctx.fillStyle = color("--ink-3");
              ctx.beginPath();
              ctx.moveTo(left - 3.5 * dpr, top - 8 * dpr);
              ctx.lineTo(left + 3.5 * dpr, top - 8 * dpr);
              ctx.lineTo(left, top - 3 * dpr);
              ctx.fill();
              ctx.restore();
            },
          ],
        },
      },
      data,
      el,
    );
    plot.current = u;
    const seen = new ResizeObserver(() => u.setSize({ width: el.clientWidth, height: props.current.height ?? el.clientHeight }));
    seen.observe(el);
    return () => {
      seen.disconnect();
      u.destroy();
      plot.current = null;
    };
    // Data and watermark reach the plot below; these make another plot.
  }, [theme, shape, p.zone, p.height, wide]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [data, p.watermark]);

  const move = (i: number) => {
    const u = plot.current;
    if (!u || p.starts.length === 0) return;
    const to = Math.max(0, Math.min(p.starts.length - 1, i));
    u.setCursor({ left: u.valToPos(u.data[0][to]!, "x"), top: 10 });
    setAt(to);
  };
  const key = (e: KeyboardEvent) => {
    const here = at ?? p.starts.length;
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: p.starts.length - 1, PageUp: here - 10, PageDown: here + 10 }[e.key];
    if (e.key === "Escape") {
      plot.current?.setCursor({ left: -10, top: -10 });
      setAt(null);
    } else if (to !== undefined) {
      e.preventDefault();
      move(to);
    }
  };
  const say = (i: number) => (wide ? day(p.starts[i]!, p.zone) : p.step >= 3_600_000 ? stamp(p.starts[i]!, p.zone).replace(/:\d\d$/, "") : shortClock(p.starts[i]!, p.zone));

  return (
    <div className="chart" style={p.height ? { height: p.height, flex: "none" } : undefined} tabIndex={0} role="application" aria-roledescription="chart" aria-label={`${p.label}. Arrow keys move through the points.`} onKeyDown={key}>
      <div ref={host} style={{ position: "absolute", inset: 0 }} aria-hidden="true" />
      <div className="readout" aria-live="polite">
        {at !== null && at < p.starts.length ? (
          <>
            <b>{say(at)}</b>
            {p.lines.map((l) => (
              <span key={l.name}>
                {l.name} <b>{l.texts[at] ?? "–"}</b>
              </span>
            ))}
            {at >= p.openFrom && <span className="dotted">still filling</span>}
          </>
        ) : (
          <>
            {p.lines.map((l) => (
              <span key={l.name} className="marked">
                <LineKey line={l} />
                {l.name}
              </span>
            ))}
            {p.watermark !== null && <span className="dotted marked">▾ complete to {clock(p.watermark, p.zone)}, then dotted</span>}
          </>
        )}
      </div>
      <div className="sr">
        <table>
          <caption>{p.label}</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {p.lines.map((l) => (
                <th key={l.name} scope="col">
                  {l.name}
                </th>
              ))}
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {p.starts.map((t, i) => (
              <tr key={t}>
                <th scope="row">{say(i)}</th>
                {p.lines.map((l) => (
                  <td key={l.name}>{l.texts[i]}</td>
                ))}
                <td>{i >= p.openFrom ? "provisional" : "complete"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function LineKey({ line }: { line: Line }) {
  const c = `var(${TONES[line.tone]})`;
  return (
    <svg className="key" viewBox="0 0 14 9" aria-hidden="true">
      {line.kind === "bars" ? <path d="M2 9V3h3v6M7 9V0h3v9" style={{ fill: c }} /> : <path d="M0 4.5h14" style={{ stroke: c, strokeWidth: 2, strokeDasharray: line.dotted ? "2 2" : undefined }} />}
    </svg>
  );
}

function axisTime(t: number, zone: string, wide: boolean, splits: number[]): string {
  const step = splits.length > 1 ? (splits[1]! - splits[0]!) * 1000 : 0;
  if (wide || step >= 86_400_000) return day(t, zone);
  const s = shortClock(t, zone);
  return s === "00:00" && step >= 3_600_000 ? day(t, zone) : s;
}
