// The view: everything about what is looked at that another person should see
// when they open the same address. It lives in the address and nowhere else.
import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";
import { isZone } from "../format/time";
import { usePrefs } from "./prefs";

export const RANGES = [
  { id: "-15m", name: "Last 15 minutes", short: "15 min" },
  { id: "-1h", name: "Last hour", short: "1 hour" },
  { id: "-6h", name: "Last 6 hours", short: "6 hours" },
  { id: "-24h", name: "Last 24 hours", short: "24 hours" },
  { id: "-7d", name: "Last 7 days", short: "7 days" },
  { id: "-30d", name: "Last 30 days", short: "30 days" },
] as const;

export const COMPARES = [
  { id: "yesterday", name: "Same time yesterday", short: "vs yesterday", tail: "vs yesterday", base: "yesterday" },
  { id: "last_week", name: "Same time last week", short: "vs last week", tail: "vs last week", base: "last week" },
  { id: "previous_period", name: "Period before", short: "vs period before", tail: "vs before", base: "the period before" },
  { id: "none", name: "No comparison", short: "no comparison", tail: "", base: "" },
] as const;

// How much of the range compared with was recorded, where it is not all of it.
export function gap(view: View, compare: { to: string; data_from: string | null } | undefined): string {
  if (!compare?.data_from) return "";
  const { base } = COMPARES.find((c) => c.id === view.compare)!;
  return compare.data_from < compare.to ? `only part of ${base}` : `nothing of ${base}`;
}

export const MODELS = ["first_touch", "last_touch", "last_non_direct", "linear", "position_based", "j_shaped", "inverse_j", "time_decay", "participation"] as const;

export interface View {
  from: string; // RFC 3339 or relative
  to: string; // RFC 3339, or empty for now
  timezone: string;
  compare: (typeof COMPARES)[number]["id"];
  model: string;
  basis: "conversion_time" | "touch_time";
  traffic: "net" | "gross";
  currency: string; // empty: the one with the greatest spend
  campaign: string[];
  channel: string[];
}

export const DEFAULT_VIEW: View = {
  from: "-1h", to: "", timezone: "UTC", compare: "yesterday", model: "last_non_direct", basis: "conversion_time", traffic: "net", currency: "", campaign: [], channel: [],
};

const KEYS: Record<keyof View, string> = {
  from: "from", to: "to", timezone: "timezone", compare: "compare", model: "model", basis: "basis", traffic: "traffic", currency: "currency", campaign: "campaign_id", channel: "channel",
};

/** Reads a query string; what is wrong in it counts as absent. */
export function parseView(search: string, defaults: View = DEFAULT_VIEW): View {
  const p = new URLSearchParams(search);
  const one = (key: keyof View, ok: (v: string) => boolean): string => {
    const v = p.get(KEYS[key]);
    return v !== null && ok(v) ? v : String(defaults[key]);
  };
  const isTime = (v: string) => /^-\d+(ms|s|m|h|d|w)$/.test(v) || !Number.isNaN(Date.parse(v));
  const view: View = {
    from: one("from", isTime),
    to: one("to", isTime),
    timezone: one("timezone", isZone),
    compare: one("compare", (v) => COMPARES.some((c) => c.id === v)) as View["compare"],
    model: one("model", (v) => (MODELS as readonly string[]).includes(v)),
    basis: one("basis", (v) => v === "conversion_time" || v === "touch_time") as View["basis"],
    traffic: one("traffic", (v) => v === "net" || v === "gross") as View["traffic"],
    currency: one("currency", (v) => /^[A-Z]{3}$/.test(v)),
    campaign: p.has(KEYS.campaign) ? splitList(p.get(KEYS.campaign)!) : defaults.campaign,
    channel: p.has(KEYS.channel) ? splitList(p.get(KEYS.channel)!) : defaults.channel,
  };
  if (bounds(view, 0).from >= bounds(view, 0).to) Object.assign(view, { from: defaults.from, to: defaults.to });
  return view;
}

/** The query string of a view: what differs from the defaults, in a fixed order. */
export function viewQuery(view: View, defaults: View = DEFAULT_VIEW, rest?: URLSearchParams): string {
  const p = new URLSearchParams();
  for (const key of Object.keys(KEYS) as (keyof View)[]) {
    const v = view[key];
    const text = Array.isArray(v) ? joinList(v) : v;
    const standard = defaults[key];
    if (text !== (Array.isArray(standard) ? joinList(standard) : standard)) p.set(KEYS[key], text);
  }
  for (const [k, v] of rest ?? []) if (!Object.values(KEYS).includes(k)) p.append(k, v);
  const s = p.toString();
  return s ? "?" + s : "";
}

/** Comma lists as the API reads them: a backslash guards commas in a value. */
export function joinList(values: string[]): string {
  return values.map((v) => v.replaceAll("\\", "\\\\").replaceAll(",", "\\,")).join(",");
}

export function splitList(s: string): string[] {
  if (s === "") return [];
  const out = [""];
  for (let i = 0; i < s.length; i++) {
    if (s[i] === "\\" && i + 1 < s.length) out[out.length - 1] += s[++i]!;
    else if (s[i] === ",") out.push("");
    else out[out.length - 1] += s[i]!;
  }
  return out;
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

function resolve(t: string, now: number): number {
  const m = /^-(\d+)(ms|s|m|h|d|w)$/.exec(t);
  if (m) return now - Number(m[1]) * UNITS[m[2]!]!;
  return t === "" || t === "now" ? now : Date.parse(t);
}

/** The bounds of the range in ms, given the time now. */
export function bounds(view: Pick<View, "from" | "to">, now: number): { from: number; to: number } {
  return { from: resolve(view.from, now), to: resolve(view.to, now) };
}

/** Whether the range ends now, so that live frames belong to it. */
export const isLiveRange = (view: View): boolean => view.to === "";

export function rangeName(view: View): string {
  return RANGES.find((r) => r.id === view.from && view.to === "")?.name ?? "Own range";
}

/** Points that a chart can show: minutes up to 6 h, hours up to 8 days, then days. */
export function interval(view: View): "minute" | "hour" | "day" {
  const { from, to } = bounds(view, 0);
  return to - from <= 6 * UNITS.h! ? "minute" : to - from <= 8 * UNITS.d! ? "hour" : "day";
}

export type Part = "range" | "timezone" | "compare" | "model" | "basis" | "traffic" | "campaign" | "channel" | "currency";

/** The API parameters that stand for parts of a view. */
export function params(view: View, parts: Part[]): Record<string, string> {
  const out: Record<string, string> = {};
  for (const part of parts) {
    if (part === "range") {
      out.from = view.from;
      if (view.to) out.to = view.to;
    } else if (part === "campaign" || part === "channel") {
      if (view[part].length) out[KEYS[part]] = joinList(view[part]);
    } else if (part === "currency") {
      if (view.currency) out.currency = view.currency;
    } else {
      out[part] = view[part];
    }
  }
  return out;
}

export const ANALYTICAL: Part[] = ["range", "timezone", "model", "basis", "traffic", "campaign", "channel", "currency"];

export interface ViewState {
  view: View;
  defaults: View;
  set: (change: Partial<View>) => void;
  /** The address of a page that keeps the view. */
  href: (path: string, more?: Record<string, string>) => string;
}

export function useView(): ViewState {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const model = usePrefs((s) => s.model);
  const timezone = usePrefs((s) => s.timezone);
  const defaults = useMemo(() => ({ ...DEFAULT_VIEW, model: model || DEFAULT_VIEW.model, timezone: timezone || DEFAULT_VIEW.timezone }), [model, timezone]);
  const view = useMemo(() => parseView(search, defaults), [search, defaults]);
  const set = useCallback(
    (change: Partial<View>) => navigate(path + viewQuery({ ...view, ...change }, defaults, new URLSearchParams(search)), { replace: true }),
    [navigate, path, view, defaults, search],
  );
  const href = useCallback(
    (to: string, more?: Record<string, string>) => {
      const rest = new URLSearchParams(more);
      if (new URLSearchParams(search).get("wall") === "1" && to === path) rest.set("wall", "1");
      return to + viewQuery(view, defaults, rest);
    },
    [view, defaults, search, path],
  );
  return { view, defaults, set, href };
}

/** One parameter of the address that belongs to a page, such as its tab. */
export function useParam(key: string, standard = ""): [string, (v: string) => void] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const p = new URLSearchParams(search);
  const set = (v: string) => {
    const next = new URLSearchParams(search);
    if (v === standard) next.delete(key);
    else next.set(key, v);
    const s = next.toString();
    navigate(path + (s ? "?" + s : ""), { replace: true });
  };
  return [p.get(key) ?? standard, set];
}
