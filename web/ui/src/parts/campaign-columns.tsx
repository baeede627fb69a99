// The columns of campaign tables, on the live page and on their own.
import type { CampaignFigures, Figures } from "../api/types";
import { micros, share, sortKey } from "../format/decimal";
import { count, decimal, exactMoney, money, orNone, percent, ratio, signedMoney, signedPercent } from "../format/format";
import { Mark } from "./marks";
import { amount, minus, total } from "./money";
import { Spark } from "./spark";
import type { Column } from "./table";

export interface CampaignOptions {
  rows: CampaignFigures[];
  total: Figures | undefined; // of everything in the view, as the key figures show it
  currency: string;
  lastTouch: Map<string, CampaignFigures> | null; // null: that is the model shown
  openFrom: number;
  full: boolean;
  compared: boolean;
}

export function campaignColumns({ rows, total: all, currency, lastTouch, openFrom, full, compared }: CampaignOptions): Column<CampaignFigures>[] {
  const difference = (r: CampaignFigures) => minus(r.credited_value, lastTouch?.get(r.campaign_id)?.credited_value ?? { amount: "0.00", currency });
  // The last row is the answer that the key figures come from, so that one screen
  // never says two things; the rows follow within a tick, and add up to it.
  const spend = all?.spend ?? total(rows.map((r) => r.spend), currency);
  const credit = all?.credited_value ?? total(rows.map((r) => r.credited_value), currency);
  const most = rows.reduce((n, r) => (micros(r.spend.amount) > n ? micros(r.spend.amount) : n), 0n);
  const delta = (c: string | null | undefined) => {
    if (c === null || c === undefined) return <span className="muted">–</span>;
    const n = Number(c);
    return <span className="soft">{n >= 9.995 ? `×${count(Math.round(n + 1))}` : signedPercent(n)}</span>;
  };
  return [
    {
      id: "campaign_id",
      name: "Campaign",
      value: (r) => r.campaign_id,
      cell: (r) => (
        <span className="marked">
          <Mark status={r.status} />
          <span className="truncate">{orNone(r.campaign_id, "campaign")}</span>
        </span>
      ),
      foot: `${count(rows.length)} ${rows.length === 1 ? "campaign" : "campaigns"}`,
    },
    ...(rows.some((r) => r.sparkline)
      ? [{ id: "trend", name: "Spend over time", plain: true, wideOnly: true, value: () => undefined, csv: (r: CampaignFigures) => (r.sparkline ?? []).join(" "), cell: (r: CampaignFigures) => <span className="trend"><Spark values={(r.sparkline ?? []).map((v) => (v === null ? null : Number(v)))} openFrom={openFrom} tone="slate" label={`Spend of ${r.campaign_id} over time`} height={18} /></span> } satisfies Column<CampaignFigures>]
      : []),
    {
      id: "spend",
      name: "Spend",
      num: true,
      value: (r) => amount(r.spend),
      csv: (r) => r.spend.amount,
      cell: (r) => (
        <span className="with-bar" title={exactMoney(r.spend)}>
          {micros(r.spend.amount) > 0n && <i className="bar-cell slate" style={{ width: `${Math.round(44 * share(micros(r.spend.amount), most))}px` }} aria-hidden="true" />}
          {money(r.spend)}
        </span>
      ),
      foot: <span title={exactMoney(spend)}>{money(spend)}</span>,
    },
    ...(full && compared ? [{ id: "spend_change", name: "Change", title: "Change of spend against the range compared with", num: true, wideOnly: true, value: (r: CampaignFigures) => sortKey(r.change?.spend), csv: (r: CampaignFigures) => r.change?.spend, cell: (r: CampaignFigures) => delta(r.change?.spend) } satisfies Column<CampaignFigures>] : []),
    { id: "credited_value", name: "Credit", title: "Attributed revenue under the chosen model", num: true, value: (r) => amount(r.credited_value), csv: (r) => r.credited_value?.amount, cell: (r) => <span title={exactMoney(r.credited_value)}>{money(r.credited_value)}</span>, foot: <span title={exactMoney(credit)}>{money(credit)}</span> },
    ...(full && compared ? [{ id: "credit_change", name: "Change", title: "Change of credit against the range compared with", num: true, wideOnly: true, value: (r: CampaignFigures) => sortKey(r.change?.credited_value), csv: (r: CampaignFigures) => r.change?.credited_value, cell: (r: CampaignFigures) => delta(r.change?.credited_value) } satisfies Column<CampaignFigures>] : []),
    ...(lastTouch
      ? [
          {
            id: "against_last_touch",
            name: "vs last touch",
            title: "Credit under the chosen model less credit under last touch",
            num: true,
            hideEmpty: true,
            value: (r: CampaignFigures) => amount(difference(r)),
            csv: (r: CampaignFigures) => difference(r)?.amount,
            cell: (r: CampaignFigures) => {
              const d = difference(r);
              return d && micros(d.amount) !== 0n ? <span className={micros(d.amount) > 0n ? "good" : "soft"} title={exactMoney(d)}>{signedMoney(d)}</span> : <span className="muted">=</span>;
            },
          } satisfies Column<CampaignFigures>,
        ]
      : []),
    { id: "roas", name: "ROAS", num: true, value: (r) => sortKey(r.roas), csv: (r) => r.roas, cell: (r) => ratio(r.roas), foot: all ? ratio(all.roas) : undefined },
    { id: "credited_conversions", name: "Credited conv.", title: "Conversions as far as they are credited to touches", num: true, value: (r) => sortKey(r.credited_conversions), csv: (r) => r.credited_conversions, cell: (r) => <span title={r.credited_conversions ?? ""}>{decimal(r.credited_conversions, 1)}</span>, foot: all ? decimal(all.credited_conversions, 1) : undefined },
    // What was got without spend cost nothing: no CPA is nearer the truth than $0.00.
    { id: "cpa", name: "CPA", num: true, value: (r) => (micros(r.spend.amount) === 0n ? undefined : amount(r.cpa)), csv: (r) => r.cpa?.amount, cell: (r) => (micros(r.spend.amount) === 0n ? <span className="muted" title="no spend">–</span> : <span title={exactMoney(r.cpa)}>{money(r.cpa)}</span>), foot: all ? <span title={exactMoney(all.cpa)}>{money(all.cpa)}</span> : undefined },
    ...(full
      ? ([
          { id: "impressions", name: "Impressions", num: true, value: (r) => r.impressions, cell: (r) => count(r.impressions), foot: count(all?.impressions ?? rows.reduce((n, r) => n + r.impressions, 0)) },
          { id: "clicks", name: "Clicks", num: true, value: (r) => r.clicks, cell: (r) => count(r.clicks), foot: count(all?.clicks ?? rows.reduce((n, r) => n + r.clicks, 0)) },
          { id: "ctr", name: "CTR", num: true, value: (r) => sortKey(r.ctr), csv: (r) => r.ctr, cell: (r) => percent(r.ctr, 2), foot: all ? percent(all.ctr, 2) : undefined },
          { id: "invalid_spend", name: "Invalid spend", num: true, value: (r) => amount(r.invalid_spend), csv: (r) => r.invalid_spend.amount, cell: (r) => <span title={exactMoney(r.invalid_spend)}>{money(r.invalid_spend)}</span>, foot: money(all?.invalid_spend ?? total(rows.map((r) => r.invalid_spend), currency)) },
        ] satisfies Column<CampaignFigures>[])
      : []),
    { id: "invalid_rate", name: "Invalid", title: "Share of impressions and clicks that are invalid", num: true, value: (r) => sortKey(r.invalid_rate), csv: (r) => r.invalid_rate, cell: (r) => <span className={Number(r.invalid_rate ?? 0) >= 0.05 ? "warn" : undefined}>{percent(r.invalid_rate, 2)}</span>, foot: all ? percent(all.invalid_rate, 2) : undefined },
  ];
}
