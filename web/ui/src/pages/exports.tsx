// Where the tables go: sinks that are fed all the time, and files on demand.
import { useMemo, useState } from "react";
import type { components } from "../api/schema";
import { APIError, send } from "../api/client";
import { useHealth } from "../api/queries";
import { bytes, count, percent, words } from "../format/format";
import { stamp } from "../format/time";
import { usePolled } from "../live/store";
import { Code } from "../parts/copy";
import { PageHead, Sheet } from "../parts/page";
import { Empty, Failed, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { RANGES, useView } from "../view/view";
import { NoSinks, sinkColumns } from "./pipeline";

type Exports = components["schemas"]["Exports"];
type Export = Exports["data"][number];

// A server without a place for files, and older ones, make none.
const makesNone = (e: unknown): boolean => e instanceof APIError && (e.status === 404 || e.code === "not_possible");

const TABLES = ["minute_delivery", "hour_delivery", "minute_invalid", "minute_conversions", "minute_attribution", "hour_attribution_by_touch", "sessions", "conversions", "credits", "credit_journal", "verdicts", "late_events", "dead_letters", "triggers"];

export default function ExportsPage() {
  const { view } = useView();
  const health = useHealth();
  const jobs = usePolled<Exports>("/v1/exports", {}, 5000);
  const columns = useMemo(() => sinkColumns(view.timezone), [view.timezone]);
  return (
    <div className="page">
      <PageHead title="Exports" say="Sinks get every change as soon as it is committed. For a table, or a part of one, at a time of your choice, export it to files." />
      <Loaded query={health} what="the sinks" rows={4}>
        {({ data }) => <TableSheet title="Sinks" columns={columns} rows={data.sinks} rowKey={(r) => r.name} sort={{ id: "name", desc: false }} height={320} empty={<NoSinks />} />}
      </Loaded>
      {!makesNone(jobs.error) && (
        <Loaded query={jobs} what="the exports" rows={4}>
          {(a) => (
            <>
              <Ask done={() => void jobs.refetch()} />
              <Jobs rows={a.data} zone={view.timezone} changed={() => void jobs.refetch()} />
            </>
          )}
        </Loaded>
      )}
      <Command />
    </div>
  );
}

/** A new export, made in the background of the server. */
function Ask({ done }: { done: () => void }) {
  const [table, setTable] = useState("conversions");
  const [format, setFormat] = useState("parquet");
  const [range, setRange] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    setError(null);
    try {
      await send("POST", "/v1/exports", { tables: [table], format, ...(range ? { from: range } : {}) });
      done();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Sheet title="New export" note="made in the background; all of its tables show one commit">
      <form
        className="pad row-fields"
        onSubmit={(e) => {
          e.preventDefault();
          void ask();
        }}
      >
        <label>Table <select className="field" value={table} onChange={(e) => setTable(e.target.value)}>{["all", ...TABLES].map((t) => <option key={t}>{t}</option>)}</select></label>
        <label>Format <select className="field" value={format} onChange={(e) => setFormat(e.target.value)}>{["ndjson", "csv", "parquet"].map((t) => <option key={t}>{t}</option>)}</select></label>
        <label>Range <select className="field" value={range} onChange={(e) => setRange(e.target.value)}><option value="">All that is kept</option>{RANGES.slice(3).map((r) => <option key={r.id} value={r.id}>{r.name}</option>)}</select></label>
        <button className="btn primary" disabled={busy}>{busy ? "Asking" : "Export"}</button>
      </form>
      {error !== null && <Failed error={error} what="the export" />}
    </Sheet>
  );
}

function Jobs({ rows, zone, changed }: { rows: Export[]; zone: string; changed: () => void }) {
  const columns = useMemo((): Column<Export>[] => [
    { id: "created", name: "Asked", value: (r) => r.created, cell: (r) => stamp(r.created, zone) },
    { id: "tables", name: "Tables", value: (r) => r.tables.join(", "), cell: (r) => (r.tables.length > 3 ? <span title={r.tables.join(", ")}>{count(r.tables.length)} tables</span> : r.tables.join(", ")) },
    { id: "format", name: "Format", value: (r) => r.format + (r.compression === "none" ? "" : `, ${r.compression}`) },
    { id: "state", name: "State", value: (r) => r.state, cell: (r) => <span className={`tag ${{ done: "good", failed: "bad", running: "warn", queued: "", cancelled: "" }[r.state]}`} title={r.error ?? undefined}>{words(r.state)}{r.state === "running" ? ` ${percent(r.progress, 0)}` : ""}</span> },
    { id: "rows", name: "Rows", num: true, value: (r) => r.rows, cell: (r) => count(r.rows) },
    { id: "bytes", name: "Size", num: true, value: (r) => r.bytes, cell: (r) => bytes(r.bytes) },
    { id: "error", name: "Error", value: (r) => r.error ?? "", cell: (r) => (r.error ? <span className="bad" title={r.error}>{r.error}</span> : "") },
    {
      id: "files",
      name: "Files",
      plain: true,
      value: (r) => r.files.map((f) => f.name).join(" "),
      cell: (r) => (
        <span className="marked">
          {r.files.filter((f) => f.download).map((f) => (
            <a key={f.name} className="link" href={f.download!} download title={`${f.name}, ${bytes(f.bytes)}, SHA-256 ${f.sha256}`}>
              {f.table}
            </a>
          ))}
          <button type="button" className="btn plain" onClick={() => void send("DELETE", `/v1/exports/${encodeURIComponent(r.id)}`).catch(() => undefined).then(changed)}>
            {r.state === "queued" || r.state === "running" ? "Cancel" : "Remove"}
          </button>
        </span>
      ),
    },
  ], [zone, changed]);
  return <TableSheet title="Exports" columns={columns} rows={rows} rowKey={(r) => r.id} sort={{ id: "created", desc: true }} height={360} empty={<Empty title="None was asked for yet" small />} />;
}

/** The command line, put together. */
function Command() {
  const [table, setTable] = useState("conversions");
  const [format, setFormat] = useState("parquet");
  const [day, setDay] = useState("");
  const next = day ? new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10) : "";
  const command = `tributary export --table ${table} --format ${format}${day ? ` --from ${day} --to ${next}` : ""} --server ${location.origin} --out exported`;
  return (
    <div className="two">
      <Sheet title="Export from the command line">
        <div className="pad" style={{ display: "grid", gap: 12 }}>
          <div className="row-fields">
            <label>Table <select className="field" value={table} onChange={(e) => setTable(e.target.value)}>{["all", ...TABLES].map((t) => <option key={t}>{t}</option>)}</select></label>
            <label>Format <select className="field" value={format} onChange={(e) => setFormat(e.target.value)}>{["ndjson", "csv", "parquet"].map((t) => <option key={t}>{t}</option>)}</select></label>
            <label>Day (UTC) <input className="field" type="date" value={day} onChange={(e) => setDay(e.target.value)} /></label>
          </div>
          <Code text={command} label="The export command" wrap />
          <p className="muted">It asks this server, and shows the state of one commit. Without a day it is all that is kept.</p>
        </div>
      </Sheet>
      <Sheet title="Check a sink">
        <div className="pad" style={{ display: "grid", gap: 12 }}>
          <p>Compares what a sink holds with the state, to the micro, and says where they differ. It leaves with code 3 when they do.</p>
          <Code text={`tributary reconcile clickhouse --server ${location.origin}`} label="The reconcile command" wrap />
        </div>
      </Sheet>
    </div>
  );
}
