// Campaigns under the chosen model and, for the difference, under last touch.
import { useMemo } from "react";
import { useCampaigns } from "./queries";
import type { CampaignFigures } from "./types";
import { useLiveQuery } from "../live/store";
import type { Page } from "./types";
import { ANALYTICAL, params, type View } from "../view/view";

const ALL = ANALYTICAL.filter((p) => p !== "currency");

export function useCampaignTable(view: View, currency: string) {
  const main = useCampaigns(view, currency);
  const other = view.model !== "last_touch";
  const last = useLiveQuery<Page<CampaignFigures>>("campaigns", "/v1/campaigns", { ...params({ ...view, model: "last_touch" }, ALL), ...(currency ? { currency } : {}), limit: "1000" }, other);
  const lastTouch = useMemo(() => (other && last.data ? new Map(last.data.data.filter((r) => r.currency === currency).map((r) => [r.campaign_id, r])) : null), [other, last.data, currency]);
  const rows = useMemo(() => (main.data?.data ?? []).filter((r) => r.currency === currency), [main.data, currency]);
  return { main, rows, lastTouch, openFrom: main.data?.meta?.sparkline?.open_from ?? Number.MAX_SAFE_INTEGER };
}
