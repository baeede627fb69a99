// All campaigns with every figure.
import { useMemo } from "react";
import { useCampaignTable } from "../api/campaigns";
import { pickCurrency, useHealth, useOverview } from "../api/queries";
import { modelName } from "../format/format";
import { campaignColumns } from "../parts/campaign-columns";
import { FirstRun } from "../parts/first-run";
import { MarkLegend } from "../parts/marks";
import { PageHead } from "../parts/page";
import { Loaded } from "../parts/states";
import { TableSheet } from "../parts/table";
import { gap, rangeName, useView } from "../view/view";
import { NoMatch } from "./live/no-match";

export default function Campaigns() {
  const { view, href } = useView();
  const overview = useOverview(view);
  const health = useHealth();
  const currency = pickCurrency(overview.data?.data, view.currency);
  const all = overview.data?.data.find((f) => f.currency === currency);
  const { main, rows, lastTouch, openFrom } = useCampaignTable(view, currency);
  const lacking = gap(view, overview.data?.meta.compare);
  const compared = view.compare !== "none" && !lacking;
  const columns = useMemo(() => campaignColumns({ rows, total: all, currency, lastTouch, openFrom, full: true, compared }), [rows, all, currency, lastTouch, openFrom, compared]);
  return (
    <div className="page">
      <PageHead title="Campaigns" say={`${rangeName(view)}, ${view.traffic} traffic, credit by ${modelName(view.model).toLowerCase()}. Credit without a touch belongs to no campaign and is not here.${lacking ? ` Changes are left out: ${lacking} was recorded.` : ""}`} />
      <Loaded query={main} what="the campaigns" rows={14}>
        {() => (rows.length === 0 ? health.data?.data.counts.records === 0 ? <FirstRun /> : <NoMatch /> : (
          <TableSheet title="All campaigns" note={<MarkLegend />} columns={columns} rows={rows} rowKey={(r) => r.campaign_id + r.currency} sort={{ id: "spend", desc: true }} href={(r) => href(`/campaigns/${encodeURIComponent(r.campaign_id)}`)} csvName="campaigns" height="calc(100dvh - 190px)" />
        ))}
      </Loaded>
    </div>
  );
}
