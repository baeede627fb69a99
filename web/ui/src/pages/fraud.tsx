// From gross to net in money: what invalid traffic took, why, where, and the
// verdict on any event.
import "./fraud.css";
import { useMemo } from "react";
import { Link } from "wouter";
import type { components } from "../api/schema";
import { pickCurrency, useOverview } from "../api/queries";
import type { FraudSummary, Meta } from "../api/types";
import { micros, share, sortKey } from "../format/decimal";
import { count, exactMoney, money, orNone, percent, reasonName, words } from "../format/format";
import { fullStamp } from "../format/time";
import { useLiveQuery, usePolled } from "../live/store";
import { Mark } from "../parts/marks";
import { amount, moneyOf } from "../parts/money";
import { Facts, PageHead, Sheet, Verdict } from "../parts/page";
import { Empty, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { params, rangeName, useParam, useView } from "../view/view";
import { Search } from "./conversions";

type Totals = FraudSummary["totals"][number];
type ByReason = FraudSummary["by_reason"][number];
type ByPublisher = FraudSummary["by_publisher"][number];
type ByCampaign = FraudSummary["by_campaign"][number];

export default function Fraud() {
  const { view, href } = useView();
  const [event, setEvent] = useParam("event");
  const overview = useOverview(view);
  const currency = pickCurrency(overview.data?.data, view.currency);
  const query = useLiveQuery<{ data: FraudSummary; meta: Meta }>("fraud", "/v1/fraud/summary", params(view, ["range", "timezone", "campaign"]));
  return (
    <div className="page">
      <PageHead
        title="Invalid traffic"
        say={`Nothing is deleted: gross is all, net is what is left when invalid traffic is taken out. ${rangeName(view)}.`}
        tools={<Search label="Verdict on an event" placeholder="verdict of event" value={event} set={setEvent} />}
      />
      {event && <Lookup id={event} zone={view.timezone} close={() => setEvent("")} />}
      <Loaded query={query} what="invalid traffic" rows={10}>
        {({ data }) => {
          const t = data.totals.find((x) => x.currency === currency) ?? data.totals[0];
          if (!t) return <section className="sheet"><Empty title="No traffic in this range"><p>Take a longer range, or clear the filters.</p></Empty></section>;
          const reasons = data.by_reason.filter((r) => r.currency === t.currency);
          return (
            <>
              <div className="two wide-left">
                <Waterfall t={t} reasons={reasons} />
                <Counts t={t} />
              </div>
              <Reasons rows={reasons} invalid={t.invalid_spend.amount} />
              <div className="two">
                <Campaigns rows={(data.by_campaign ?? []).filter((r) => r.currency === t.currency)} href={(id) => href(`/campaigns/${encodeURIComponent(id)}`)} />
                <Publishers rows={data.by_publisher.filter((r) => r.currency === t.currency)} />
              </div>
            </>
          );
        }}
      </Loaded>
    </div>
  );
}

function Waterfall({ t, reasons }: { t: Totals; reasons: ByReason[] }) {
  const gross = micros(t.gross_spend.amount);
  const net = micros(t.net_spend.amount);
  const w = (n: bigint) => `${(100 * share(n, gross)).toFixed(3)}%`;
  const took = percent(gross === 0n ? 0 : share(gross - net, gross), 2);
  // Under each of its reasons an event counts whole, so only the greatest is named.
  const most = new Map<string, bigint>();
  for (const r of reasons) most.set(r.reason, (most.get(r.reason) ?? 0n) + micros(r.spend.amount));
  const top = [...most].reduce<[string, bigint] | null>((b, r) => (b && b[1] >= r[1] ? b : r), null);
  return (
    <Sheet title="From gross to net" note={`spend, ${t.currency}`} tools={<Mark status={t.status} />}>
      <div className="pad fall" role="img" aria-label={`Gross spend ${money(t.gross_spend)}, less invalid ${money(t.invalid_spend)}, leaves net ${money(t.net_spend)}`}>
        <div className="step">
          <span>Gross spend</span>
          <span className="track"><i className="gross" style={{ left: 0, width: "100%" }} /></span>
          <span className="num amount" title={exactMoney(t.gross_spend)}>{money(t.gross_spend)}</span>
        </div>
        <div className="step">
          <span>Invalid, not counted</span>
          <span className="track">
            <span className="drop" style={{ left: "100%" }} />
            <i className="less" style={{ right: 0, width: w(gross - net) }} />
            <span className="drop" style={{ left: w(net) }} />
            {gross > net && <span className="part" style={{ right: `calc(${w(gross - net)} + 8px)` }}>{took} of gross</span>}
          </span>
          <span className="num amount warn" title={exactMoney(t.invalid_spend)}>{"\u2212"}{money(t.invalid_spend)}</span>
        </div>
        <div className="step total">
          <span>Net spend</span>
          <span className="track"><i className="net" style={{ left: 0, width: w(net) }} /></span>
          <span className="num amount" title={exactMoney(t.net_spend)}>{money(t.net_spend)}</span>
        </div>
      </div>
      <p className="foot">
        {gross === net ? "No spend went to invalid traffic." : `${took} of the spend went to invalid traffic${top && top[1] > 0n ? `, most of it for the reason ${reasonName(top[0]).toLowerCase()} (${money(moneyOf(top[1], t.currency))})` : ""}.`}
      </p>
    </Sheet>
  );
}

function Counts({ t }: { t: Totals }) {
  const rows: [string, number, number, number, number][] = [
    ["Impressions", t.gross_impressions, t.givt_impressions, t.sivt_impressions, t.net_impressions],
    ["Clicks", t.gross_clicks, t.givt_clicks, t.sivt_clicks, t.net_clicks],
  ];
  return (
    <Sheet title="In events">
      <div className="table-box" tabIndex={0} role="group" aria-label="In events: rows">
        <table className="t">
          <thead>
            <tr>
              <th scope="col">Of</th>
              {["Gross", "GIVT", "SIVT", "Net"].map((h) => <th key={h} scope="col" className="num">{h}</th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, ...ns]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {ns.map((n, i) => <td key={i} className={`num${(i === 1 || i === 2) && n > 0 ? " warn" : ""}`}>{count(n)}</td>)}
              </tr>
            ))}
            <tr>
              <th scope="row">Conversions</th>
              <td className="num">{count(t.gross_conversions)}</td>
              <td className="num" colSpan={2} title="invalid, and repeats of an order">{count(t.invalid_conversions)}{t.duplicate_conversions > 0 && <span className="muted"> and {count(t.duplicate_conversions)} repeated</span>}</td>
              <td className="num">{count(t.net_conversions)}</td>
            </tr>
          </tbody>
        </table>
      </div>
      <p className="foot">{percent(t.invalid_rate, 3)} of impressions and clicks are invalid.</p>
    </Sheet>
  );
}

function Reasons({ rows, invalid }: { rows: ByReason[]; invalid: string }) {
  const most = rows.reduce((n, r) => (micros(r.spend.amount) > n ? micros(r.spend.amount) : n), 0n);
  const columns = useMemo((): Column<ByReason>[] => [
    { id: "reason", name: "Reason", value: (r) => reasonName(r.reason), csv: (r) => r.reason },
    { id: "verdict", name: "Verdict", value: (r) => r.verdict, cell: (r) => <Verdict verdict={r.verdict} /> },
    { id: "tier", name: "Tier", title: "1 lists, 2 rates and times, 3 scores", num: true, value: (r) => r.tier },
    { id: "type", name: "On", value: (r) => words(r.type), csv: (r) => r.type },
    { id: "events", name: "Events", num: true, value: (r) => r.events, cell: (r) => count(r.events) },
    { id: "spend", name: "Spend", num: true, value: (r) => amount(r.spend), csv: (r) => r.spend.amount, cell: (r) => <span className="with-bar" title={exactMoney(r.spend)}>{micros(r.spend.amount) > 0n && <i className="bar-cell amber" style={{ width: `${Math.round(120 * share(micros(r.spend.amount), most))}px` }} aria-hidden="true" />}{micros(r.spend.amount) > 0n ? money(r.spend) : <span className="muted">{money(r.spend)}</span>}</span> },
    { id: "share", name: "of invalid spend", num: true, value: (r) => amount(r.spend), csv: () => "", cell: (r) => (micros(invalid) === 0n ? "–" : percent(share(micros(r.spend.amount), micros(invalid)), 1)) },
  ], [most, invalid]);
  return <TableSheet title="By reason" note="an event counts under each of its reasons" columns={columns} rows={rows} rowKey={(r) => r.reason + r.type} sort={{ id: "spend", desc: true }} csvName="invalid-by-reason" height={340} empty={<Empty title="No invalid traffic here" small />} />;
}

function Campaigns({ rows, href }: { rows: ByCampaign[]; href: (id: string) => string }) {
  const columns = useMemo((): Column<ByCampaign>[] => [
    { id: "campaign_id", name: "Campaign", value: (r) => r.campaign_id, cell: (r) => <span className="marked"><Mark status={r.status} />{orNone(r.campaign_id, "campaign")}</span> },
    { id: "gross_spend", name: "Gross", num: true, value: (r) => amount(r.gross_spend), csv: (r) => r.gross_spend.amount, cell: (r) => money(r.gross_spend) },
    { id: "invalid_spend", name: "Invalid", num: true, value: (r) => amount(r.invalid_spend), csv: (r) => r.invalid_spend.amount, cell: (r) => <span className={micros(r.invalid_spend.amount) > 0n ? "warn" : "muted"} title={exactMoney(r.invalid_spend)}>{money(r.invalid_spend)}</span> },
    { id: "net_spend", name: "Net", num: true, value: (r) => amount(r.net_spend), csv: (r) => r.net_spend.amount, cell: (r) => money(r.net_spend) },
    { id: "invalid_rate", name: "Share", title: "Of impressions and clicks", num: true, value: (r) => sortKey(r.invalid_rate), csv: (r) => r.invalid_rate, cell: (r) => percent(r.invalid_rate, 2) },
  ], []);
  return <TableSheet title="By campaign" columns={columns} rows={rows} rowKey={(r) => r.campaign_id} sort={{ id: "invalid_spend", desc: true }} href={(r) => href(r.campaign_id)} csvName="invalid-by-campaign" height={380} empty={<Empty title="No campaign is touched" small />} />;
}

function Publishers({ rows }: { rows: ByPublisher[] }) {
  const columns = useMemo((): Column<ByPublisher>[] => [
    { id: "publisher_id", name: "Publisher", value: (r) => r.publisher_id, cell: (r) => orNone(r.publisher_id, "publisher") },
    { id: "reason", name: "Reason", value: (r) => reasonName(r.reason), csv: (r) => r.reason },
    { id: "events", name: "Events", num: true, value: (r) => r.events, cell: (r) => count(r.events) },
    { id: "spend", name: "Spend", num: true, value: (r) => amount(r.spend), csv: (r) => r.spend.amount, cell: (r) => <span title={exactMoney(r.spend)}>{money(r.spend)}</span> },
  ], []);
  return <TableSheet title="By publisher" columns={columns} rows={rows} rowKey={(r) => r.publisher_id + "\u0000" + r.reason} sort={{ id: "spend", desc: true }} csvName="invalid-by-publisher" height={380} empty={<Empty title="No publisher is touched" small />} />;
}

type Verdicts = components["schemas"]["Verdicts"];

function Lookup({ id, zone, close }: { id: string; zone: string; close: () => void }) {
  const query = usePolled<Verdicts>(`/v1/fraud/events/${encodeURIComponent(id)}`, {}, 0);
  return (
    <Sheet title={`The verdict on ${id}`} tools={<button type="button" className="btn plain" onClick={close}>Close</button>}>
      <Loaded query={query} what="verdict on this event" rows={2}>
        {(v) => v.data.length === 0 ? <Empty title="No verdict is kept" small><p>Either there is no such event, or it is valid without any reason: only the others are kept.</p></Empty> : (
          <div className="pad" style={{ display: "grid", gap: 16 }}>
            {v.data.map((e) => (
              <div key={e.event_time + e.person} style={{ display: "grid", gap: 10 }}>
                <Facts items={[["Verdict", <Verdict key="v" verdict={e.verdict} />], ["Reasons", e.reasons.map(reasonName).join(", ") || "none"], ["In shadow", e.shadow_reasons.map(reasonName).join(", ") || "none", "Reported, changes nothing"], ["Tier", e.tier || "–"], ["Type", words(e.type)], ["Score", e.score || "–"]]} />
                <dl className="kv"><dt>Time</dt><dd>{fullStamp(e.event_time, zone)}</dd><dt>Person</dt><dd><code>{e.person}</code></dd><dt>Campaign</dt><dd>{e.campaign_id ? <Link className="link" href={`/campaigns/${encodeURIComponent(e.campaign_id)}`}>{e.campaign_id}</Link> : "none"}</dd></dl>
              </div>
            ))}
          </div>
        )}
      </Loaded>
    </Sheet>
  );
}
