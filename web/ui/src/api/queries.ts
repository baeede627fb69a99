// The questions that several pages ask.
import type { components } from "./schema";
import type { Answer, CampaignFigures, ConversionRow, Figures, Page, Pipeline, Point } from "./types";
import { useLiveQuery, usePolled } from "../live/store";
import { ANALYTICAL, interval, params, type View } from "../view/view";

export type Alert = components["schemas"]["Alert"];
export type Alerts = components["schemas"]["Alerts"];

const compare = (view: View): Record<string, string> => (view.compare === "none" ? {} : { compare: view.compare });

// Every currency is asked for, so that the page can tell which there are; the
// chosen one is picked here.
const ALL = ANALYTICAL.filter((p) => p !== "currency");

const overview = (view: View) => ({ ...params(view, ALL), ...compare(view) });

export const useOverview = (view: View) => useLiveQuery<Answer<Figures[]>>("kpis", "/v1/overview", overview(view));

/** What of the key figures others follow that no channel carries: all of them, or credit alone. */
export const followFigures = (view: View) => ({ ch: "kpis" as const, params: overview(view), of: (a: Answer<Figures[]>) => a.data });
export const followCredit = (view: View) => ({ ...followFigures(view), of: (a: Answer<Figures[]>) => a.data.map((f) => [f.currency, f.conversions, f.value, f.credited_conversions, f.credited_value]) });

export const useSeries = (view: View, currency: string) =>
  useLiveQuery<Answer<Point[]>>("series", "/v1/timeseries", { ...params(view, ALL), ...(currency ? { currency } : {}), interval: interval(view), ...compare(view) });

export const useCampaigns = (view: View, currency: string) =>
  useLiveQuery<Page<CampaignFigures>>("campaigns", "/v1/campaigns", { ...params(view, ALL), ...(currency ? { currency } : {}), limit: "1000", sparkline: "spend", ...compare(view) });

export const useHealth = () => useLiveQuery<{ data: Pipeline }>("health", "/v1/pipeline", {});

export const useAlerts = () => useLiveQuery<Alerts>("alerts", "/v1/alerts", {});

export type Session = components["schemas"]["Identity"]["data"];

/** Who is asking, and what they may do. A key may be taken away at any time. */
export const useSession = () => usePolled<{ data: Session }>("/v1/session", {}, 15_000);

export const useLatest = (view: View) => useLiveQuery<Page<ConversionRow>>("conversions", "/v1/conversions", { limit: "20", expand: "top", model: view.model });

/** The currency that is shown: the chosen one, else that with most spend. */
export function pickCurrency(data: Figures[] | undefined, chosen: string): string {
  if (!data?.length) return chosen;
  if (data.some((f) => f.currency === chosen)) return chosen;
  return data.reduce((best, f) => (Number(f.spend.amount) + Number(f.value?.amount ?? 0) > Number(best.spend.amount) + Number(best.value?.amount ?? 0) ? f : best)).currency;
}
