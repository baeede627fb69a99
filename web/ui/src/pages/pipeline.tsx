// The program itself: a plain sentence first, then the way of an event through
// it, and every input and sink.
import "./pipeline.css";
import { useMemo, useSyncExternalStore } from "react";
import { Link } from "wouter";
import { useHealth } from "../api/queries";
import type { Pipeline } from "../api/types";
import { useNow } from "../app/now";
import { bytes, count, micro, percent, words } from "../format/format";
import { ago, clock, fullStamp, near, span } from "../format/time";
import { Facts, PageHead, Sheet } from "../parts/page";
import { Empty, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { useView } from "../view/view";

type Input = Pipeline["inputs"][number];
type Sink = Pipeline["sinks"][number];

export default function PipelinePage() {
  const { view, href } = useView();
  const query = useHealth();
  return (
    <div className="page">
      <PageHead title="Pipeline" />
      <Loaded query={query} what="the pipeline" rows={10}>
        {({ data: p }) => (
          <>
            <section className="sheet" aria-label="In a sentence">
              <div className="pad" style={{ paddingTop: 14, display: "grid", gap: 16 }}>
                <p className="sum">{sentence(p, view.timezone)}</p>
                <Facts
                  items={[
                    ["Complete to", p.watermark ? <>{clock(p.watermark, view.timezone)} <small>{p.watermark_lag_ms === null ? "" : `${span(p.watermark_lag_ms)} behind`}</small></> : "–", p.watermark ? fullStamp(p.watermark, view.timezone) : "no watermark yet"],
                    ["Records", count(p.counts.records)],
                    ["Late, applied", <>{count(p.counts.late)} <small>{rate(p.counts.late, p)}</small></>],
                    ["Too late", <Link key="t" href={href("/late-events")}>{count(p.counts.too_late)} <small>{rate(p.counts.too_late, p)}</small></Link>, "Kept, changed nothing"],
                    ["Duplicates", <>{count(p.counts.duplicates)} <small>{p.counts.conflicts ? `${count(p.counts.conflicts)} with other content` : ""}</small></>],
                    ["Dead letters", <Link key="d" href={href("/dead-letters")}>{count(p.counts.dead_letters)} <small>{rate(p.counts.dead_letters, p)}</small></Link>],
                  ]}
                />
              </div>
            </section>
            <Graph p={p} zone={view.timezone} />
            <div className="two">
              <Inputs rows={p.inputs} zone={view.timezone} />
              <Sinks rows={p.sinks} zone={view.timezone} />
            </div>
            <div className="two">
              <Latency p={p} />
              <Program p={p} zone={view.timezone} />
            </div>
          </>
        )}
      </Loaded>
    </div>
  );
}

const rate = (n: number, p: Pipeline): string => (p.counts.records ? percent(n / p.counts.records, n / p.counts.records < 0.01 ? 2 : 1) : "");

/** What an operator wants to hear first. */
export function sentence(p: Pipeline, zone: string): string {
  if (!p.ready) return `The pipeline has stopped: ${p.not_ready.join("; ") || "it says no reason"}. Figures stand still until it runs again; nothing that was taken is lost.`;
  const failing = p.inputs.filter((i) => i.state === "failing");
  const down = p.sinks.filter((s) => s.error !== null);
  const active = p.inputs.filter((i) => i.state === "active" && i.records > 0).length;
  const parts = [`Events of ${count(active)} ${active === 1 ? "input" : "inputs"} are taken`];
  if (p.watermark) parts.push(`figures are complete to ${clock(p.watermark, zone)}${p.watermark_lag_ms === null ? "" : `, ${span(p.watermark_lag_ms)} ago`}`);
  let s = parts.join("; ") + ".";
  if (failing.length) s += ` ${failing.map((i) => i.name).join(", ")} cannot be read and ${failing.length === 1 ? "holds" : "hold"} the watermark.`;
  if (down.length) s += ` ${down.map((x) => x.name).join(", ")} ${down.length === 1 ? "is" : "are"} down: ${count(down.reduce((n, x) => n + x.outbox_rows, 0))} rows wait and will be delivered.`;
  else if (p.sinks.length) s += ` All ${count(p.sinks.length)} sinks keep up.`;
  else s += " No sink is configured, so nothing leaves this machine.";
  const others = p.degraded.filter((d) => !down.some((x) => d.includes(x.name)) && !failing.some((i) => d.includes(i.name)));
  if (others.length) s += ` ${others.join("; ")}.`;
  return s;
}

/** An input that has had nothing is open, but nobody would call it active. */
const stateOf = (i: Input): string => (i.state === "active" && i.records === 0 ? "open" : i.state);

const MAX_BOXES = 6;

function Graph({ p, zone }: { p: Pipeline; zone: string }) {
  const inputs = p.inputs.slice(0, MAX_BOXES);
  const sinks = p.sinks.slice(0, MAX_BOXES);
  const rows = Math.max(inputs.length, sinks.length, 2);
  const h = 46;
  const gap = 12;
  const height = rows * (h + gap);
  const mid = height / 2;
  const phone = useNarrow();
  if (phone) return <Steps p={p} zone={zone} />;
  const y = (i: number, n: number) => mid - (n * (h + gap) - gap) / 2 + i * (h + gap);
  const at = { input: 0, ticks: 290, state: 520, sink: 780 };
  const w = { input: 210, ticks: 150, state: 170, sink: 210 };
  const wire = (x0: number, y0: number, x1: number, y1: number) => `M${x0} ${y0}C${(x0 + x1) / 2} ${y0} ${(x0 + x1) / 2} ${y1} ${x1} ${y1}`;
  return (
    <Sheet title="The way of an event" note="inputs meet in one order, are applied in ticks, and are one commit; sinks get what is committed">
      <div className="graph" tabIndex={0} role="group" aria-label="Graph of the pipeline">
        <svg className="svgchart" viewBox={`-2 -4 994 ${height + 8}`} role="img" aria-label={`${p.inputs.length} inputs, ${p.shards} shards, ${p.sinks.length} sinks`}>
          {inputs.map((i, n) => (
            <g key={i.name}>
              <path className={`wire${i.state === "active" && i.records > 0 ? " flow" : ""}`} d={wire(w.input, y(n, inputs.length) + h / 2, at.ticks, mid)} />
              <Box x={at.input} y={y(n, inputs.length)} w={w.input} h={h} tone={i.state === "failing" ? "failing" : ""} title={i.name} text={i.error ?? (i.records > 0 ? `${words(stateOf(i))} · ${count(i.records)} records` : "Open · nothing came yet")} more={i.error ?? ""} />
            </g>
          ))}
          <path className="wire flow" d={wire(at.ticks + w.ticks, mid, at.state, mid)} />
          <Box x={at.ticks} y={mid - 32} w={w.ticks} h={64} tone="core" title="Ticks" text={`P99 ${micro(p.latency.tick.p99_us)}`} second={`${p.shards} shards`} />
          <Box x={at.state} y={mid - 32} w={w.state} h={64} tone="core" title="State" text={`commit ${count(p.commit)}`} second={p.watermark ? `complete to ${clock(p.watermark, zone)}` : "no watermark yet"} />
          {sinks.map((s, n) => (
            <g key={s.name}>
              <path className={`wire${s.error ? "" : " flow"}`} d={wire(at.state + w.state, mid, at.sink, y(n, sinks.length) + h / 2)} />
              <Box x={at.sink} y={y(n, sinks.length)} w={w.sink} h={h} tone={s.error ? "warning" : ""} title={s.name} text={s.error ? `down · ${count(s.outbox_rows)} rows wait` : `${words(s.state)} · ${span(s.lag_ms)} behind`} more={s.error ?? ""} />
            </g>
          ))}
          {sinks.length === 0 && (
            <g>
              <path className="wire" strokeDasharray="2 4" d={wire(at.state + w.state, mid, at.sink, mid)} />
              <Box x={at.sink} y={mid - h / 2} w={w.sink} h={h} tone="" title="No sink" text="this page and the API only" />
            </g>
          )}
        </svg>
        {(p.inputs.length > MAX_BOXES || p.sinks.length > MAX_BOXES) && <p className="muted">The first {MAX_BOXES} of each are drawn; the tables have all.</p>}
      </div>
    </Sheet>
  );
}

/** The same way from top to bottom, where there is no room beside. */
function Steps({ p, zone }: { p: Pipeline; zone: string }) {
  const step = (key: string, title: string, text: string, tone = "") => (
    <li key={key} className={tone}>
      <b>{title}</b>
      <span>{text}</span>
    </li>
  );
  return (
    <Sheet title="The way of an event" note="from top to bottom">
      <div className="pad steps">
        <ul>{p.inputs.map((i) => step(i.name, i.name, i.error ?? (i.records > 0 ? `${words(stateOf(i))} · ${count(i.records)} records` : "Open · nothing came yet"), i.state === "failing" ? "failing" : ""))}</ul>
        <ul>{step("ticks", "Ticks", `P99 ${micro(p.latency.tick.p99_us)} · ${p.shards} shards`, "core")}</ul>
        <ul>{step("state", "State", `commit ${count(p.commit)} · ${p.watermark ? `complete to ${clock(p.watermark, zone)}` : "no watermark yet"}`, "core")}</ul>
        <ul>{p.sinks.length === 0 ? step("none", "No sink", "this page and the API only") : p.sinks.map((s) => step(s.name, s.name, s.error ? `down · ${count(s.outbox_rows)} rows wait` : `${words(s.state)} · ${span(s.lag_ms)} behind`, s.error ? "warning" : ""))}</ul>
      </div>
    </Sheet>
  );
}

const narrow = typeof matchMedia === "function" ? matchMedia("(max-width: 720px)") : null;
const onNarrow = (fn: () => void) => {
  narrow?.addEventListener("change", fn);
  return () => narrow?.removeEventListener("change", fn);
};
const useNarrow = () => useSyncExternalStore(onNarrow, () => narrow?.matches ?? false);

function Box({ x, y, w, h, tone, title, text, second, more = "" }: { x: number; y: number; w: number; h: number; tone: string; title: string; text: string; second?: string; more?: string }) {
  const cut = (s: string, n: number) => (s.length > n ? s.slice(0, n - 1) + "…" : s);
  return (
    <g>
      <title>{`${title}: ${more || text}`}</title>
      <rect className={`box ${tone}`} x={x} y={y} width={w} height={h} rx={5} />
      <text className="strong" x={x + 12} y={y + 19}>{cut(title, w / 7)}</text>
      <text x={x + 12} y={y + 35}>{cut(text, w / 6)}</text>
      {second && <text className="faint" x={x + 12} y={y + 51}>{cut(second, w / 6)}</text>}
    </g>
  );
}

function Inputs({ rows, zone }: { rows: Input[]; zone: string }) {
  const now = useNow();
  const columns = useMemo((): Column<Input>[] => [
    { id: "name", name: "Input", value: (r) => r.name },
    { id: "state", name: "State", value: (r) => r.state, cell: (r) => <span className={`tag ${{ active: r.records > 0 ? "good" : "", failing: "bad", idle: "", finished: "" }[r.state]}`} title={r.error ?? undefined}>{stateOf(r)}</span> },
    { id: "watermark", name: "Watermark", num: true, value: (r) => r.watermark ?? undefined, cell: (r) => (r.watermark ? <span title={fullStamp(r.watermark, zone)}>{near(r.watermark, zone, now)}</span> : "–") },
    { id: "lag", name: "Behind now", num: true, value: (r) => r.watermark_lag_ms ?? undefined, cell: (r) => (r.watermark_lag_ms === null ? "–" : span(r.watermark_lag_ms)) },
    { id: "behind", name: "Unread", title: "Records that wait at the source", num: true, hideEmpty: true, value: (r) => r.behind ?? undefined, cell: (r) => count(r.behind) },
    { id: "records", name: "Records", num: true, value: (r) => r.records, cell: (r) => count(r.records) },
    { id: "error", name: "Error", hideEmpty: true, value: (r) => r.error ?? "", cell: (r) => (r.error ? <span className="bad" title={r.error}>{r.error}</span> : "") },
  ], [zone, Math.floor(now / 60_000)]);
  return <TableSheet title="Inputs" note="the watermark is the least of those that are neither finished nor idle" columns={columns} rows={rows} rowKey={(r) => r.name} sort={{ id: "name", desc: false }} height={320} empty={<Empty title="No input" small />} />;
}

function Sinks({ rows, zone }: { rows: Sink[]; zone: string }) {
  const columns = useMemo(() => sinkColumns(zone), [zone]);
  return <TableSheet title="Sinks" columns={columns} rows={rows} rowKey={(r) => r.name} sort={{ id: "name", desc: false }} height={320} empty={<NoSinks />} />;
}

export function NoSinks() {
  return (
    <Empty title="No sink is configured" small>
      <p>ClickHouse, PostgreSQL, Redis, Kafka, BigQuery, Snowflake and files take the tables when their section stands in the configuration under <code>sinks</code>.</p>
    </Empty>
  );
}

export function sinkColumns(zone: string): Column<Sink>[] {
  return [
    { id: "name", name: "Sink", value: (r) => r.name },
    { id: "state", name: "State", value: (r) => r.state, cell: (r) => <span className={`tag ${r.error ? "warn" : "good"}`} title={r.error ?? undefined}>{words(r.state)}</span> },
    { id: "lag", name: "Behind", num: true, value: (r) => r.lag_ms, cell: (r) => span(r.lag_ms) },
    { id: "outbox_rows", name: "Rows waiting", num: true, value: (r) => r.outbox_rows, cell: (r) => count(r.outbox_rows) },
    { id: "commit", name: "Commit", num: true, value: (r) => r.commit, cell: (r) => count(r.commit) },
    { id: "watermark", name: "Complete to", num: true, value: (r) => r.watermark ?? undefined, cell: (r) => (r.watermark ? <span title={fullStamp(r.watermark, zone)}>{clock(r.watermark, zone)}</span> : "–") },
    { id: "error", name: "Error", hideEmpty: true, value: (r) => r.error ?? "", cell: (r) => (r.error ? <span className="warn" title={r.error}>{r.error}</span> : "") },
  ];
}

function Latency({ p }: { p: Pipeline }) {
  const rows: [string, string, Pipeline["latency"]["tick"]][] = [
    ["Tick", "from the first record of a tick to its end", p.latency.tick],
    ["Durable", "from the end of a tick to the disk", p.latency.durable],
    ["Visible", "from arrival to figures that readers see", p.latency.visible],
  ];
  return (
    <Sheet title="Latency" note="of the last ticks">
      <div className="table-box" tabIndex={0} role="group" aria-label="Latency: rows">
        <table className="t">
          <thead>
            <tr><th scope="col">Step</th>{["P50", "P95", "P99"].map((h) => <th key={h} scope="col" className="num">{h}</th>)}<th scope="col">What</th></tr>
          </thead>
          <tbody>
            {rows.map(([name, what, q]) => (
              <tr key={name}><th scope="row">{name}</th><td className="num">{micro(q.p50_us)}</td><td className="num">{micro(q.p95_us)}</td><td className="num">{micro(q.p99_us)}</td><td className="muted">{what}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
    </Sheet>
  );
}

function Program({ p, zone }: { p: Pipeline; zone: string }) {
  const now = useNow();
  const codes = Object.entries(p.counts.dead_letters_by_code).filter(([, n]) => n > 0);
  const dropped = Object.entries(p.counts.dropped_fields).filter(([, n]) => n > 0);
  return (
    <Sheet title="The program">
      <div className="pad">
        <dl className="kv">
          <dt>Version</dt><dd>{p.version}</dd>
          <dt>Started</dt><dd>{p.started ? <span title={fullStamp(p.started, zone)}>{ago(p.started, now)}</span> : "–"}</dd>
          <dt>Epoch, commit</dt><dd>{count(p.epoch)}, {count(p.commit)}</dd>
          <dt>Disk</dt><dd>{bytes(p.disk.bytes)}{p.disk.budget_bytes ? ` of ${bytes(p.disk.budget_bytes)} (${percent(p.disk.bytes / p.disk.budget_bytes, 1)})` : ", no budget set"}</dd>
          <dt>Outbox</dt><dd>{count(p.disk.outbox_rows)} rows</dd>
          <dt>Money rounded</dt><dd>{count(p.counts.money_rounded)} amounts had more than six digits</dd>
          <dt>Dead letters</dt><dd>{codes.length ? codes.map(([c, n]) => `${c} ${count(n)}`).join(", ") : "none"}</dd>
          <dt>Fields dropped</dt><dd>{dropped.length ? dropped.map(([c, n]) => `${c} ${count(n)}`).join(", ") : "none"}</dd>
        </dl>
      </div>
    </Sheet>
  );
}
