// What a client does with frames: pure, so that every rule has its test.
//
// 1. A frame with prev 0 is complete: it replaces what was there.
// 2. A frame whose seq is not greater than ours is one that we have.
// 3. A frame whose prev is greater than our seq, or of another epoch, cannot be
//    applied: something was missed, and the subscription is made again.
// 4. Values are absolute; an entry is replaced whole.
import type { components } from "../api/schema";

type Schemas = components["schemas"];
export type Frame = Omit<Schemas["LiveFrame"], "meta" | "set"> & { meta: Record<string, unknown>; set: Record<string, unknown> };
export type LiveMessage = Exclude<Schemas["LiveMessage"], { op: "frame" }> | Frame;
export type Channel = Schemas["LiveChannel"];

export interface Held {
  epoch: string;
  seq: number;
  asOf: string;
  meta: Record<string, unknown>;
  entries: ReadonlyMap<string, unknown>;
  order: readonly string[] | null; // null: the order of the keys
}

export type Outcome = { held: Held; change: "applied" } | { held: Held | undefined; change: "ignored" | "missed" };

export function apply(held: Held | undefined, frame: Frame): Outcome {
  if (frame.prev !== 0) {
    if (!held || held.epoch !== frame.epoch || frame.prev > held.seq) return { held, change: "missed" };
    if (frame.seq <= held.seq) return { held, change: "ignored" };
  } else if (held && held.epoch === frame.epoch && frame.seq < held.seq) {
    return { held, change: "ignored" }; // complete, but older than what we have
  }
  const entries = frame.prev === 0 ? new Map<string, unknown>() : new Map(held!.entries);
  for (const [key, entry] of Object.entries(frame.set)) entries.set(key, entry);
  for (const key of frame.del) entries.delete(key);
  const order = frame.order ?? (frame.prev === 0 ? null : held!.order);
  return { change: "applied", held: { epoch: frame.epoch, seq: frame.seq, asOf: frame.as_of, meta: frame.meta, entries, order } };
}

/** The REST answer that the entries stand for. */
export function answer(ch: Channel, held: Held): { data: unknown; meta: Record<string, unknown>; next_cursor?: null } {
  if (ch === "health" || ch === "fraud") return { data: Object.fromEntries(held.entries), meta: held.meta };
  const keys = held.order ?? [...held.entries.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const data = keys.filter((k) => held.entries.has(k)).map((k) => held.entries.get(k));
  return { data, meta: held.meta, next_cursor: null };
}
