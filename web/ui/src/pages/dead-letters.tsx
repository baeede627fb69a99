// Records that break a rule, with the bytes as they came and what to do.
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { usePages } from "../api/paging";
import { useHealth } from "../api/queries";
import type { DeadLetter } from "../api/types";
import { count } from "../format/format";
import { More } from "../parts/more";
import { PageHead } from "../parts/page";
import { PayloadDialog } from "../parts/payload";
import { Empty, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { useParam, useView } from "../view/view";

const columns: Column<DeadLetter>[] = [
  { id: "code", name: "Code", value: (r) => r.code, cell: (r) => <span className="tag warn">{r.code}</span> },
  { id: "message", name: "What is wrong", value: (r) => r.message },
  { id: "position", name: "Position", value: (r) => r.position, cell: (r) => <code>{r.position}</code> },
  { id: "payload", name: "Record", value: (r) => r.payload, cell: (r) => <code className="muted">{r.payload.slice(0, 120)}</code> },
];

export default function DeadLetters() {
  const { href } = useView();
  const [code, setCode] = useParam("code");
  const [open, setOpen] = useState<DeadLetter | null>(null);
  const counts = useHealth().data?.data.counts;
  const pages = usePages<DeadLetter>("/v1/dead-letters", { limit: "200", ...(code ? { code } : {}) });
  const codes = useMemo(() => Object.entries(counts?.dead_letters_by_code ?? {}), [counts]);
  return (
    <div className="page">
      <PageHead
        title="Dead letters"
        say={counts ? `${count(counts.dead_letters)} of ${count(counts.records)} records broke a rule. They are kept with their bytes and place; mend the producer and send them again.` : "Records that break a rule, kept with their bytes and place."}
        tools={
          <>
            <select className="field" aria-label="Code" value={code} onChange={(e) => setCode(e.target.value)}>
              <option value="">All codes</option>
              {codes.map(([c, n]) => (
                <option key={c} value={c}>{c} ({count(n)})</option>
              ))}
              {code && codes.every(([c]) => c !== code) && <option>{code}</option>}
            </select>
            <Link className="btn" href={href("/late-events")}>Late events</Link>
          </>
        }
      />
      <Loaded query={pages} what="dead letters" rows={14}>
        {(rows) => (
          <TableSheet title="Records set aside" columns={columns} rows={rows} rowKey={(r) => r.position} onOpen={setOpen} csvName="dead-letters" height="calc(100dvh - 236px)" empty={<Empty title={code ? `No record has the code ${code}` : "Every record was good"} />} foot={<More pages={pages} what="dead letters" />} />
        )}
      </Loaded>
      {open && (
        <PayloadDialog title={open.position} payload={open.payload} close={() => setOpen(null)}>
          <p>
            <span className="tag warn">{open.code}</span> {open.message}
          </p>
        </PayloadDialog>
      )}
    </div>
  );
}
