import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytes, decimal, exactMoney, micro, money, percent, setLocale, signedMoney, signedPercent } from "../src/format/format";
import { ago, clock, day, isZone, span } from "../src/format/time";

const plain = (s: string) => s.replaceAll(/\s/g, " ");
beforeEach(() => setLocale("en-US"));
afterEach(() => setLocale(""));

describe("money", () => {
  it("is never a float on its way", () => {
    // 9007199254740993 is the first integer that a double cannot hold.
    expect(money({ amount: "9007199254740993.27", currency: "USD" })).toBe("$9,007,199,254,740,993.27");
    expect(money({ amount: "0.105", currency: "USD" }, "long")).toBe("$0.105");
    expect(money({ amount: "1.000001", currency: "USD" }, "long")).toBe("$1.000001");
  });
  it("has the digits of its currency", () => {
    expect(money({ amount: "1234.50", currency: "JPY" }, "short")).toBe("¥1,235");
    expect(money({ amount: "1234.50", currency: "EUR" })).toBe("€1,234.50");
  });
  it("follows the locale", () => {
    setLocale("de-DE");
    expect(plain(money({ amount: "1234.50", currency: "EUR" }))).toBe("1.234,50 €");
    expect(plain(percent("0.0314", 2))).toBe("3,14 %");
  });
  it("survives a locale and a currency that are none", () => {
    setLocale("no such locale");
    expect(money({ amount: "1.00", currency: "??" })).toContain("1.00");
  });
  it("writes nothing where there is nothing, and what was sent in titles", () => {
    expect(money(null)).toBe("–");
    expect(exactMoney({ amount: "5856.578374", currency: "USD" })).toBe("5856.578374 USD");
  });
  it("shows signs of differences", () => {
    expect(signedMoney({ amount: "-3.20", currency: "USD" })).toBe("\u2212$3.20");
    expect(signedMoney({ amount: "3.20", currency: "USD" })).toBe("+$3.20");
    expect(signedMoney({ amount: "0.00", currency: "USD" })).toBe("$0.00");
  });
  it("is short on axes", () => expect(money({ amount: "1234567", currency: "USD" }, "compact")).toBe("$1.2M"));
});

describe("other figures", () => {
  it("keeps credited conversions exact", () => expect(decimal("0.333334", 6)).toBe("0.333334"));
  it("drops digits of great changes", () => {
    expect(signedPercent(0.041)).toBe("+4.1%");
    expect(signedPercent(12.3)).toBe("+1,230%");
    expect(signedPercent(0)).toBe("0.0%");
  });
  it("names spans by their two greatest parts", () => {
    expect(span(15_169)).toBe("15 s");
    expect(span(7_500_000)).toBe("2 h 5 min");
    expect(span(0)).toBe("0 s");
    expect(span(420)).toBe("420 ms");
    expect(span(90 * 86_400_000)).toBe("90 d");
  });
  it("names ages", () => {
    expect(ago(1000, 2000)).toBe("just now");
    expect(ago(0, 65_000)).toBe("1 min ago");
  });
  it("scales units", () => {
    expect(bytes(0)).toBe("0 byte");
    expect(bytes(46_792_381)).toBe("46.8 MB");
    expect(micro(555)).toBe("555 µs");
    expect(micro(1_400)).toBe("1.4 ms");
    expect(micro(2_500_000)).toBe("2.5 s");
  });
});

describe("times", () => {
  it("are those of the zone, also where its clock changes", () => {
    // 29 March 2026: Berlin goes from +1 to +2 at 01:00 UTC.
    expect(clock("2026-03-29T00:59:59.000Z", "Europe/Berlin")).toBe("01:59:59");
    expect(clock("2026-03-29T01:00:00.000Z", "Europe/Berlin")).toBe("03:00:00");
    expect(day("2026-03-28T23:30:00.000Z", "Europe/Berlin")).toBe("Mar 29");
  });
  it("knows zones from nonsense", () => {
    expect(isZone("Asia/Kolkata")).toBe(true);
    expect(isZone("Mars/Olympus")).toBe(false);
    expect(isZone("")).toBe(false);
  });
});
