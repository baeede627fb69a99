import { describe, expect, it } from "vitest";
import { collapse, sankey } from "../src/parts/sankey";

describe("sankey", () => {
  it("takes a run as one step", () => expect(collapse(["a", "a", "b", "a", "a"])).toEqual(["a", "b", "a"]));
  it("neither makes nor loses conversions", () => {
    const ways = [
      { steps: ["a", "b", "End"], weight: 3 },
      { steps: ["b", "End"], weight: 2 },
      { steps: ["x", "a", "b", "c", "End"], weight: 5 },
      { steps: [], weight: 9 }, // no touch: nothing to draw
    ];
    const l = sankey(ways, 3, 2, 100, 4);
    const column = (c: number) => l.nodes.filter((n) => n.column === c).reduce((n, x) => n + x.weight, 0);
    expect(column(2)).toBe(10);
    expect(column(1)).toBe(10);
    expect(column(0)).toBe(8); // two conversions have but one step before the end
    for (const n of l.nodes) {
      const into = l.ribbons.filter((r) => r.to === n).reduce((s, r) => s + r.weight, 0);
      const out = l.ribbons.filter((r) => r.from === n).reduce((s, r) => s + r.weight, 0);
      expect(into).toBeLessThanOrEqual(n.weight);
      expect(n.column === 2 ? 0 : n.weight).toBe(out);
    }
  });
  it("puts small names together and stays within its height", () => {
    const l = sankey(Array.from({ length: 30 }, (_, i) => ({ steps: [`c${i}`, "End"], weight: 30 - i })), 2, 4, 200, 6);
    expect(l.nodes.filter((n) => n.column === 0).map((n) => n.name)).toEqual(["c0", "c1", "c2", "c3", "Others"]);
    for (const n of l.nodes) expect(n.y + n.height).toBeLessThanOrEqual(200.001);
  });
  it("is empty for nothing", () => expect(sankey([], 3, 4, 100, 4)).toEqual({ nodes: [], ribbons: [], columns: 3 }));
});
