// Times in the zone that the view asks for, and spans as people say them.
import { currentLocale } from "./format";

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${currentLocale() ?? ""}|${zone}|${JSON.stringify(options)}`;
  let f = cache.get(key);
  if (!f) {
    try {
      f = new Intl.DateTimeFormat(currentLocale(), { ...options, timeZone: zone, hourCycle: "h23" });
    } catch {
      f = new Intl.DateTimeFormat(currentLocale(), { ...options, timeZone: "UTC", hourCycle: "h23" }); // no such zone
    }
    cache.set(key, f);
  }
  return f;
}

type When = string | number | Date;
const at = (t: When): Date => (t instanceof Date ? t : new Date(t));

/** 14:03:07 */
export const clock = (t: When, zone: string): string => formatter(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at(t));
/** 14:03 */
export const shortClock = (t: When, zone: string): string => formatter(zone, { hour: "2-digit", minute: "2-digit" }).format(at(t));
/** 21 Nov */
export const day = (t: When, zone: string): string => formatter(zone, { day: "numeric", month: "short" }).format(at(t));
/** 21 Nov, 14:03:07 */
export const stamp = (t: When, zone: string): string => formatter(zone, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at(t));
/** 21 Nov 2026, 14:03:07.123 */
export const fullStamp = (t: When, zone: string): string =>
  formatter(zone, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }).format(at(t));

/** A time near now by its clock alone, an older one with its day. */
export function near(t: When, zone: string, now: number): string {
  return now - at(t).getTime() < 20 * 3_600_000 ? clock(t, zone) : stamp(t, zone);
}

/** 15 s, 3 min, 2 h 5 min, 4 d 3 h: the two greatest parts. */
export function span(ms: number): string {
  if (ms < 1000) return ms < 1 ? "0 s" : `${Math.round(ms)} ms`;
  let s = Math.round(ms / 1000);
  const parts: [number, string][] = [];
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]] as const) {
    const n = Math.floor(s / size);
    s -= n * size;
    if (n > 0) parts.push([n, unit]);
  }
  return parts.slice(0, 2).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

/** 3 min ago */
export function ago(t: When, now: number): string {
  const ms = now - at(t).getTime();
  return ms < 1500 ? "just now" : `${span(ms >= 60_000 ? Math.floor(ms / 60_000) * 60_000 : ms)} ago`;
}

/** Whether Intl knows the zone. */
export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone !== "";
  } catch {
    return false;
  }
}

export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
