// How figures, shares and names are written, in the reader's locale.
import type { Money } from "../api/types";

let locale: string | undefined; // undefined: what the browser says
const cache = new Map<string, Intl.NumberFormat>();

export function setLocale(tag: string): void {
  locale = undefined;
  cache.clear();
  if (tag === "") return;
  try {
    locale = Intl.getCanonicalLocales(tag)[0];
  } catch {
    // A tag that is none: the browser's own.
  }
}

export function currentLocale(): string | undefined {
  return locale;
}

function formatter(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let f = cache.get(key);
  if (!f) cache.set(key, (f = new Intl.NumberFormat(locale, options)));
  return f;
}

// Intl reads a string as the exact decimal that it is; a number would be a float.
const exact = (f: Intl.NumberFormat, decimal: string): string => minus(f.format(decimal as Intl.StringNumericLiteral));

/** A real minus, as wide as a plus, where a locale writes a hyphen. */
const minus = (s: string): string => s.replace("-", "\u2212");

// The plain symbol: the narrow one writes $ for a dozen currencies.
function currencyOptions(currency: string): Intl.NumberFormatOptions {
  return /^[A-Z]{3}$/.test(currency) ? { style: "currency", currency, currencyDisplay: "symbol" } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
}

export const NONE = "–"; // where there is nothing to show

/** An amount to the currency's own digits; `long` shows all that there are, `all` always six. */
export function money(m: Money | null | undefined, how: "short" | "long" | "all" | "compact" = "short"): string {
  if (!m) return NONE;
  const options = currencyOptions(m.currency);
  if (how === "long" || how === "all") options.maximumFractionDigits = 6;
  if (how === "all") options.minimumFractionDigits = 6;
  if (how === "compact" && m.amount.replace("-", "").split(".")[0]!.length > 5) {
    return exact(formatter({ ...options, notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 }), m.amount);
  }
  return exact(formatter(options), m.amount);
}

/** The exact amount as it was sent, for titles and for copying. */
export function exactMoney(m: Money | null | undefined): string {
  return m ? `${m.amount} ${m.currency}` : "none";
}

export function count(n: number | bigint | null | undefined): string {
  return n === null || n === undefined ? NONE : minus(formatter({ maximumFractionDigits: 0 }).format(n));
}

/** A decimal such as credited conversions or ROAS. */
export function decimal(d: string | null | undefined, digits = 2): string {
  return d === null || d === undefined ? NONE : exact(formatter({ minimumFractionDigits: 0, maximumFractionDigits: digits }), d);
}

export function ratio(d: string | null | undefined): string {
  return d === null || d === undefined ? NONE : exact(formatter({ minimumFractionDigits: 2, maximumFractionDigits: 2 }), d) + "×";
}

export function percent(d: string | number | null | undefined, digits = 1): string {
  if (d === null || d === undefined) return NONE;
  const f = formatter({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
  return typeof d === "string" ? exact(f, d) : minus(f.format(d));
}

/** +4.1 %, with its sign, for changes. */
export function signedPercent(n: number): string {
  const big = Math.abs(n) >= 9.995;
  return minus(formatter({ style: "percent", signDisplay: "exceptZero", minimumFractionDigits: big ? 0 : 1, maximumFractionDigits: big ? 0 : 1 }).format(n));
}

export function signedMoney(m: Money): string {
  return exact(formatter({ ...currencyOptions(m.currency), signDisplay: "exceptZero" }), m.amount);
}

export function bytes(n: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const i = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
  return formatter({ style: "unit", unit: units[i]!, maximumFractionDigits: i ? 1 : 0 }).format(n / 1000 ** i);
}

/** Microseconds, as people speak of them. */
export function micro(us: number): string {
  if (us < 1000) return `${count(us)} µs`;
  return us < 1_000_000 ? `${formatter({ maximumFractionDigits: us < 10_000 ? 1 : 0 }).format(us / 1000)} ms` : `${formatter({ maximumFractionDigits: 2 }).format(us / 1e6)} s`;
}

/** last_non_direct -> Last non-direct. */
const modelNames: Record<string, string> = {
  first_touch: "First touch",
  last_touch: "Last touch",
  last_non_direct: "Last non-direct",
  linear: "Linear",
  position_based: "Position-based",
  j_shaped: "J-shaped",
  inverse_j: "Inverse J",
  time_decay: "Time decay",
  participation: "Participation",
  markov: "Markov",
  shapley: "Shapley",
  removal_effect: "Removal effect",
};

export function modelName(id: string): string {
  return modelNames[id] ?? words(id);
}

export function words(id: string): string {
  const s = id.replaceAll("_", " ");
  return s.charAt(0).toUpperCase() + s.slice(1);
}

export function reasonName(id: string): string {
  return { bot_user_agent: "Bot user agent", blocked_ip: "Blocked IP", datacenter_ip: "Data-centre IP", click_rate_ip: "Click rate by IP and agent", click_rate_ip_any: "Click rate by IP", click_rate_person: "Click rate by person", ml_score: "Model score" }[id] ?? words(id);
}

/** What an empty value is called. */
export function orNone(s: string, what: string): string {
  return s === "" ? `(no ${what})` : s;
}
