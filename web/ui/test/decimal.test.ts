import { describe, expect, it } from "vitest";
import { change, fromMicros, micros, share } from "../src/format/decimal";

describe("micros", () => {
  it.each([
    ["0.00", 0n],
    ["12.34", 12_340_000n],
    ["-0.000001", -1n],
    ["1000000000.000001", 1_000_000_000_000_001n],
    ["7", 7_000_000n],
    ["9007199254740993.25", 9_007_199_254_740_993_250_000n], // beyond what a float holds
  ])("reads %s exactly", (s, n) => expect(micros(s)).toBe(n));
  it.each(["", "1.", ".5", "1e3", "+1", "1,5", "NaN"])("refuses %j", (s) => expect(() => micros(s)).toThrow("BUG"));
  it("comes back as it was", () => {
    for (const s of ["0.00", "0.10", "12.345678", "-3.00", "-0.000001", "123456789012.50"]) expect(fromMicros(micros(s))).toBe(s);
    expect(fromMicros(1_500_000n, 0)).toBe("1.5");
    expect(fromMicros(2_000_000n, 0)).toBe("2");
  });
});

describe("change and share", () => {
  it("says nothing about a change from nothing", () => expect(change(5n, 0n)).toBeNull());
  it("is relative to the amount before, also below zero", () => {
    expect(change(110n, 100n)).toBeCloseTo(0.1);
    expect(change(-50n, -100n)).toBeCloseTo(0.5);
  });
  it("has a place for nothing of nothing", () => expect(share(0n, 0n)).toBe(0));
});
