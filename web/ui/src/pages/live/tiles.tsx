// Six figures, each with its change and its last hour.
import type { Figures, Point } from "../../api/types";
import { change as ratioOf, micros, share } from "../../format/decimal";
import { count, decimal, exactMoney, money, percent, ratio, signedPercent } from "../../format/format";
import { Mark } from "../../parts/marks";
import { amount } from "../../parts/money";
import { Spark } from "../../parts/spark";
import { COMPARES, type View } from "../../view/view";

interface Tile {
  name: string;
  title: string;
  text: string;
  exact: string;
  change: string | null | undefined;
  good: "up" | "down" | "";
  spark: (number | null)[];
  tone: "accent" | "slate";
}

const ROLL = 10; // points over which a ratio of single minutes is smoothed
const LEAST = 5; // fewer would show the chance of a minute as a peak

function rolling(points: Point[], over: (p: Point) => bigint, under: (p: Point) => bigint): (number | null)[] {
  return points.map((_, i) => {
    if (i + 1 < LEAST && points.length > ROLL) return null;
    let a = 0n;
    let b = 0n;
    for (const p of points.slice(Math.max(0, i - ROLL + 1), i + 1)) {
      a += over(p);
      b += under(p);
    }
    return b === 0n ? null : share(a, b);
  });
}

export function Tiles({ f, points, view, lacking }: { f: Figures; points: Point[]; view: View; lacking: string }) {
  const value = (p: Point) => amount(p.credited_value) ?? 0n;
  const spend = (p: Point) => amount(p.spend) ?? 0n;
  const conversions = (p: Point) => (p.credited_conversions ? micros(p.credited_conversions) : 0n);
  const invalid = (p: Point) => BigInt(p.givt_impressions + p.sivt_impressions + p.givt_clicks + p.sivt_clicks);
  const tail = COMPARES.find((c) => c.id === view.compare)!.tail;
  const openAt = points.findIndex((p) => p.open ?? p.status === "provisional");
  const openFrom = openAt < 0 ? points.length : openAt;
  const tiles: Tile[] = [
    { name: "Spend", title: view.traffic === "net" ? "What valid traffic cost" : "What all traffic cost", text: money(f.spend), exact: exactMoney(f.spend), change: f.change?.spend, good: "", spark: points.map((p) => share(spend(p), 1_000_000n)), tone: "slate" },
    { name: "Attributed revenue", title: "Value of net conversions, as far as it is credited to touches", text: money(f.credited_value), exact: exactMoney(f.credited_value), change: f.change?.credited_value, good: "up", spark: points.map((p) => share(value(p), 1_000_000n)), tone: "accent" },
    { name: "ROAS", title: "Attributed revenue for each unit of spend", text: ratio(f.roas), exact: f.roas ?? "none without spend", change: f.change?.roas, good: "up", spark: rolling(points, value, spend), tone: "accent" },
    { name: "Conversions", title: "Net conversions, retracted ones left out of credit", text: f.conversions === null ? decimal(f.credited_conversions, 1) : count(f.conversions), exact: f.conversions === null ? `${f.credited_conversions} credited` : `${f.conversions}, of which ${f.unattributed_conversions ?? 0} without touches`, change: f.change?.conversions ?? f.change?.credited_conversions, good: "up", spark: points.map((p) => p.conversions ?? Number(p.credited_conversions ?? 0)), tone: "accent" },
    { name: "CPA", title: "Spend for each credited conversion", text: money(f.cpa), exact: exactMoney(f.cpa), change: f.change?.cpa, good: "down", spark: rolling(points, spend, conversions), tone: "slate" },
    { name: "Invalid traffic", title: "Impressions and clicks that are not counted, of all", text: percent(f.invalid_rate, 2), exact: f.invalid_rate ?? "none", change: f.change?.invalid_rate, good: "down", spark: rolling(points, invalid, (p) => BigInt(p.impressions + p.clicks) + (view.traffic === "net" ? invalid(p) : 0n)), tone: "slate" },
  ];
  return (
    <section className="tiles" aria-label="Key figures" data-testid="tiles">
      {tiles.map((t) => (
        <div className="tile" key={t.name} title={`${t.title}: ${t.exact}`}>
          <div className="name">
            {t.name}
            <Mark status={f.status} />
          </div>
          <div className="fig" data-figure={t.name} data-exact={t.exact}>
            {t.text}
          </div>
          <Delta change={t.change} good={t.good} tail={tail} lacking={lacking} />
          <Spark values={t.spark} openFrom={openFrom} tone={t.tone} label={`${t.name}, last hour by minute`} />
        </div>
      ))}
    </section>
  );
}

function Delta({ change, good, tail, lacking }: { change: string | null | undefined; good: "up" | "down" | ""; tail: string; lacking: string }) {
  if (!tail) return <div className="delta" />;
  if (lacking) return <div className="delta" title="The data begin later than the range compared with: a change would mislead">{lacking}</div>;
  if (change === null || change === undefined) return <div className="delta">no figure {tail.replace("vs ", "")}</div>;
  const n = ratioOf(micros(change) + 1_000_000n, 1_000_000n) ?? 0;
  const flat = Math.abs(n) < 0.0005;
  const tone = flat || good === "" ? "" : n > 0 === (good === "up") ? "good" : "bad";
  return (
    <div className="delta">
      <b className={tone}>
        <span aria-hidden="true">{flat ? "" : n > 0 ? "▲ " : "▼ "}</span>
        {signedPercent(n)}
      </b>{" "}
      {tail}
    </div>
  );
}

export function TileBones() {
  return (
    <section className="tiles" role="status" aria-label="Loading key figures">
      {Array.from({ length: 6 }, (_, i) => (
        <div className="tile" key={i}>
          <span className="bone" style={{ width: "46%", height: 10, margin: "4px 0 11px" }} />
          <span className="bone" style={{ width: "70%", height: 20 }} />
          <span className="bone" style={{ width: "58%", height: 8, margin: "12px 0 14px" }} />
          <span className="bone" style={{ width: "100%", height: 14 }} />
        </div>
      ))}
    </section>
  );
}
