// One campaign: its figures, its time series, where it runs, what each model
// says of it, and its creatives.
import { useMemo } from "react";
import { Link, useParams } from "wouter";
import type { components } from "../api/schema";
import { followFigures, useSeries } from "../api/queries";
import type { Answer, CampaignFigures, ChannelFigures, Figures } from "../api/types";
import { micros, share, sortKey } from "../format/decimal";
import { count, decimal, exactMoney, modelName, money, orNone, percent, ratio } from "../format/format";
import { useFollowed } from "../live/store";
import { Mark } from "../parts/marks";
import { amount } from "../parts/money";
import { Facts, PageHead, Sheet } from "../parts/page";
import { Bones, Empty, Failed, Loaded } from "../parts/states";
import { TableSheet, type Column } from "../parts/table";
import { params, rangeName, useView } from "../view/view";
import { SeriesChart } from "./live/series";

type Campaign = components["schemas"]["Campaign"];
type ByModel = Campaign["data"]["by_model"][number];
interface Creative {
  creative_id: string;
  currency: string;
  unattributed: boolean;
  spend: ChannelFigures["spend"] | null;
  credited_conversions: string;
  credited_value: ChannelFigures["spend"];
  roas: string | null;
  cpa: ChannelFigures["spend"] | null;
  status: ChannelFigures["status"];
}

export default function CampaignPage() {
  const { view, href } = useView();
  const id = decodeURIComponent(useParams<{ id: string }>().id ?? "");
  const own = useMemo(() => ({ ...view, campaign: [id] }), [view, id]);
  const campaign = useFollowed<Campaign, Answer<Figures[]>>(`/v1/campaigns/${encodeURIComponent(id)}`, params(view, ["range", "timezone", "model", "basis", "traffic", "channel"]), followFigures(own));
  const totals = campaign.data?.data.totals ?? [];
  const chosen = totals.find((t) => t.currency === view.currency) ?? totals.reduce<CampaignFigures | undefined>((b, t) => (b && micros(b.spend.amount) >= micros(t.spend.amount) ? b : t), undefined);
  const currency = chosen?.currency ?? "";
  const series = useSeries(own, currency);
  const creatives = useFollowed<Answer<Creative[]>, Answer<Figures[]>>("/v1/attribution", { ...params(own, ["range", "timezone", "model", "basis", "traffic", "campaign", "channel"]), group_by: "creative" }, followFigures(own));
  return (
    <div className="page">
      <PageHead
        crumb={<Link href={href("/campaigns")}>Campaigns</Link>}
        title={orNone(id, "campaign")}
        say={`${rangeName(view)}, ${view.traffic} traffic, credit by ${modelName(view.model).toLowerCase()}.`}
        tools={
          totals.length > 1 && (
            <>
              {totals.map((t) => (
                <Link key={t.currency} className={`tag${t.currency === currency ? " good" : ""}`} href={href(`/campaigns/${encodeURIComponent(id)}`).replace(/([?&])currency=[A-Z]+&?/, "$1") + (location.search.length > 1 ? "&" : "?") + `currency=${t.currency}`} replace>
                  {t.currency}
                </Link>
              ))}
            </>
          )
        }
      />
      <Loaded query={campaign} what="the campaign" rows={5}>
        {(c) =>
          !chosen ? (
            <section className="sheet">
              <Empty title="Nothing of this campaign in the range">
                <p>It had no delivery and no credit here. Take a longer range, or another channel filter.</p>
              </Empty>
            </section>
          ) : (
            <>
              <section className="sheet" aria-label="Figures">
                <div className="pad" style={{ paddingTop: 12 }}>
                  <Facts
                    items={[
                      ["Spend", <Marked key="s" f={chosen}>{money(chosen.spend)}</Marked>, exactMoney(chosen.spend)],
                      ["Credit", money(chosen.credited_value), exactMoney(chosen.credited_value)],
                      ["ROAS", ratio(chosen.roas)],
                      ["Conversions", decimal(chosen.credited_conversions, 2), chosen.credited_conversions ?? ""],
                      ["CPA", money(chosen.cpa), exactMoney(chosen.cpa)],
                      ["Impressions", count(chosen.impressions)],
                      ["Clicks", <>{count(chosen.clicks)} <small>{percent(chosen.ctr, 2)} CTR</small></>],
                      ["Invalid", <>{percent(chosen.invalid_rate, 2)} <small>{money(chosen.invalid_spend)}</small></>, `Invalid spend ${exactMoney(chosen.invalid_spend)}`],
                    ]}
                  />
                </div>
              </section>
              {series.data ? <SeriesChart answer={series.data} view={own} currency={currency} height={240} /> : <section className="sheet">{series.error ? <Failed error={series.error} what="the time series" retry={() => void series.refetch()} /> : <Bones />}</section>}
              <div className="two">
                <div className="column">
                  <ByChannel rows={c.data.by_channel.filter((r) => r.currency === currency)} />
                  <Loaded query={creatives} what="the creatives">{(a) => <Creatives rows={a.data.filter((r) => r.currency === currency && !r.unattributed)} />}</Loaded>
                </div>
                <Models rows={c.data.by_model.filter((r) => r.currency === currency)} model={view.model} />
              </div>
            </>
          )
        }
      </Loaded>
    </div>
  );
}

function Marked({ f, children }: { f: { status: CampaignFigures["status"] }; children: React.ReactNode }) {
  return (
    <span className="marked">
      {children}
      <Mark status={f.status} />
    </span>
  );
}

const channelColumns: Column<ChannelFigures>[] = [
  { id: "channel", name: "Channel", value: (r) => r.channel, cell: (r) => <span className="marked"><Mark status={r.status} />{orNone(r.channel, "channel")}</span> },
  { id: "spend", name: "Spend", num: true, value: (r) => amount(r.spend), csv: (r) => r.spend.amount, cell: (r) => money(r.spend) },
  { id: "credited_value", name: "Credit", num: true, value: (r) => amount(r.credited_value), csv: (r) => r.credited_value?.amount, cell: (r) => money(r.credited_value) },
  { id: "roas", name: "ROAS", num: true, value: (r) => sortKey(r.roas), csv: (r) => r.roas, cell: (r) => ratio(r.roas) },
  { id: "clicks", name: "Clicks", num: true, value: (r) => r.clicks, cell: (r) => count(r.clicks) },
  { id: "invalid_rate", name: "Invalid", num: true, value: (r) => sortKey(r.invalid_rate), csv: (r) => r.invalid_rate, cell: (r) => percent(r.invalid_rate, 2) },
];

function ByChannel({ rows }: { rows: ChannelFigures[] }) {
  return <TableSheet title="By channel" columns={channelColumns} rows={rows} rowKey={(r) => r.channel} sort={{ id: "spend", desc: true }} height={320} />;
}

function Models({ rows, model }: { rows: ByModel[]; model: string }) {
  const most = rows.reduce((n, r) => (micros(r.credited_value?.amount ?? "0") > n ? micros(r.credited_value?.amount ?? "0") : n), 0n);
  const columns = useMemo(
    (): Column<ByModel>[] => [
      { id: "model", name: "Model", value: (r) => modelName(r.model), csv: (r) => r.model, cell: (r) => (r.model === model ? <b>{modelName(r.model)}</b> : modelName(r.model)) },
      { id: "bar", name: "Bar", unnamed: true, plain: true, value: () => undefined, cell: (r) => <i className={`bar-cell${r.model === model ? "" : " slate"}`} style={{ width: `${Math.round(150 * share(micros(r.credited_value?.amount ?? "0"), most))}px` }} aria-hidden="true" /> },
      { id: "credited_value", name: "Credit", num: true, value: (r) => amount(r.credited_value), csv: (r) => r.credited_value?.amount, cell: (r) => <span title={exactMoney(r.credited_value)}>{money(r.credited_value)}</span> },
      { id: "credited_conversions", name: "Conv.", num: true, value: (r) => sortKey(r.credited_conversions), csv: (r) => r.credited_conversions, cell: (r) => decimal(r.credited_conversions, 2) },
      { id: "roas", name: "ROAS", num: true, value: (r) => sortKey(r.roas), csv: (r) => r.roas, cell: (r) => ratio(r.roas) },
    ],
    [model, most],
  );
  return <TableSheet title="Credit under each model" columns={columns} rows={rows} rowKey={(r) => r.model} height={320} />;
}

const creativeColumns = (rows: Creative[]): Column<Creative>[] => [
  { id: "creative_id", name: "Creative", value: (r) => r.creative_id, cell: (r) => <span className="marked"><Mark status={r.status} />{orNone(r.creative_id, "creative")}</span> },
  ...(rows.some((r) => r.spend) ? [{ id: "spend", name: "Spend", num: true, value: (r: Creative) => amount(r.spend), csv: (r: Creative) => r.spend?.amount, cell: (r: Creative) => money(r.spend) } satisfies Column<Creative>] : []),
  { id: "credited_value", name: "Credit", num: true, value: (r) => amount(r.credited_value), csv: (r) => r.credited_value.amount, cell: (r) => <span title={exactMoney(r.credited_value)}>{money(r.credited_value)}</span> },
  { id: "credited_conversions", name: "Conv.", num: true, value: (r) => sortKey(r.credited_conversions), csv: (r) => r.credited_conversions, cell: (r) => decimal(r.credited_conversions, 2) },
  ...(rows.some((r) => r.roas)
    ? ([
        { id: "roas", name: "ROAS", num: true, value: (r) => sortKey(r.roas), csv: (r) => r.roas, cell: (r) => ratio(r.roas) },
        { id: "cpa", name: "CPA", num: true, value: (r) => amount(r.cpa), csv: (r) => r.cpa?.amount, cell: (r) => money(r.cpa) },
      ] satisfies Column<Creative>[])
    : []),
];

function Creatives({ rows }: { rows: Creative[] }) {
  const columns = useMemo(() => creativeColumns(rows), [rows]);
  return rows.length === 0 ? (
    <Sheet title="Creatives">
      <Empty title="No creative has credit here" small />
    </Sheet>
  ) : (
    <TableSheet title="Creatives" note="credit down to the ad" columns={columns} rows={rows} rowKey={(r) => r.creative_id} sort={{ id: "credited_value", desc: true }} height={420} />
  );
}
