import { describe, expect, it } from "vitest";
import { bounds, DEFAULT_VIEW, interval, joinList, params, parseView, splitList, viewQuery, type View } from "../src/view/view";

describe("the address", () => {
  it("says nothing about defaults", () => expect(viewQuery(DEFAULT_VIEW)).toBe(""));
  it("holds every switch and comes back as it was", () => {
    const view: View = { from: "2026-03-01T00:00:00Z", to: "2026-03-02T00:00:00Z", timezone: "Europe/Berlin", compare: "last_week", model: "linear", basis: "touch_time", traffic: "gross", currency: "EUR", campaign: ["a,b", "c\\d", ""], channel: ["Paid Search"] };
    expect(parseView(viewQuery(view))).toEqual(view);
  });
  it("keeps parameters of pages", () => expect(viewQuery({ ...DEFAULT_VIEW, model: "linear" }, DEFAULT_VIEW, new URLSearchParams("tab=paths&model=old"))).toBe("?model=linear&tab=paths"));
  it("reads wrong values as absent", () => {
    expect(parseView("?from=banana&timezone=Mars/X&compare=x&model=gpt&basis=x&traffic=x&currency=dollars")).toEqual(DEFAULT_VIEW);
    expect(parseView("?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z").from).toBe("-1h"); // empty range
  });
  it("takes defaults of the reader", () => expect(parseView("", { ...DEFAULT_VIEW, model: "linear" }).model).toBe("linear"));
});

describe("lists", () => {
  it("guard commas", () => {
    for (const list of [["a"], ["a,b", "c"], ["\\", ","], ["", "x"], []]) expect(splitList(joinList(list))).toEqual(list);
  });
});

describe("range", () => {
  it("resolves relative ends", () => expect(bounds({ from: "-1h", to: "" }, 7_200_000)).toEqual({ from: 3_600_000, to: 7_200_000 }));
  it.each([["-1h", "minute"], ["-6h", "minute"], ["-24h", "hour"], ["-7d", "hour"], ["-30d", "day"]])("cuts %s by %s", (from, by) => expect(interval({ ...DEFAULT_VIEW, from })).toBe(by));
  it("asks the API for what a route knows", () => {
    expect(params({ ...DEFAULT_VIEW, campaign: ["a,b"] }, ["range", "campaign", "currency"])).toEqual({ from: "-1h", campaign_id: "a\\,b" });
  });
});
