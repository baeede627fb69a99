// The exports that were asked for: how far each is, its files, and its end.
import { useMemo } from "react";
import type { components } from "../../api/schema";
import { send } from "../../api/client";
import { bytes, count, percent, words } from "../../format/format";
import { ago, fullStamp, stamp } from "../../format/time";
import { toast } from "../../app/dialogs";
import { Empty } from "../../parts/states";
import { TableSheet, type Column } from "../../parts/table";

export type Export = components["schemas"]["Exports"]["data"][number];

export const underWay = (j: Export): boolean => j.state === "queued" || j.state === "running";

function rangeOf(r: Export, zone: string): string {
  if (r.from === null && r.to === null) return "all that is kept";
  return `${r.from ? stamp(r.from, zone) : "the beginning"} to ${r.to ? stamp(r.to, zone) : "the end"}`;
}

function State({ r }: { r: Export }) {
  if (r.state === "running") {
    return (
      <span className="progress" title={`${count(r.rows_per_second)} rows a second`}>
        <progress value={Number(r.progress)} max={1} aria-label={`Progress of export ${r.id}`} />
        <small>{percent(r.progress, 0)}{r.table ? `, ${r.table}` : ""}</small>
      </span>
    );
  }
  return <span className={`tag ${{ done: "good", failed: "bad", queued: "", cancelled: "" }[r.state]}`}>{r.state === "queued" ? "Waiting" : words(r.state)}</span>;
}

export function Jobs({ rows, zone, now, many, changed }: { rows: Export[]; zone: string; now: number; many: boolean; changed: () => void }) {
  const columns = useMemo((): Column<Export>[] => [
    { id: "created", name: "Asked", value: (r) => r.created, cell: (r) => <span title={`${fullStamp(r.created, zone)}, ${r.id}`}>{stamp(r.created, zone)}</span> },
    { id: "created_by", name: "By", hideEmpty: true, value: (r) => (many || r.created_by !== "local" ? r.created_by : "") },
    { id: "tables", name: "Tables", value: (r) => r.tables.join(", "), cell: (r) => <span title={r.tables.join(", ")}>{r.tables.length > 2 ? `${count(r.tables.length)} tables` : r.tables.join(", ")}</span> },
    { id: "range", name: "Range", value: (r) => r.from ?? "", csv: (r) => `${r.from ?? ""}/${r.to ?? ""}`, cell: (r) => rangeOf(r, zone) },
    { id: "format", name: "Format", value: (r) => r.format + (r.compression === "none" ? "" : `, ${r.compression}`) + (r.pseudonyms ? ", pseudonyms" : "") },
    { id: "state", name: "State", value: (r) => r.state, cell: (r) => <State r={r} /> },
    { id: "rows", name: "Rows", num: true, value: (r) => r.rows, cell: (r) => count(r.rows) },
    { id: "bytes", name: "Size", num: true, value: (r) => r.bytes, cell: (r) => bytes(r.bytes) },
    { id: "error", name: "Why it failed", hideEmpty: true, value: (r) => r.error ?? "", cell: (r) => (r.error ? <span className="bad" title={r.error}>{r.error}</span> : "") },
    {
      id: "files",
      name: "Files",
      plain: true,
      value: (r) => r.files.map((f) => f.name).join(" "),
      cell: (r) => <Files r={r} now={now} />,
    },
    {
      id: "end",
      name: "End it",
      unnamed: true,
      plain: true,
      value: () => undefined,
      csv: () => "",
      cell: (r) => (
        <button
          type="button"
          className="btn plain"
          aria-label={`${underWay(r) ? "Cancel" : "Remove"} export ${r.id}`}
          onClick={() =>
            void send("DELETE", `/v1/exports/${encodeURIComponent(r.id)}`)
              .then(() => toast(underWay(r) ? "Cancelled" : "Removed, with its files"))
              .catch((e: unknown) => toast(`Not done: ${e instanceof Error ? e.message : String(e)}`))
              .then(changed)
          }
        >
          {underWay(r) ? "Cancel" : "Remove"}
        </button>
      ),
    },
  ], [zone, changed, many, Math.floor(now / 60_000)]);
  return <TableSheet title="Exports" note="kept for 7 days" columns={columns} rows={rows} rowKey={(r) => r.id} sort={{ id: "created", desc: true }} height={360} empty={<Empty title="None was asked for yet" small><p>Choose tables above. An export is made in the background; you may leave this page.</p></Empty>} />;
}

function Files({ r, now }: { r: Export; now: number }) {
  if (r.state !== "done") return <span className="muted">–</span>;
  if (r.destination !== "download") return <code title={r.destination}>{r.destination}</code>;
  const files = r.files.filter((f) => f.download);
  const link = (f: (typeof files)[number]) => (
    <a key={f.name} className="link" href={f.download!} download title={`${count(f.rows)} rows, ${bytes(f.bytes)}, SHA-256 ${f.sha256}${r.expires ? `, deleted in ${ago(now - (Date.parse(r.expires) - now), now).replace(" ago", "")}` : ""}`}>
      {f.name}
    </a>
  );
  if (files.length <= 2) return <span className="marked">{files.map(link)}</span>;
  return (
    <details className="files">
      <summary className="link">{count(files.length)} files</summary>
      {files.map(link)}
    </details>
  );
}
