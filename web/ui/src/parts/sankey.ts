// The layout of a sankey over steps that end at the conversion: columns of
// nodes, ribbons between neighbours. Pure numbers; drawing is elsewhere.

export interface Way {
  steps: string[]; // from first to last
  weight: number;
}

export interface Node {
  key: string;
  name: string;
  column: number;
  weight: number;
  y: number;
  height: number;
}

export interface Ribbon {
  from: Node;
  to: Node;
  weight: number;
  y0: number;
  y1: number;
  height: number;
}

export interface Layout {
  nodes: Node[];
  ribbons: Ribbon[];
  columns: number;
}

/** A run of the same step is one step. */
export function collapse(steps: string[]): string[] {
  return steps.filter((s, i) => i === 0 || s !== steps[i - 1]);
}

/**
 * Lays out ways whose last `columns` steps are shown, right-aligned; in each
 * column the `top` heaviest names stand alone and the others together.
 */
export function sankey(ways: Way[], columns: number, top: number, height: number, gap: number): Layout {
  const aligned = ways
    .filter((w) => w.steps.length > 0 && w.weight > 0)
    .map((w) => {
      const last = w.steps.slice(-columns);
      return { weight: w.weight, steps: Array.from({ length: columns }, (_, i) => last[i - (columns - last.length)] ?? null) };
    });
  const byName: Map<string, number>[] = Array.from({ length: columns }, () => new Map());
  for (const w of aligned) w.steps.forEach((s, i) => s !== null && byName[i]!.set(s, (byName[i]!.get(s) ?? 0) + w.weight));
  const kept = byName.map((m) => new Set([...m].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, m.size > top + 1 ? top : top + 1).map(([n]) => n)));
  const nameIn = (s: string, i: number) => (kept[i]!.has(s) ? s : "Others");

  const nodes = new Map<string, Node>();
  const links = new Map<string, { a: string; b: string; weight: number }>();
  for (const w of aligned) {
    let before = "";
    w.steps.forEach((s, column) => {
      if (s === null) return;
      const name = nameIn(s, column);
      const key = `${column}|${name}`;
      const n = nodes.get(key) ?? { key, name, column, weight: 0, y: 0, height: 0 };
      n.weight += w.weight;
      nodes.set(key, n);
      if (before) {
        const l = links.get(`${before}>${key}`) ?? { a: before, b: key, weight: 0 };
        l.weight += w.weight;
        links.set(`${before}>${key}`, l);
      }
      before = key;
    });
  }
  const inColumn = Array.from({ length: columns }, (_, c) => [...nodes.values()].filter((n) => n.column === c).sort((a, b) => Number(a.name === "Others") - Number(b.name === "Others") || b.weight - a.weight || (a.name < b.name ? -1 : 1)));
  const totals = inColumn.map((ns) => ns.reduce((n, x) => n + x.weight, 0));
  const most = Math.max(1, ...inColumn.map((ns) => ns.length));
  const scale = (height - gap * (most - 1)) / Math.max(1e-9, ...totals);
  const tall = (ns: Node[]) => ns.reduce((h, n) => h + Math.max(1, n.weight * scale), gap * Math.max(0, ns.length - 1));
  const tallest = Math.max(0, ...inColumn.map(tall));
  for (const ns of inColumn) {
    let y = (tallest - tall(ns)) / 2; // each column around the middle, so that ways run level
    for (const n of ns) {
      n.y = y;
      n.height = Math.max(1, n.weight * scale);
      y += n.height + gap;
    }
  }
  const out = new Map<string, number>();
  const into = new Map<string, number>();
  const sorted = [...links.values()].sort((a, b) => nodes.get(a.a)!.y - nodes.get(b.a)!.y || nodes.get(a.b)!.y - nodes.get(b.b)!.y);
  const ribbons = sorted.map((l): Ribbon => {
    const from = nodes.get(l.a)!;
    const to = nodes.get(l.b)!;
    const h = l.weight * scale;
    const r = { from, to, weight: l.weight, y0: from.y + (out.get(l.a) ?? 0), y1: to.y + (into.get(l.b) ?? 0), height: h };
    out.set(l.a, (out.get(l.a) ?? 0) + h);
    into.set(l.b, (into.get(l.b) ?? 0) + h);
    return r;
  });
  return { nodes: [...nodes.values()], ribbons, columns };
}
