// Models side by side, how far they disagree, and the ways that lead to a
// conversion: paths, their length and the time they take.
import "./attribution.css";
import { useMemo } from "react";
import type { components } from "../api/schema";
import { followCredit, pickCurrency, useOverview } from "../api/queries";
import type { Answer, Figures, Money } from "../api/types";
import { micros, share } from "../format/decimal";
import { count, decimal, exactMoney, modelName, money, percent, signedMoney, signedPercent } from "../format/format";
import { span } from "../format/time";
import { useFollowed } from "../live/store";
import { Mark } from "../parts/marks";
import { Segments } from "../parts/menu";
import { amount, minus, total } from "../parts/money";
import { Facts, PageHead, Sheet } from "../parts/page";
import { collapse, sankey } from "../parts/sankey";
import { Empty, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { MODELS, params, rangeName, useParam, useView } from "../view/view";

type Paths = components["schemas"]["Paths"];
interface Compared {
  channel?: string;
  campaign_id?: string;
  currency: string;
  unattributed: boolean;
  models: Record<string, { credited_conversions: string; credited_value: Money }>;
  status: components["schemas"]["Status"];
}

const TABS = [
  { id: "models", name: "Models" },
  { id: "paths", name: "Paths" },
  { id: "lag", name: "Time and length" },
] as const;

export default function Attribution() {
  const { view } = useView();
  const [tab, setTab] = useParam("tab", "models");
  const [group, setGroup] = useParam("group", "channel");
  const overview = useOverview(view);
  const currency = pickCurrency(overview.data?.data, view.currency);
  return (
    <div className="page">
      <PageHead
        title="Attribution"
        say={{ models: `What each model would credit, and how far it is from last touch. ${rangeName(view)}.`, paths: `The ways that led to conversions. ${rangeName(view)}.`, lag: `How long it takes from the first touch to the conversion, and over how many touches. ${rangeName(view)}.` }[tab]}
        tools={
          <>
            {tab !== "lag" && <Segments label="Group by" items={[{ id: "channel", name: "Channels" }, { id: "campaign", name: "Campaigns" }]} value={group} onPick={setGroup} />}
            <Segments label="Part" items={TABS} value={tab as "models"} onPick={setTab} />
          </>
        }
      />
      {tab === "models" ? <Models group={group} currency={currency} /> : <Ways group={tab === "lag" ? "channel" : group} currency={currency} lag={tab === "lag"} />}
    </div>
  );
}

function Models({ group, currency }: { group: string; currency: string }) {
  const { view } = useView();
  const query = useFollowed<Answer<Compared[]>, Answer<Figures[]>>("/v1/attribution/compare", { ...params(view, ["range", "timezone", "basis", "campaign", "channel"]), group_by: group }, followCredit(view));
  const rows = useMemo(() => (query.data?.data ?? []).filter((r) => r.currency === currency), [query.data, currency]);
  const nameOf = (r: Compared) => (r.unattributed ? "(unattributed)" : (r.channel ?? r.campaign_id ?? "") || "(none)");
  const columns = useMemo((): Column<Compared>[] => {
    // One scale for all models but participation, which credits values again and again.
    const most = rows.reduce((n, r) => MODELS.reduce((n, m) => { const x = m === "participation" ? 0n : micros(r.models[m]?.credited_value.amount ?? "0"); return x > n ? x : n; }, n), 0n);
    return [
      { id: group, name: group === "channel" ? "Channel" : "Campaign", value: nameOf, cell: (r) => <span className="marked"><Mark status={r.status} /><span className={r.unattributed ? "muted" : undefined}>{nameOf(r)}</span></span> },
      ...MODELS.map((m): Column<Compared> => ({
        id: m,
        name: modelName(m),
        title: m === "participation" ? "Sums to more than the value" : undefined,
        num: true,
        value: (r) => amount(r.models[m]?.credited_value),
        csv: (r) => r.models[m]?.credited_value.amount,
        cell: (r) => {
          const v = r.models[m];
          const n = v ? micros(v.credited_value.amount) : 0n;
          const text = <span title={v ? `${exactMoney(v.credited_value)}, ${v.credited_conversions} conversions` : undefined} className={v && micros(v.credited_value.amount) === 0n ? "muted" : undefined}>{money(v?.credited_value)}</span>;
          return <span className={`under${m === view.model ? " on" : ""}`}>{text}<i style={{ width: m === "participation" ? 0 : `${(100 * share(n, most)).toFixed(1)}%` }} aria-hidden="true" /></span>;
        },
        foot: <>{money(total(rows.map((r) => r.models[m]?.credited_value), currency))}{m === "participation" && <span className="warn beside" title="Sums to more than the value">*</span>}</>,
      })),
    ];
  }, [group, rows, currency, view.model]);
  return (
    <Loaded query={query} what="the models" rows={12}>
      {() =>
        rows.length === 0 ? (
          <section className="sheet"><Empty title="No credit in this range"><p>There is no net conversion here, or the filters leave none.</p></Empty></section>
        ) : (
          <>
            <TableSheet title="Models side by side" note={`credited value, ${currency}`} columns={columns} rows={rows} rowKey={nameOf} sort={{ id: view.model, desc: true }} csvName="models" height="max(100dvh - 480px, 420px)" />
            <Disagreement rows={rows.filter((r) => !r.unattributed)} all={total(rows.map((r) => r.models["last_touch"]?.credited_value), currency)} group={group} model={view.model} currency={currency} nameOf={nameOf} />
          </>
        )
      }
    </Loaded>
  );
}

/** Who gains and who loses against last touch. */
function Disagreement({ rows, all, group, model, currency, nameOf }: { rows: Compared[]; all: Money; group: string; model: string; currency: string; nameOf: (r: Compared) => string }) {
  const other = model === "last_touch" ? "linear" : model;
  const [to, setTo] = useParam("against", other);
  const zero = { amount: "0.00", currency };
  const d = (r: Compared) => minus(r.models[to]?.credited_value ?? zero, r.models["last_touch"]?.credited_value ?? zero);
  const moved = rows.reduce((n, r) => { const x = amount(d(r)) ?? 0n; return x > 0n ? n + x : n; }, 0n);
  const most = rows.reduce((n, r) => { const x = amount(d(r)) ?? 0n; const a = x < 0n ? -x : x; return a > n ? a : n; }, 0n);
  const columns = useMemo((): Column<Compared>[] => [
    { id: "name", name: group === "channel" ? "Channel" : "Campaign", value: nameOf, cell: (r) => <span className={r.unattributed ? "muted" : undefined}>{nameOf(r)}</span> },
    { id: "last_touch", name: "Last touch", num: true, value: (r) => amount(r.models["last_touch"]?.credited_value), csv: (r) => r.models["last_touch"]?.credited_value.amount, cell: (r) => money(r.models["last_touch"]?.credited_value) },
    { id: "other", name: modelName(to), num: true, value: (r) => amount(r.models[to]?.credited_value), csv: (r) => r.models[to]?.credited_value.amount, cell: (r) => money(r.models[to]?.credited_value) },
    { id: "difference", name: "Difference", num: true, value: (r) => amount(d(r)), csv: (r) => d(r)?.amount, cell: (r) => { const x = d(r); return <span title={exactMoney(x)} className={x && micros(x.amount) > 0n ? "good" : undefined}>{!x ? "–" : micros(x.amount) === 0n ? "=" : signedMoney(x)}</span>; } },
    { id: "bar", name: "Bar", unnamed: true, plain: true, value: () => undefined, cell: (r) => { const x = amount(d(r)) ?? 0n; const w = `${(100 * share(x < 0n ? -x : x, most)).toFixed(1)}%`; return <span className="diff" aria-hidden="true"><i className={x < 0n ? "neg" : "pos"} style={{ width: w }} /></span>; } },
    { id: "share", name: "Change", title: "Difference as a share of the credit by last touch", num: true, value: (r) => { const b = amount(r.models["last_touch"]?.credited_value) ?? 0n; return b === 0n ? undefined : ((amount(d(r)) ?? 0n) * 10000n) / b; }, cell: (r) => { const b = amount(r.models["last_touch"]?.credited_value) ?? 0n; return b === 0n ? "–" : signedPercent(share(amount(d(r)) ?? 0n, b)); } },
  ], [to, rows, most, currency, group]);
  return (
    <TableSheet
      title={`${modelName(to)} against last touch`}
      note={moved > 0n && micros(all.amount) > 0n ? `${percent(share(moved, micros(all.amount)), 1)} of the credit moves` : "they agree"}
      tools={
        <select className="field" aria-label="Model to compare with last touch" value={to} onChange={(e) => setTo(e.target.value)}>
          {MODELS.filter((m) => m !== "last_touch" && m !== "participation").map((m) => (
            <option key={m} value={m}>{modelName(m)}</option>
          ))}
        </select>
      }
      columns={columns}
      rows={rows}
      rowKey={nameOf}
      sort={{ id: "difference", desc: true }}
      csvName="disagreement"
      height={340}
    />
  );
}

const SHOWN_PATHS = 500;

function Ways({ group, currency, lag }: { group: string; currency: string; lag: boolean }) {
  const { view } = useView();
  const query = useFollowed<Paths, Answer<Figures[]>>("/v1/paths", { ...params(view, ["range", "timezone"]), ...(currency ? { currency } : {}), model: view.model, group_by: group, limit: String(SHOWN_PATHS) }, followCredit(view));
  return (
    <Loaded query={query} what="the paths" rows={12}>
      {(p) => {
        const data = p.data.filter((x) => x.currency === currency);
        const t = p.totals?.find((x) => x.currency === currency);
        if (data.length === 0) return <section className="sheet"><Empty title="No conversion in this range"><p>Paths end at net conversions; there is none here.</p></Empty></section>;
        return (
          <>
            {t && (
              <section className="sheet" aria-label="Paths in figures">
                <div className="pad" style={{ paddingTop: 12 }}>
                  <Facts items={[["Conversions", count(t.conversions)], ["Without touches", <>{count(t.unattributed)} <small>{percent(t.unattributed / Math.max(1, t.conversions), 0)}</small></>], ["Value", money(t.value), exactMoney(t.value)], ["Different paths", count(t.paths)], ["Median length", t.median_touches === null ? "–" : <>{count(t.median_touches)} <small>touches</small></>], ["Median time", t.median_lag_ms === null ? "–" : span(t.median_lag_ms)]]} />
                </div>
              </section>
            )}
            {lag ? <LagAndLength p={p} currency={currency} /> : <><Flow data={data} group={group} all={t?.conversions} /><PathTable data={data} /></>}
          </>
        );
      }}
    </Loaded>
  );
}

type Path = Paths["data"][number];

function Flow({ data, group, all }: { data: Path[]; group: string; all: number | undefined }) {
  const columns = 4;
  const height = 290;
  const layout = useMemo(() => sankey(data.filter((p) => p.touches > 0).map((p) => ({ steps: [...collapse(p.path).map((s) => s || "(none)"), "Conversion"], weight: p.conversions })), columns + 1, 7, height, 12), [data]);
  const shown = data.reduce((n, p) => n + (p.touches > 0 ? p.conversions : 0), 0);
  const width = 1200; // units are pixels at the widest, so that the texts stay small
  const bar = 8;
  const bottom = Math.max(0, ...layout.nodes.map((n) => n.y + n.height));
  const x = (c: number) => (c / columns) * (width - 150) + (c === columns ? 60 : 0);
  return (
    <Sheet title="How they came" note={`the last ${columns} different ${group === "channel" ? "channels" : "campaigns"} of ${count(shown)}${all ? ` of ${count(all)}` : ""} conversions; repeats in a row are one step`}>
      <div className="sankey" tabIndex={0} role="group" aria-label="Sankey of paths">
        <svg className="svgchart" viewBox={`0 -20 ${width} ${bottom + 26}`} role="img" aria-label={`Sankey: ${layout.nodes.filter((n) => n.name !== "Conversion").slice(0, 8).map((n) => `${n.name} ${n.weight}`).join(", ")}. The table below has the paths.`}>
          {layout.ribbons.map((r) => {
            const x0 = x(r.from.column) + bar;
            const x1 = x(r.to.column);
            const m = (x0 + x1) / 2;
            return (
              <path key={r.from.key + r.to.key} className="ribbon" d={`M${x0} ${r.y0}C${m} ${r.y0} ${m} ${r.y1} ${x1} ${r.y1}V${r.y1 + r.height}C${m} ${r.y1 + r.height} ${m} ${r.y0 + r.height} ${x0} ${r.y0 + r.height}Z`}>
                <title>{`${r.from.name} to ${r.to.name}: ${count(r.weight)}`}</title>
              </path>
            );
          })}
          {layout.nodes.map((n) => (
            <g key={n.key}>
              <rect className={n.name === "Others" ? "others" : undefined} x={x(n.column)} y={n.y} width={bar} height={n.height}>
                <title>{`${n.name}: ${count(n.weight)} conversions`}</title>
              </rect>
              <text className="halo" x={x(n.column) + bar + 5} y={n.y + Math.min(n.height / 2, 60) + 4}>
                {n.name} <tspan className="faint" style={{ fill: "var(--ink-3)" }}>{count(n.weight)}</tspan>
              </text>
            </g>
          ))}
          {Array.from({ length: columns }, (_, c) => (
            <text key={c} className="faint" x={x(c)} y={-7}>
              {["last touched", "one before", "two before", "three before"][columns - 1 - c]}
            </text>
          ))}
        </svg>
      </div>
    </Sheet>
  );
}

function PathTable({ data }: { data: Path[] }) {
  const columns = useMemo((): Column<Path>[] => [
    { id: "path", name: "Path", value: (p) => p.path.join(" > "), cell: (p) => <PathLine p={p} /> },
    { id: "touches", name: "Touches", num: true, value: (p) => p.touches },
    { id: "conversions", name: "Conversions", num: true, value: (p) => p.conversions, cell: (p) => count(p.conversions) },
    { id: "value", name: "Value", num: true, value: (p) => amount(p.value), csv: (p) => p.value.amount, cell: (p) => <span title={exactMoney(p.value)}>{money(p.value)}</span> },
  ], []);
  return <TableSheet title="Paths" note={data.length >= SHOWN_PATHS ? `the ${SHOWN_PATHS} most frequent` : `${data.length} different`} columns={columns} rows={data} rowKey={(p) => p.path.join("\u0000")} sort={{ id: "conversions", desc: true }} csvName="paths" height={520} />;
}

function PathLine({ p }: { p: Path }) {
  if (p.path.length === 0) return <span className="muted">no touch: unattributed</span>;
  const runs: { name: string; n: number; credit: bigint }[] = [];
  p.path.forEach((name, i) => {
    const credit = micros(p.steps?.[i]?.credited_conversions ?? "0");
    const last = runs.at(-1);
    if (last?.name === name) {
      last.n++;
      last.credit += credit;
    } else runs.push({ name, n: 1, credit });
  });
  const shown = runs.length > 7 ? [...runs.slice(0, 3), null, ...runs.slice(-3)] : runs;
  return (
    <span className="pathline" title={p.path.join(" > ")}>
      {shown.map((r, i) => (
        <span key={i} className="pathline">
          {i > 0 && <span className="arrow" aria-hidden="true">›</span>}
          {r === null ? <span className="muted">{runs.length - 6} more</span> : (
            <span className="step" title={r.credit > 0n ? `${decimal(String(Number(r.credit) / 1e6), 3)} conversions credited` : undefined}>
              {r.name || "(none)"}{r.n > 1 && <span className="muted"> ×{r.n}</span>}
            </span>
          )}
        </span>
      ))}
    </span>
  );
}

function LagAndLength({ p, currency }: { p: Paths; currency: string }) {
  const lags = (p.time_lags ?? []).filter((l) => l.currency === currency);
  const lengths = (p.lengths ?? []).filter((l) => l.currency === currency);
  if (!p.time_lags) return <Sheet title="Time and length"><Empty title="This server does not say" small /></Sheet>;
  const long = 12;
  const tail = lengths.filter((l) => l.touches > long);
  const shown = [
    ...lengths.filter((l) => l.touches <= long).map((l) => ({ name: l.touches === 0 ? "none" : count(l.touches), n: l.conversions, value: l.value })),
    ...(tail.length ? [{ name: `${long + 1} and more`, n: tail.reduce((n, l) => n + l.conversions, 0), value: total(tail.map((l) => l.value), currency) }] : []),
  ];
  return (
    <div className="two">
      <Sheet title="Time from the first touch" note="conversions with touches"><Histogram rows={lags.map((l) => ({ name: l.to_ms === null ? `over ${span(l.from_ms)}` : l.from_ms === 0 ? `under ${span(l.to_ms)}` : `${span(l.from_ms)} to ${span(l.to_ms)}`, n: l.conversions, value: l.value }))} head="Time" /></Sheet>
      <Sheet title="Touches before the conversion" note="how long the paths are"><Histogram rows={shown} head="Touches" slate /></Sheet>
    </div>
  );
}

function Histogram({ rows, head, slate = false }: { rows: { name: string; n: number; value: Money }[]; head: string; slate?: boolean }) {
  const most = Math.max(1, ...rows.map((r) => r.n));
  const all = Math.max(1, rows.reduce((n, r) => n + r.n, 0));
  return (
    <div className="pad hist" role="table" aria-label={head}>
      {rows.map((r) => (
        <div key={r.name} role="row" style={{ display: "contents" }}>
          <span role="rowheader" className="soft">{r.name}</span>
          <span role="cell" className="track" aria-label={percent(r.n / all, 1)}>{r.n > 0 && <i className={slate ? "slate" : ""} style={{ width: `${(100 * r.n) / most}%` }} />}</span>
          <span role="cell" className={`num${r.n === 0 ? " muted" : ""}`}>{r.n === 0 ? count(0) : <b>{count(r.n)}</b>}</span>
          <span role="cell" className="num muted">{percent(r.n / all, 1)}</span>
          <span role="cell" className={`num${r.n === 0 ? " muted" : ""}`} title={exactMoney(r.value)}>{r.n === 0 ? "–" : money(r.value)}</span>
        </div>
      ))}
    </div>
  );
}
