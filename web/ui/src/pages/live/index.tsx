// The first screen: what is going on, what is wrong, how much money it is about
// and how fresh it all is, without scrolling.
import "./live.css";
import { useMemo } from "react";
import { useCampaignTable } from "../../api/campaigns";
import { pickCurrency, useHealth, useOverview, useSeries } from "../../api/queries";
import { campaignColumns } from "../../parts/campaign-columns";
import { FirstRun } from "../../parts/first-run";
import { MarkLegend } from "../../parts/marks";
import { Bones, Failed } from "../../parts/states";
import { TableSheet } from "../../parts/table";
import { gap, isLiveRange, useView } from "../../view/view";
import { Attention } from "./attention";
import { Latest } from "./latest";
import { NoMatch } from "./no-match";
import { SeriesChart } from "./series";
import { TileBones, Tiles } from "./tiles";

export default function Live() {
  const { view, href } = useView();
  const overview = useOverview(view);
  const health = useHealth();
  const currency = pickCurrency(overview.data?.data, view.currency);
  const series = useSeries(view, currency);
  const hour = useSeries(isLiveRange(view) ? { ...view, from: "-1h", compare: view.from === "-1h" ? view.compare : "none" } : view, currency);
  const campaigns = useCampaignTable(view, currency);
  const f = overview.data?.data.find((x) => x.currency === currency);
  const columns = useMemo(
    () => campaignColumns({ rows: campaigns.rows, total: f, currency, lastTouch: campaigns.lastTouch, openFrom: campaigns.openFrom, full: false, compared: false }),
    [campaigns.rows, f, campaigns.lastTouch, campaigns.openFrom, currency],
  );
  const points = useMemo(() => (hour.data?.data ?? []).filter((p) => p.currency === currency), [hour.data, currency]);

  if (overview.data && !f) {
    return <div className="page"><h1 className="sr">Live</h1>{health.data?.data.counts.records === 0 ? <FirstRun /> : <NoMatch />}</div>;
  }
  return (
    <div className="first">
      <h1 className="sr">Live</h1>
      {f ? <Tiles f={f} points={points} view={view} lacking={gap(view, overview.data?.meta.compare)} /> : overview.error ? <section className="tiles-failed sheet"><Failed error={overview.error} what="the key figures" retry={() => void overview.refetch()} /></section> : <TileBones />}
      <div className="first-left">
        {series.data ? (
          <SeriesChart answer={series.data} view={view} currency={currency} />
        ) : (
          <section className="sheet series" aria-label="Over time">
            {series.error ? <Failed error={series.error} what="the time series" retry={() => void series.refetch()} /> : <Bones rows={6} label="Loading the time series" />}
          </section>
        )}
        {campaigns.main.data ? (
          <TableSheet title="Campaigns" note={<MarkLegend />} columns={columns} rows={campaigns.rows} rowKey={(r) => r.campaign_id + r.currency} sort={{ id: "spend", desc: true }} href={(r) => href(`/campaigns/${encodeURIComponent(r.campaign_id)}`)} fill />
        ) : (
          <section className="sheet" aria-label="Campaigns">
            {campaigns.main.error ? <Failed error={campaigns.main.error} what="the campaigns" retry={() => void campaigns.main.refetch()} /> : <Bones rows={9} label="Loading campaigns" />}
          </section>
        )}
      </div>
      <div className="first-right">
        <Attention />
        <Latest view={view} />
      </div>
    </div>
  );
}
