// What is to be exported; the job, the download and the command all say the same.
import { useState } from "react";
import { address, send } from "../../api/client";
import { useSession } from "../../api/queries";
import { useNow } from "../../app/now";
import { Code } from "../../parts/copy";
import { Segments } from "../../parts/menu";
import { Sheet } from "../../parts/page";
import { Failed } from "../../parts/states";
import { bounds, RANGES } from "../../view/view";

const TABLES = ["minute_delivery", "hour_delivery", "minute_invalid", "minute_conversions", "minute_attribution", "hour_attribution_by_touch", "sessions", "conversions", "credits", "credit_journal", "verdicts", "late_events", "dead_letters", "triggers"];
const FORMATS = [{ id: "parquet", name: "Parquet" }, { id: "csv", name: "CSV" }, { id: "ndjson", name: "NDJSON" }] as const;

interface Order {
  tables: string[];
  format: "parquet" | "csv" | "ndjson";
  compression: string;
  from: string;
  to: string;
  destination: string;
}

/** A time as the command takes it: it knows no spans before now. */
const whole = (t: string, now: number): string => (t.startsWith("-") ? `${new Date(Math.floor(bounds({ from: t, to: "" }, now).from / 60_000) * 60_000).toISOString().slice(0, 19)}Z` : t);

/** The command that asks this server for the same. */
export function commandOf(o: Order, origin: string, now: number): string {
  const all = o.tables.length === TABLES.length;
  const one = (table: string) =>
    `tributary export --table ${table} --format ${o.format}${o.compression === "none" ? "" : ` --compress ${o.compression}`}${o.from ? ` --from ${whole(o.from, now)}` : ""}${o.to ? ` --to ${o.to}` : ""} --server ${origin} --out ${o.destination === "download" ? "exported" : `'${o.destination}'`}`;
  return (all ? ["all"] : o.tables).map(one).join("\n");
}

export function Ask({ done, possible }: { done: () => void; possible: boolean }) {
  const session = useSession().data?.data;
  const now = useNow();
  const [tables, setTables] = useState<string[]>(["conversions"]);
  const [format, setFormat] = useState<Order["format"]>("parquet");
  const [packing, setPacking] = useState("none");
  const [range, setRange] = useState("");
  const [own, setOwn] = useState({ from: "", to: "" });
  const [bucket, setBucket] = useState<string | null>(null); // null: a download
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const compression = format === "parquet" ? "none" : packing;
  const utc = (t: string) => (t === "" ? "" : `${t}:00Z`);
  const from = range === "own" ? utc(own.from) : range;
  const to = range === "own" ? utc(own.to) : "";
  const order: Order = { tables: TABLES.filter((t) => tables.includes(t)), format, compression, from, to, destination: bucket ?? "download" };
  const upside = from !== "" && to !== "" && from >= to;
  const what = tables.length === 0 ? "Choose a table." : upside ? "The range ends before it begins." : bucket === "" ? "Name the bucket." : "";
  const ask = async () => {
    setBusy(true);
    setError(null);
    try {
      await send("POST", "/v1/exports", { tables: tables.length === TABLES.length ? ["all"] : order.tables, format, compression, destination: order.destination, ...(from ? { from } : {}), ...(to ? { to } : {}) });
      done();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  const direct = address(`/v1/export/${tables[0]}`, { format, ...(compression === "none" ? {} : { compression }), ...(from ? { from } : {}), ...(to ? { to } : {}) });
  return (
    <Sheet title="New export" note="all of its tables show one commit">
      <form
        className="pad ask"
        onSubmit={(e) => {
          e.preventDefault();
          if (what === "") void ask();
        }}
      >
        <fieldset>
          <legend>
            Tables{" "}
            <button type="button" className="link" onClick={() => setTables(tables.length === TABLES.length ? [] : TABLES)}>
              {tables.length === TABLES.length ? "none" : "all"}
            </button>
          </legend>
          <div className="boxes">
            {TABLES.map((t) => (
              <label key={t}>
                <input type="checkbox" checked={tables.includes(t)} onChange={(e) => setTables(e.target.checked ? [...tables, t] : tables.filter((x) => x !== t))} />
                {t}
              </label>
            ))}
          </div>
        </fieldset>
        <div className="row-fields">
          <div className="one-field"><span>Format</span><Segments label="Format" items={FORMATS} value={format} onPick={setFormat} /></div>
          {format !== "parquet" && (
            <label>Compression <select className="field" value={packing} onChange={(e) => setPacking(e.target.value)}>{["none", "gzip", "zstd"].map((t) => <option key={t}>{t}</option>)}</select></label>
          )}
          <label>Range <select className="field" value={range} onChange={(e) => setRange(e.target.value)}><option value="">All that is kept</option>{RANGES.map((r) => <option key={r.id} value={r.id}>{r.name}</option>)}<option value="own">From, to</option></select></label>
          {range === "own" && (
            <>
              <label>From (UTC, empty: the beginning) <input className="field" type="datetime-local" value={own.from} onChange={(e) => setOwn({ ...own, from: e.target.value })} /></label>
              <label>To (UTC, empty: the end) <input className="field" type="datetime-local" value={own.to} onChange={(e) => setOwn({ ...own, to: e.target.value })} /></label>
            </>
          )}
          {possible && (session === undefined || session.scopes.includes("admin")) && (
            <label>Where to <select className="field" value={bucket === null ? "" : "bucket"} onChange={(e) => setBucket(e.target.value ? "" : null)}><option value="">To download here</option><option value="bucket">Into a bucket</option></select></label>
          )}
          {bucket !== null && <label>URL of the bucket <input className="field" size={38} value={bucket} placeholder="s3://bucket/exports?region=eu-central-1" onChange={(e) => setBucket(e.target.value.trim())} /></label>}
        </div>
        <div className="row-of">
          {possible && <button className="btn primary" disabled={busy || what !== ""}>{busy ? "Asking" : "Export"}</button>}
          {possible && tables.length === 1 && bucket === null && !upside && <a className="btn" href={direct} download title="The rows are sent as they are read; no job is kept">Download now</a>}
          {what && <span className="muted" role="status">{what}</span>}
          {session?.pseudonyms && <span className="muted">In place of persons stand pseudonyms: seeing them needs the scope read:pii.</span>}
        </div>
        {error !== null && <Failed error={error} what="the export" />}
        {what === "" && (
          <div>
            <p className="muted" style={{ marginBottom: 5 }}>The same from the command line{session?.authentication ? ", with a key in TRIBUTARY_API_KEY" : ""}:</p>
            <Code text={commandOf(order, location.origin, now)} label="The export command" wrap />
          </div>
        )}
      </form>
    </Sheet>
  );
}
