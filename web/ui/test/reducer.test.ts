import { describe, expect, it } from "vitest";
import { answer, apply, type Frame, type Held } from "../src/live/reducer";

const frame = (seq: number, prev: number, set: Record<string, unknown>, more: Partial<Frame> = {}): Frame => ({ op: "frame", id: "t", ch: "campaigns", epoch: "e1", seq, prev, as_of: "2026-03-01T00:00:00.000Z", meta: { seq }, set, del: [], ...more });
const taken = (held: Held | undefined, f: Frame): Held => {
  const out = apply(held, f);
  expect(out.change).toBe("applied");
  return out.held!;
};
const data = (h: Held) => answer("campaigns", h).data;

describe("frames", () => {
  it("take a complete frame and then changes, whole entries at a time", () => {
    let h = taken(undefined, frame(5, 0, { "b|USD": { v: 1, w: 1 }, "a|USD": { v: 2 } }));
    expect(data(h)).toEqual([{ v: 2 }, { v: 1, w: 1 }]);
    h = taken(h, frame(8, 5, { "b|USD": { v: 9 }, "c|USD": { v: 3 } }, { del: ["a|USD"] }));
    expect(data(h)).toEqual([{ v: 9 }, { v: 3 }]);
    expect(h.meta).toEqual({ seq: 8 });
  });
  it("drop what they have already", () => {
    const h = taken(undefined, frame(5, 0, { a: 1 }));
    expect(apply(h, frame(5, 4, { a: 0 }))).toEqual({ held: h, change: "ignored" });
    expect(apply(h, frame(4, 0, { a: 0 }))).toEqual({ held: h, change: "ignored" });
  });
  it("take one that builds on less than they have", () => {
    const h = taken(undefined, frame(5, 0, { a: 1 }));
    expect(data(taken(h, frame(9, 3, { a: 2 })))).toEqual([2]);
  });
  it("notice a gap", () => {
    const h = taken(undefined, frame(5, 0, { a: 1 }));
    expect(apply(h, frame(9, 7, { a: 2 })).change).toBe("missed");
    expect(apply(undefined, frame(9, 7, { a: 2 })).change).toBe("missed");
  });
  it("never mix epochs", () => {
    const h = taken(undefined, frame(500, 0, { a: 1, b: 1 }));
    expect(apply(h, frame(501, 500, { a: 2 }, { epoch: "e2" })).change).toBe("missed");
    const fresh = taken(h, frame(3, 0, { a: 7 }, { epoch: "e2" })); // a smaller seq of another process is newer
    expect(data(fresh)).toEqual([7]);
  });
  it("keep the order that the server gave", () => {
    let h = taken(undefined, frame(1, 0, { a: "a", b: "b" }, { order: ["b", "a"] }));
    expect(data(h)).toEqual(["b", "a"]);
    h = taken(h, frame(2, 1, { a: "A" }));
    expect(data(h)).toEqual(["b", "A"]);
    h = taken(h, frame(3, 2, { c: "c" }, { order: ["c", "b", "a"] }));
    expect(data(h)).toEqual(["c", "b", "A"]);
    h = taken(h, frame(4, 3, {}, { del: ["b"] }));
    expect(data(h)).toEqual(["c", "A"]);
  });
  it("make members into an object where the route has one", () => {
    const h = taken(undefined, frame(1, 0, { inputs: [], ready: true }, { ch: "health" }));
    expect(answer("health", h).data).toEqual({ inputs: [], ready: true });
  });
  it("do not change what was handed out", () => {
    const h = taken(undefined, frame(1, 0, { a: 1 }));
    const before = data(h);
    taken(h, frame(2, 1, { a: 2 }));
    expect(data(h)).toEqual(before);
  });
});
