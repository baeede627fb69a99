// Conversions, newest first; each opens the reasons of its credit.
import { useMemo } from "react";
import { Link } from "wouter";
import { usePages } from "../api/paging";
import type { ConversionRow } from "../api/types";
import { exactMoney, money, words } from "../format/format";
import { stamp } from "../format/time";
import { MarkLegend, Mark } from "../parts/marks";
import { amount } from "../parts/money";
import { More } from "../parts/more";
import { PageHead, Verdict } from "../parts/page";
import { Empty, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { params, rangeName, useParam, useView } from "../view/view";
import { credited } from "./live/latest";

export default function Conversions() {
  const { view, href } = useView();
  const [verdict, setVerdict] = useParam("verdict");
  const [person, setPerson] = useParam("person");
  const [order, setOrder] = useParam("order_id");
  const pages = usePages<ConversionRow>("/v1/conversions", {
    ...params(view, ["range", "currency"]),
    limit: "200",
    expand: "top",
    model: view.model,
    ...(verdict ? { verdict } : {}),
    ...(person ? { person } : {}),
    ...(order ? { order_id: order } : {}),
  });
  const columns = useMemo(
    (): Column<ConversionRow>[] => [
      { id: "event_time", name: "Time", value: (r) => r.event_time, cell: (r) => <span className="marked"><Mark status={r.status} />{stamp(r.event_time, view.timezone)}</span> },
      { id: "conversion_name", name: "Name", value: (r) => r.conversion_name, cell: (r) => words(r.conversion_name) },
      { id: "value", name: "Value", num: true, value: (r) => amount(r.value), csv: (r) => r.value.amount, cell: (r) => <span title={exactMoney(r.value)}>{/^0(\.0+)?$/.test(r.value.amount) ? <span className="muted">no value</span> : money(r.value)}</span> },
      { id: "currency", name: "Currency", hideEmpty: true, value: () => "", csv: (r) => r.currency },
      { id: "credit", name: "Most credit", value: credited, cell: (r) => <span className={r.top ? undefined : "muted"}>{credited(r)}</span> },
      { id: "touches", name: "Touches", num: true, value: (r) => r.touches },
      { id: "verdict", name: "Verdict", value: (r) => r.verdict, cell: (r) => (r.verdict === "valid" && !r.adjusted ? <span className="muted">valid</span> : <><Verdict verdict={r.verdict} /> {r.adjusted && <span className="tag warn">{r.adjusted}</span>}</>) },
      { id: "order_id", name: "Order", value: (r) => r.order_id, cell: (r) => <code>{r.order_id || "–"}</code> },
      { id: "person", name: "Person", value: (r) => r.person, cell: (r) => <code>{r.person}</code> },
      { id: "conversion_id", name: "Id", value: (r) => r.conversion_id, cell: (r) => <Link className="link" href={href(`/conversions/${encodeURIComponent(r.conversion_id)}`)}><code>{r.conversion_id}</code></Link> },
    ],
    [view.timezone, href],
  );
  const filtered = Boolean(verdict || person || order);
  return (
    <div className="page">
      <PageHead
        title="Conversions"
        say="Newest first. Open one to see every touch before it, counted or not and why, and the arithmetic of each model."
        tools={
          <>
            <select className="field" aria-label="Verdict" value={verdict} onChange={(e) => setVerdict(e.target.value)}>
              <option value="">All verdicts</option>
              {["valid", "givt", "sivt", "undecided", "duplicate"].map((v) => (
                <option key={v}>{v}</option>
              ))}
            </select>
            <Search label="Person" placeholder="person, u:42" value={person} set={setPerson} />
            <Search label="Order" placeholder="order id" value={order} set={setOrder} />
          </>
        }
      />
      <Loaded query={pages} what="the conversions" rows={14}>
        {(rows) => (
          <TableSheet
            title={rangeName(view)}
            note={<MarkLegend />}
            columns={columns}
            rows={rows}
            rowKey={(r) => r.conversion_id}
            sort={{ id: "event_time", desc: true }}
            href={(r) => href(`/conversions/${encodeURIComponent(r.conversion_id)}`)}
            csvName="conversions"
            height="calc(100dvh - 236px)"
            empty={
              <Empty title={filtered ? "No conversion matches" : "No conversion in this range"}>
                <p>{filtered ? "Ids are compared whole; a person is written u: or a: and the id." : "Take a longer range in the bar above."}</p>
              </Empty>
            }
            foot={<More pages={pages} what="conversions" />}
          />
        )}
      </Loaded>
    </div>
  );
}

/** A field whose value counts when it is left or Enter is pressed. */
export function Search({ label, placeholder, value, set }: { label: string; placeholder: string; value: string; set: (v: string) => void }) {
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        set(new FormData(e.currentTarget).get("q")!.toString().trim());
      }}
    >
      <input className="field" name="q" type="search" aria-label={label} placeholder={placeholder} key={value} defaultValue={value} onBlur={(e) => set(e.target.value.trim())} size={14} />
    </form>
  );
}
