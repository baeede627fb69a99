// Exact decimals. The server writes money and shares as decimal strings; they
// stay strings or become integers of millionths, and never pass through a float
// before they are shown.

const SCALE = 1_000_000n;

/** Millionths of a decimal string; digits beyond the sixth are cut off. */
export function micros(decimal: string): bigint {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (!m) throw new Error(`BUG: got ${JSON.stringify(decimal)}; want a decimal`);
  const n = BigInt(m[2]!) * SCALE + BigInt((m[3] ?? "").slice(0, 6).padEnd(6, "0"));
  return m[1] ? -n : n;
}

/** The decimal string of millionths, with at least `least` fraction digits. */
export function fromMicros(n: bigint, least = 2): string {
  const abs = n < 0n ? -n : n;
  let fraction = (abs % SCALE).toString().padStart(6, "0");
  while (fraction.length > least && fraction.endsWith("0")) fraction = fraction.slice(0, -1);
  return `${n < 0n ? "-" : ""}${abs / SCALE}${fraction ? "." + fraction : ""}`;
}

/** Change from b to a in parts of b, for display only; null where b is 0. */
export function change(a: bigint, b: bigint): number | null {
  if (b === 0n) return null;
  return Number(((a - b) * 1_000_000n) / (b < 0n ? -b : b)) / 1_000_000;
}

/** a / b for places on a screen: positions and widths, never figures. */
export function share(a: bigint, b: bigint): number {
  return b === 0n ? 0 : Number((a * 1_000_000n) / b) / 1_000_000;
}

/** Orders decimals exactly; null comes last whichever way one sorts. */
export function sortKey(decimal: string | null | undefined): bigint | undefined {
  return decimal === null || decimal === undefined ? undefined : micros(decimal);
}
