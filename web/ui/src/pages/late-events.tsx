// Events that came too late to count, with what they would have said.
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { usePages } from "../api/paging";
import { useHealth } from "../api/queries";
import type { LateEvent } from "../api/types";
import { count } from "../format/format";
import { fullStamp, span, stamp } from "../format/time";
import { More } from "../parts/more";
import { PageHead } from "../parts/page";
import { PayloadDialog } from "../parts/payload";
import { Empty, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { useParam, useView } from "../view/view";

export default function LateEvents() {
  const { view, href } = useView();
  const [type, setType] = useParam("type");
  const [open, setOpen] = useState<LateEvent | null>(null);
  const counts = useHealth().data?.data.counts;
  const pages = usePages<LateEvent>("/v1/late-events", { limit: "200", ...(type ? { type } : {}) });
  const zone = view.timezone;
  const columns = useMemo((): Column<LateEvent>[] => [
    { id: "event_id", name: "Event", value: (r) => r.event_id, cell: (r) => <code>{r.event_id}</code> },
    { id: "type", name: "Type", value: (r) => r.type },
    { id: "event_time", name: "Event time", value: (r) => r.event_time, cell: (r) => <span title={fullStamp(r.event_time, zone)}>{stamp(r.event_time, zone)}</span> },
    { id: "watermark", name: "Watermark then", value: (r) => r.watermark ?? undefined, cell: (r) => (r.watermark ? stamp(r.watermark, zone) : "–") },
    { id: "lateness_ms", name: "Late by", num: true, value: (r) => r.lateness_ms, cell: (r) => span(r.lateness_ms) },
    { id: "position", name: "Position", value: (r) => r.position, cell: (r) => <code className="muted">{r.position}</code> },
  ], [zone]);
  return (
    <div className="page">
      <PageHead
        title="Late events"
        say={
          counts
            ? `${count(counts.late)} events came after the watermark and were applied: they restated what they changed. ${count(counts.too_late)} came after their allowed lateness too: those changed nothing and are kept here.`
            : "Events that came after their allowed lateness: they changed nothing and are kept here."
        }
        tools={
          <>
            <select className="field" aria-label="Type" value={type} onChange={(e) => setType(e.target.value)}>
              <option value="">All types</option>
              {["impression", "click", "conversion", "adjustment", "identify", "page_view", "add_to_cart"].map((t) => (
                <option key={t}>{t}</option>
              ))}
            </select>
            <Link className="btn" href={href("/dead-letters")}>Dead letters</Link>
          </>
        }
      />
      <Loaded query={pages} what="late events" rows={14}>
        {(rows) => (
          <TableSheet title="Too late to count" columns={columns} rows={rows} rowKey={(r) => `${r.event_id}|${r.event_time}|${r.position}`} sort={{ id: "lateness_ms", desc: true }} onOpen={setOpen} csvName="late-events" height="calc(100dvh - 236px)" empty={<Empty title={type ? `No ${type} came too late` : "Nothing came too late"}><p>How long events may be late is set in the configuration under <code>time.allowed_lateness</code>.</p></Empty>} foot={<More pages={pages} what="late events" />} />
        )}
      </Loaded>
      {open && (
        <PayloadDialog title={`${open.type} ${open.event_id}`} payload={open.payload} close={() => setOpen(null)}>
          <dl className="kv"><dt>Event time</dt><dd>{fullStamp(open.event_time, zone)}</dd><dt>Late by</dt><dd>{span(open.lateness_ms)} after a watermark of {open.watermark ? fullStamp(open.watermark, zone) : "none"}</dd><dt>Position</dt><dd><code>{open.position}</code></dd></dl>
        </PayloadDialog>
      )}
    </div>
  );
}
