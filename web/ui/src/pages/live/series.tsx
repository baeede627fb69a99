// The time series of the view: money by default, other figures on choice.
import { useMemo } from "react";
import type { Answer, Point } from "../../api/types";
import { micros, share } from "../../format/decimal";
import { count, decimal, money, percent, ratio } from "../../format/format";
import { TimeChart, type Line } from "../../parts/chart";
import { Segments } from "../../parts/menu";
import { COMPARES, interval, useParam, type View } from "../../view/view";

const METRICS = [
  { id: "money", name: "Money" },
  { id: "roas", name: "ROAS" },
  { id: "conversions", name: "Conversions" },
  { id: "clicks", name: "Clicks" },
  { id: "invalid", name: "Invalid" },
] as const;
type Metric = (typeof METRICS)[number]["id"];

const place = (d: string | null | undefined): number | null => (d === null || d === undefined ? null : share(micros(d), 1_000_000n));
const STEP = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

export function seriesLines(points: Point[], metric: Metric, view: View): Line[] {
  const line = (name: string, tone: Line["tone"], kind: Line["kind"], value: (p: Point) => number | null, text: (p: Point) => string): Line => ({ name, tone, kind, values: points.map(value), texts: points.map(text) });
  const before = (name: string, value: (p: Point) => number | null, text: (p: Point) => string): Line[] =>
    view.compare !== "none" && points.some((p) => p.previous)
      ? [{ name, tone: "ghost", kind: "line", dotted: true, values: points.map((p) => (p.previous ? value(p.previous) : null)), texts: points.map((p) => (p.previous ? text(p.previous) : "–")) }]
      : [];
  const was = COMPARES.find((c) => c.id === view.compare)!.tail.replace("vs ", "");
  switch (metric) {
    case "money":
      return [
        line("Attributed revenue", "accent", "bars", (p) => place(p.credited_value?.amount), (p) => money(p.credited_value)),
        line("Spend", "slate", "line", (p) => place(p.spend.amount), (p) => money(p.spend)),
        ...before(`Revenue ${was}`, (p) => place(p.credited_value?.amount), (p) => money(p.credited_value)),
      ];
    case "roas":
      return [line("ROAS", "accent", "line", (p) => place(p.roas), (p) => ratio(p.roas)), ...before(`ROAS ${was}`, (p) => place(p.roas), (p) => ratio(p.roas))];
    case "conversions":
      return [
        line("Conversions", "accent", "bars", (p) => p.conversions ?? place(p.credited_conversions), (p) => (p.conversions === null ? decimal(p.credited_conversions) : count(p.conversions))),
        ...before(`Conversions ${was}`, (p) => p.conversions ?? place(p.credited_conversions), (p) => (p.conversions === null ? decimal(p.credited_conversions) : count(p.conversions))),
      ];
    case "clicks":
      return [line("Clicks", "accent", "bars", (p) => p.clicks, (p) => count(p.clicks)), ...before(`Clicks ${was}`, (p) => p.clicks, (p) => count(p.clicks))];
    case "invalid":
      return [line("Invalid share", "slate", "line", (p) => place(p.invalid_rate), (p) => percent(p.invalid_rate, 2)), ...before(`Share ${was}`, (p) => place(p.invalid_rate), (p) => percent(p.invalid_rate, 2))];
  }
}

export function SeriesChart({ answer, view, currency, height, title = "Over time" }: { answer: Answer<Point[]>; view: View; currency: string; height?: number; title?: string }) {
  const [chosen, choose] = useParam("metric", "money");
  const metric = (METRICS.some((m) => m.id === chosen) ? chosen : "money") as Metric;
  const points = useMemo(() => answer.data.filter((p) => p.currency === currency), [answer.data, currency]);
  const lines = useMemo(() => seriesLines(points, metric, view), [points, metric, view]);
  const starts = useMemo(() => points.map((p) => Date.parse(p.start)), [points]);
  const open = points.findIndex((p) => p.open ?? p.status === "provisional");
  const mark = answer.meta.watermark ? Date.parse(answer.meta.watermark) : null;
  const axis = (n: number): string => {
    if (metric === "money") return money({ amount: n.toFixed(n < 10 && n % 1 !== 0 ? 2 : 0), currency }, "compact").replace(/[.,]00(?=\D*$)/, "");
    if (metric === "invalid") return percent(n, n < 0.02 ? 1 : 0);
    return decimal(String(Number(n.toPrecision(3))), 2);
  };
  return (
    <section className="sheet series" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <span className="note">by {interval(view)}</span>
        <span className="tools">
          <Segments label="Figure" items={METRICS} value={metric} onPick={choose} />
        </span>
      </header>
      <TimeChart label={`${METRICS.find((m) => m.id === metric)!.name} by ${interval(view)}`} starts={starts} step={STEP[interval(view)]} lines={lines} openFrom={open < 0 ? points.length : open} watermark={mark} zone={view.timezone} axis={axis} height={height} />
    </section>
  );
}
