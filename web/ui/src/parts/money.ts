// Arithmetic on amounts of one currency, in whole micros.
import type { Money } from "../api/types";
import { fromMicros, micros } from "../format/decimal";

export const amount = (m: Money | null | undefined): bigint | undefined => (m ? micros(m.amount) : undefined);

export const moneyOf = (n: bigint, currency: string): Money => ({ amount: fromMicros(n), currency });

export function minus(a: Money | null | undefined, b: Money | null | undefined): Money | null {
  return a && b && a.currency === b.currency ? moneyOf(micros(a.amount) - micros(b.amount), a.currency) : null;
}

export function total(of: (Money | null | undefined)[], currency: string): Money {
  return moneyOf(of.reduce((n, m) => n + (m ? micros(m.amount) : 0n), 0n), currency);
}
