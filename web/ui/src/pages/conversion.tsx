// Why this credit: everything that made the figures of one conversion, in the
// order in which it is decided.
import "./conversion.css";
import { useMemo, useState } from "react";
import { Link, useParams } from "wouter";
import type { Explanation } from "../api/types";
import { micros } from "../format/decimal";
import { count, decimal, exactMoney, modelName, money, orNone, percent, reasonName, signedMoney, words } from "../format/format";
import { fullStamp, span, stamp } from "../format/time";
import { usePolled } from "../live/store";
import { Copy } from "../parts/copy";
import { Segments } from "../parts/menu";
import { Mark } from "../parts/marks";
import { amount } from "../parts/money";
import { Facts, PageHead, Sheet, Verdict } from "../parts/page";
import { Empty, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { useView } from "../view/view";

type Candidate = Explanation["candidates"][number];
type ModelCredit = Explanation["models"][number];
type Revision = Explanation["revisions"][number];

export default function ConversionPage() {
  const { view, href } = useView();
  const id = decodeURIComponent(useParams<{ id: string }>().id ?? "");
  const path = `/v1/conversions/${encodeURIComponent(id)}/explain`;
  const query = usePolled<{ data: Explanation }>(path, {}, 5000);
  return (
    <div className="page">
      <PageHead
        crumb={<Link href={href("/conversions")}>Conversions</Link>}
        title={<span className="mono">{id}</span>}
        tools={
          query.data && (
            <>
              <Copy text={() => JSON.stringify(query.data, null, 2)} label="Copy as JSON" />
              <Copy text={`tributary explain ${shell(id)} --server ${location.origin}`} label="Copy as CLI" />
            </>
          )
        }
      />
      <Loaded query={query} what="the conversion" rows={12}>
        {({ data }) => <Why x={data} zone={view.timezone} model={view.model} />}
      </Loaded>
    </div>
  );
}

const shell = (s: string): string => (/^[\w.:-]+$/.test(s) ? s : `'${s.replaceAll("'", "'\\''")}'`);

function Why({ x, zone, model }: { x: Explanation; zone: string; model: string }) {
  const { href } = useView();
  const c = x.conversion;
  const shown = x.models.find((m) => m.model === model) ?? x.models[0];
  return (
    <>
      <section className="sheet" aria-label="The conversion">
        <div className="pad" style={{ paddingTop: 14, display: "grid", gap: 14 }}>
          <p className="why">{sentence(x, shown)}</p>
          <Facts
            items={[
              ["Value", <span className="marked" key="v">{money(c.value, "long")} <Mark status={c.status} /></span>, exactMoney(c.value)],
              ...(c.original_value.amount !== c.value.amount ? ([["As sent", money(c.original_value, "long"), exactMoney(c.original_value)]] as [string, string, string][]) : []),
              ["Name", words(c.conversion_name)],
              ["When", <>{stamp(c.event_time, zone)} <small>{zone}</small></>, fullStamp(c.event_time, zone)],
              ["Verdict", <Verdict key="d" verdict={c.verdict} />],
              ["Status", words(c.status)],
            ]}
          />
          <dl className="kv">
            <dt>Person</dt>
            <dd>
              <Link className="link" href={href("/conversions", { person: c.person })}>
                <code>{c.person}</code>
              </Link>
              {x.members.length > 1 && (
                <>
                  {" "}
                  and, by links,{" "}
                  {x.members.filter((m) => m.person !== c.person).map((m) => (
                    <span key={m.person} title={m.linked_at ? `linked by ${m.linked_by} at ${fullStamp(m.linked_at, zone)}` : "the user itself"}>
                      <code>{m.person}</code>{" "}
                    </span>
                  ))}
                </>
              )}
            </dd>
            <dt>Order</dt>
            <dd>
              <code>{c.order_id || "none"}</code>
            </dd>
            <dt>Lookback</dt>
            <dd>
              clicks {x.lookback.click}, impressions {x.lookback.impression}, visits {x.lookback.visit}; at most {x.max_touches} touches
            </dd>
          </dl>
        </div>
      </section>

      {x.candidates.length > 0 && <Rail x={x} zone={zone} />}
      <Touches rows={x.candidates} counted={x.counted} rejected={x.rejected} at={c.event_time} zone={zone} />
      {x.models.length > 0 && <Matrix x={x} model={model} />}
      {shown && <Arithmetic m={shown} rounding={x.rounding} />}
      {x.adjustments.length > 0 && <Adjustments x={x} zone={zone} />}
      <Revisions rows={x.revisions} zone={zone} status={c.status} />
    </>
  );
}

/** The answer in one breath. */
function sentence(x: Explanation, m: ModelCredit | undefined): string {
  const c = x.conversion;
  const late = c.status === "provisional" ? " The watermark has not passed it yet, so this may still change." : c.status === "restated" ? " It was restated after it had been final." : "";
  if (c.verdict === "duplicate") return `This repeats an order that was counted already: it carries no credit and no value.${late}`;
  if (c.verdict === "givt" || c.verdict === "sivt") return `This conversion is invalid traffic: it carries no credit and no value.${late}`;
  if (c.adjusted === "retracted") return `This conversion was retracted: it has no value and no credit any more.${late}`;
  const dropped = c.touches_dropped > 0 ? ` ${count(c.touches_dropped)} more were left out, because only the first and the latest ${x.max_touches - 1} stay.` : "";
  if (x.counted === 0) return `Nothing that this person did within the lookback counts as a touch, so the whole ${money(c.value)} is unattributed.${x.rejected ? ` ${x.rejected} were looked at and rejected.` : ""}${late}`;
  const touches = `${count(x.counted)} ${x.counted === 1 ? "touch counts" : "touches count"}${x.rejected ? `, ${count(x.rejected)} ${x.rejected === 1 ? "was" : "were"} looked at and rejected` : ""}.${dropped}`;
  const top = m?.shares.reduce((a, b) => (b.credit_ppm >= a.credit_ppm ? b : a));
  const t = x.candidates.find((k) => k.counted && k.position === top?.position);
  const name = t ? `${t.type} of ${t.campaign_id || t.channel || "no campaign"}` : "touch";
  return `${touches} ${m ? `By ${modelName(m.model).toLowerCase()}, ${top && top.credit_ppm === 1_000_000 ? "the whole" : percent((top?.credit_ppm ?? 0) / 1e6, 1) + " of the"} ${money(c.value)} goes to touch ${top?.position}, the ${name}.` : ""}${late}`;
}

/** Touches on the line of time, ending with the conversion. */
function Rail({ x, zone }: { x: Explanation; zone: string }) {
  const end = Date.parse(x.conversion.event_time);
  const start = Math.min(...x.candidates.map((c) => Date.parse(c.event_time)));
  const width = Math.max(1, end - start);
  // The root of the age: what happened just before stays apart, a month still fits.
  const place = (t: number) => 8 + 976 * (1 - Math.sqrt(Math.max(0, end - t) / width));
  return (
    <Sheet title="On the line of time" note={`${span(width)} from the first touch looked at to the conversion`}>
      <div className="rail">
        <svg viewBox="0 0 1000 64" preserveAspectRatio="none" role="img" aria-label={`${x.counted} counted and ${x.rejected} rejected touches between ${fullStamp(start, zone)} and ${fullStamp(end, zone)}`}>
          <path d="M0 34H1000" style={{ stroke: "var(--rule-2)" }} vectorEffect="non-scaling-stroke" />
          {[0.5, 0.75].map((f) => <path key={f} d={`M${8 + 976 * f} 31v6`} style={{ stroke: "var(--rule-2)" }} vectorEffect="non-scaling-stroke" />)}
          {x.candidates.map((c) => {
            const px = place(Date.parse(c.event_time));
            const tall = c.type === "click" ? 20 : 11;
            return (
              <path key={c.event_id + c.event_time} d={c.counted ? `M${px} 34v-${tall}` : `M${px} 34v${tall}`} vectorEffect="non-scaling-stroke" style={{ stroke: c.counted ? "var(--accent-line)" : "var(--amber-line)", strokeWidth: c.type === "click" ? 3 : 1.6 }}>
                <title>{`${c.type} ${c.campaign_id}, ${fullStamp(c.event_time, zone)}${c.counted ? `, touch ${c.position}` : `, rejected: ${c.why}`}`}</title>
              </path>
            );
          })}
          <path d="M992 14V54" style={{ stroke: "var(--ink)", strokeWidth: 2 }} vectorEffect="non-scaling-stroke" />
        </svg>
      </div>
      <ol className="rail-axis" aria-hidden="true">
        {[0, 0.5, 0.75].map((f) => <li key={f} style={{ left: `${0.8 + 97.6 * f}%` }}>{span(width * (1 - f) ** 2)} before</li>)}
        <li className="end">conversion</li>
      </ol>
      <ul className="legend" style={{ padding: "0 14px 10px" }}>
        <li><svg className="key" viewBox="0 0 14 9"><path d="M4 9V0" style={{ stroke: "var(--accent-line)", strokeWidth: 3 }} /><path d="M10 9V4" style={{ stroke: "var(--accent-line)", strokeWidth: 1.6 }} /></svg>counted: click, impression</li>
        <li><svg className="key" viewBox="0 0 14 9"><path d="M7 0v7" style={{ stroke: "var(--amber-line)", strokeWidth: 2 }} /></svg>rejected, below the line</li>
        <li>the nearer to the conversion, the wider the scale</li>
      </ul>
    </Sheet>
  );
}

function Touches({ rows, counted, rejected, at, zone }: { rows: Candidate[]; counted: number; rejected: number; at: string; zone: string }) {
  const end = Date.parse(at);
  const columns = useMemo(
    (): Column<Candidate>[] => [
      { id: "event_time", name: "Time", value: (r) => r.event_time + (r.position ?? ""), csv: (r) => r.event_time, cell: (r) => <span title={fullStamp(r.event_time, zone)}>{stamp(r.event_time, zone)}</span> },
      { id: "before", name: "Before", title: "How long before the conversion", num: true, value: (r) => end - Date.parse(r.event_time), cell: (r) => span(end - Date.parse(r.event_time)) },
      { id: "counted", name: "Counted", value: (r) => (r.counted ? r.position ?? 0 : 1e9), csv: (r) => String(r.counted), cell: (r) => (r.counted ? <span className="tag good">touch {r.position}</span> : <span className="tag warn">rejected</span>) },
      { id: "why", name: "Why not", hideEmpty: true, value: (r) => (r.counted ? "" : r.why), cell: (r) => (r.counted ? "" : <span>{r.why}{r.reasons.length > 0 && <span className="muted"> ({r.reasons.map(reasonName).join(", ")})</span>}</span>) },
      { id: "type", name: "Type", value: (r) => r.type },
      { id: "campaign_id", name: "Campaign", value: (r) => r.campaign_id, cell: (r) => orNone(r.campaign_id, "campaign") },
      { id: "creative_id", name: "Creative", value: (r) => r.creative_id, cell: (r) => r.creative_id || "–" },
      { id: "channel", name: "Channel", value: (r) => r.channel },
      { id: "verdict", name: "Verdict", hideEmpty: true, value: (r) => (r.verdict === "valid" ? "" : r.verdict), csv: (r) => r.verdict, cell: (r) => (r.verdict === "valid" ? <span className="muted">valid</span> : <Verdict verdict={r.verdict} />) },
      { id: "person", name: "Recorded under", value: (r) => r.person, cell: (r) => <code>{r.person}</code> },
      { id: "event_id", name: "Event", value: (r) => r.event_id, cell: (r) => <code>{r.event_id}</code> },
    ],
    [end, zone],
  );
  return (
    <TableSheet
      title="Touches"
      note={`${counted} counted, ${rejected} rejected`}
      columns={columns}
      rows={rows}
      rowKey={(r) => r.event_id + r.event_time + r.type}
      sort={{ id: "event_time", desc: false }}
      csvName="touches"
      height={360}
      empty={<Empty title="Nobody saw an ad before this" small><p>No click, impression or visit of the person lies within the lookback.</p></Empty>}
    />
  );
}

const MAX_ROWS = 60;

/** All six digits of every amount, so that they stand under each other. */
const six = (m: Parameters<typeof money>[0]): string => (m ? money(m, "all") : "\u2013");

function Matrix({ x, model }: { x: Explanation; model: string }) {
  const touches = x.candidates.filter((c) => c.counted).sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  const rows = touches.length ? touches.map((t) => ({ position: t.position ?? 0, name: `${t.position}`, what: `${t.type} · ${t.campaign_id || t.channel || "none"}` })) : [{ position: 0, name: "none", what: "unattributed" }];
  const cell = new Map(x.models.flatMap((m) => m.shares.map((s) => [`${m.model}|${s.position}`, s])));
  const [exact, setExact] = useState(false);
  const one = (m: Parameters<typeof money>[0]) => (exact ? six(m) : money(m));
  const shownRows = rows.length > MAX_ROWS ? rows.filter((r) => x.models.some((m) => cell.has(`${m.model}|${r.position}`))).slice(0, MAX_ROWS) : rows;
  return (
    <Sheet title="Credit by touch and model" note={exact ? "every column adds up to the value, to the micro; participation (*) sums to more" : "rounded; every column adds up to the value to the micro, participation (*) to more"} tools={<Segments label="Digits" items={[{ id: "short", name: "Rounded" }, { id: "exact", name: "Exact" }]} value={exact ? "exact" : "short"} onPick={(d) => setExact(d === "exact")} />}>
      <div className="table-box" tabIndex={0} role="group" aria-label="Credit by touch and model" style={{ maxHeight: 460 }}>
        <table className="t matrix">
          <thead>
            <tr>
              <th scope="col" className="pin">Touch</th>
              {x.models.map((m) => (
                <th key={m.model} scope="col" className={`num${m.model === model ? " on" : ""}`} title={m.formula}>
                  {modelName(m.model)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shownRows.map((r) => (
              <tr key={r.position}>
                <th scope="row" className="pin">
                  <b>{r.name}</b> <span className="muted">{r.what}</span>
                </th>
                {x.models.map((m) => {
                  const s = cell.get(`${m.model}|${r.position}`);
                  return (
                    <td key={m.model} className={`num${m.model === model ? " on" : ""}${s ? "" : " zero"}`} title={s ? `${exactMoney(s.value)}, ${s.credit_ppm} of 1,000,000` : "no credit"}>
                      {s ? (
                        <>
                          {one(s.value)}
                          <small>{percent(s.credit_ppm / 1e6, 2)}</small>
                        </>
                      ) : (
                        "·"
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" className="pin">Sum</th>
              {x.models.map((m) => (
                <td key={m.model} className="num" title={`${m.total_credited_conversions} conversions`}>
                  {one(m.total_value)}
                  {!m.additive && <span className="warn" title="Sums to more than the value"> *</span>}
                </td>
              ))}
            </tr>
          </tfoot>
        </table>
      </div>
      {shownRows.length < rows.length && <p className="foot">The first {shownRows.length} touches with credit of {rows.length} are shown; copy as JSON for all.</p>}
    </Sheet>
  );
}

function Arithmetic({ m, rounding }: { m: ModelCredit; rounding: string }) {
  type Share = ModelCredit["shares"][number];
  const columns = useMemo(
    (): Column<Share>[] => [
      { id: "position", name: "Touch", num: false, value: (s) => s.position, cell: (s) => (s.position === 0 ? "unattributed" : s.position) },
      { id: "weight", name: "Weight", num: true, value: (s) => s.credit_ppm, csv: (s) => `${s.weight_numerator}/${s.weight_denominator}`, cell: (s) => <span className="mono">{short(s.weight_numerator)} / {short(s.weight_denominator)}</span> },
      { id: "credit_ppm", name: "of 1,000,000", num: true, value: (s) => s.credit_ppm, cell: (s) => count(s.credit_ppm), foot: count(m.shares.reduce((n, s) => n + s.credit_ppm, 0)) },
      { id: "conversions", name: "Conversions", num: true, value: (s) => micros(s.credited_conversions), csv: (s) => s.credited_conversions, cell: (s) => decimal(s.credited_conversions, 6), foot: decimal(m.total_credited_conversions, 6) },
      { id: "value", name: "Value", num: true, value: (s) => amount(s.value), csv: (s) => s.value.amount, cell: (s) => money(s.value, "long"), foot: money(m.total_value, "long") },
    ],
    [m],
  );
  return <TableSheet title={`The arithmetic of ${modelName(m.model).toLowerCase()}`} note={m.formula} columns={columns} rows={m.shares} rowKey={(s) => String(s.position) + (s.event_id ?? "")} csvName={`credit-${m.model}`} height={320} foot={<p className="foot">{rounding.charAt(0).toUpperCase() + rounding.slice(1)}.</p>} />;
}

const short = (s: string): string => (s.length > 22 ? `${s.slice(0, 10)}…${s.slice(-6)}` : s);

function Adjustments({ x, zone }: { x: Explanation; zone: string }) {
  type Adjustment = Explanation["adjustments"][number];
  const columns: Column<Adjustment>[] = [
    { id: "event_time", name: "Time", value: (a) => a.event_time, cell: (a) => stamp(a.event_time, zone) },
    { id: "kind", name: "Kind", value: (a) => a.kind },
    { id: "value", name: "New total", num: true, value: (a) => amount(a.value), csv: (a) => a.value?.amount, cell: (a) => money(a.value, "long") },
    { id: "counted", name: "Counts", value: (a) => String(a.counted), cell: (a) => (a.counted ? <span className="tag good">counts</span> : <span className="tag warn">does not</span>) },
    { id: "why", name: "Why", value: (a) => a.why },
    { id: "event_id", name: "Event", value: (a) => a.event_id, cell: (a) => <code>{a.event_id}</code> },
  ];
  return <TableSheet title="Adjustments" note="of several the latest counts" columns={columns} rows={x.adjustments} rowKey={(a) => a.event_id} height={240} />;
}

function Revisions({ rows, zone, status }: { rows: Revision[]; zone: string; status: string }) {
  const columns = useMemo(
    (): Column<Revision>[] => [
      { id: "at", name: "Caused at", value: (r) => r.at, cell: (r) => stamp(r.at, zone) },
      { id: "cause", name: "Cause", value: (r) => r.cause, cell: (r) => <span className={`tag${r.cause === "conversion" ? "" : " warn"}`}>{words(r.cause)}</span> },
      { id: "model", name: "Model", value: (r) => modelName(r.model), csv: (r) => r.model },
      { id: "touch", name: "Touch", value: (r) => r.touch_event_id, cell: (r) => (r.touch_event_id ? <span>{r.touch_type} <code className="muted">{r.touch_event_id}</code></span> : "unattributed") },
      { id: "delta_ppm", name: "of 1,000,000", num: true, value: (r) => r.delta_ppm, cell: (r) => `${r.delta_ppm > 0 ? "+" : ""}${count(r.delta_ppm)}` },
      { id: "delta", name: "Value", num: true, value: (r) => amount(r.delta), csv: (r) => r.delta.amount, cell: (r) => <span title={exactMoney(r.delta)}>{signedMoney(r.delta)}</span> },
      { id: "journal_id", name: "Entry", value: (r) => r.journal_id, cell: (r) => <code className="muted">{r.journal_id.slice(0, 16)}</code>, csv: (r) => r.journal_id },
    ],
    [zone],
  );
  return (
    <TableSheet
      title="Revisions"
      note="the journal: each change of a credit once it was final"
      columns={columns}
      rows={rows}
      rowKey={(r) => r.journal_id}
      sort={{ id: "at", desc: false }}
      csvName="revisions"
      height={320}
      empty={<Empty title={status === "provisional" ? "Not final yet" : "No entry"} small><p>{status === "provisional" ? "The journal begins when the watermark passes the conversion." : "This conversion has carried no credit since it was final."}</p></Empty>}
    />
  );
}
