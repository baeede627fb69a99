import { render, screen } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import type { Figures, Pipeline, Point } from "../src/api/types";
import { setLocale } from "../src/format/format";
import { Tiles } from "../src/pages/live/tiles";
import { seriesLines } from "../src/pages/live/series";
import { sentence } from "../src/pages/pipeline";
import { pretty } from "../src/parts/payload";
import { DEFAULT_VIEW, gap } from "../src/view/view";

beforeEach(() => setLocale("en-US"));
const usd = (amount: string) => ({ amount, currency: "USD" });
const figures: Figures = {
  currency: "USD", impressions: 10, clicks: 2, ctr: "0.200000", givt_impressions: 0, sivt_impressions: 0, givt_clicks: 1, sivt_clicks: 0, invalid_rate: "0.076923", spend: usd("5856.578374"), invalid_spend: usd("1.00"),
  conversions: 3, invalid_conversions: 0, duplicate_conversions: 0, retracted_conversions: 0, unattributed_conversions: 1, value: usd("100.00"), credited_conversions: "2", credited_value: usd("80.00"), roas: "0.0137", cpa: usd("2928.289187"), unattributed_value: usd("20.00"), status: "restated",
};

describe("tiles", () => {
  it("show the figure rounded, its title exact, and its mark", () => {
    render(<Tiles f={figures} points={[]} view={DEFAULT_VIEW} lacking="" />);
    const spend = screen.getByText("$5,856.58");
    expect(spend.closest(".tile")!.getAttribute("title")).toContain("5856.578374 USD");
    expect(screen.getAllByRole("img", { name: "restated" })).toHaveLength(6);
  });
  it("give no change against a range that was not recorded whole", () => {
    const change = { impressions: null, clicks: null, ctr: null, invalid_rate: null, spend: "9.0000", credited_conversions: null, credited_value: null, roas: null, cpa: null };
    const compare = { to: "2026-03-01T12:00:00.000Z", data_from: "2026-03-01T11:40:00.000Z" };
    render(<Tiles f={{ ...figures, change }} points={[]} view={DEFAULT_VIEW} lacking={gap(DEFAULT_VIEW, compare)} />);
    expect(screen.getAllByText("only part of yesterday")).toHaveLength(6);
    expect(screen.queryByText("+900.0%")).toBeNull();
    expect(gap(DEFAULT_VIEW, { ...compare, data_from: compare.to })).toBe("nothing of yesterday");
    expect(gap(DEFAULT_VIEW, { ...compare, data_from: null })).toBe("");
  });
  it("judge a change by what it means: less cost for a conversion is good", () => {
    const change = { impressions: null, clicks: null, ctr: null, invalid_rate: "0.5000", spend: "0.1000", credited_conversions: null, credited_value: "0.0410", roas: null, cpa: "-0.2000" };
    render(<Tiles f={{ ...figures, change }} points={[]} view={DEFAULT_VIEW} lacking="" />);
    expect(screen.getByText("+4.1%").className).toBe("good");
    expect(screen.getByText("\u221220.0%").className).toBe("good");
    expect(screen.getByText("+50.0%").className).toBe("bad");
    expect(screen.getByText("+10.0%").className).toBe("");
  });
  it("say that there is nothing to compare with", () => {
    render(<Tiles f={figures} points={[]} view={DEFAULT_VIEW} lacking="" />);
    expect(screen.getAllByText("no figure yesterday")).toHaveLength(6);
  });
});

it("draws what was before only where something was", () => {
  const point = { ...figures, start: "2026-03-01T00:00:00.000Z", end: "2026-03-01T00:01:00.000Z", partial: false, open: false } as Point;
  expect(seriesLines([point], "money", DEFAULT_VIEW).map((l) => l.name)).toEqual(["Attributed revenue", "Spend"]);
  expect(seriesLines([{ ...point, previous: point }], "money", DEFAULT_VIEW).map((l) => l.name)).toEqual(["Attributed revenue", "Spend", "Revenue yesterday"]);
});

describe("the sentence about the pipeline", () => {
  const p = {
    ready: true, not_ready: [], degraded: [], version: "1", started: null, as_of: "2026-03-01T12:00:15.000Z", watermark: "2026-03-01T12:00:00.000Z", watermark_lag_ms: 15000, commit: 1, epoch: 1, shards: 2,
    inputs: [{ name: "http", state: "active", watermark: null, watermark_lag_ms: null, records: 5, behind: null, error: null }], sinks: [],
    counts: { records: 5, late: 0, too_late: 0, duplicates: 0, conflicts: 0, money_rounded: 0, dead_letters: 0, dead_letters_by_code: {}, dropped_fields: {} },
    latency: { tick: { count: 0, p50_us: 0, p95_us: 0, p99_us: 0 }, durable: { count: 0, p50_us: 0, p95_us: 0, p99_us: 0 }, visible: { count: 0, p50_us: 0, p95_us: 0, p99_us: 0 } }, disk: { bytes: 0, budget_bytes: null, outbox_rows: 0 },
  } as unknown as Pipeline;
  it("says how far figures are complete", () => expect(sentence(p, "UTC")).toBe("Events of 1 input are taken; figures are complete to 12:00:00, 15 s ago. No sink is configured, so nothing leaves this machine."));
  it("says first that it has stopped", () => expect(sentence({ ...p, ready: false, not_ready: ["the disk is full"] }, "UTC")).toMatch(/^The pipeline has stopped: the disk is full/));
  it("says which sink is down and what waits", () => {
    const sinks = [{ name: "clickhouse", state: "retrying", outbox_rows: 12, lag_ms: 1, commit: 0, watermark: null, error: "refused" }];
    expect(sentence({ ...p, sinks } as unknown as Pipeline, "UTC")).toContain("clickhouse is down: 12 rows wait and will be delivered.");
  });
});

it("shows records that are JSON in lines, and others as they are", () => {
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty("{broken")).toBe("{broken");
});
