// A line without axes; the part that is still filling is dotted.
export function Spark({ values, openFrom, tone = "accent", label, height = 26 }: { values: (number | null)[]; openFrom: number; tone?: "accent" | "slate"; label: string; height?: number }) {
  const w = 200;
  const n = values.length;
  const max = Math.max(1e-9, ...values.map((v) => v ?? 0));
  const x = (i: number) => (n < 2 ? 0 : (i / (n - 1)) * w);
  const y = (v: number) => height - 1.5 - (v / max) * (height - 4);
  const line = (from: number, to: number) => {
    let d = "";
    let pen = false;
    for (let i = Math.max(0, from); i < Math.min(n, to); i++) {
      const v = values[i];
      if (v === null || v === undefined) {
        pen = false;
        continue;
      }
      d += `${pen ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
      pen = true;
    }
    return d;
  };
  const closed = line(0, openFrom);
  const first = values.findIndex((v) => v !== null);
  const color = `var(--${tone === "accent" ? "accent-line" : "slate"})`;
  return (
    <svg className="spark" viewBox={`0 0 ${w} ${height}`} preserveAspectRatio="none" role="img" aria-label={label} style={{ height }}>
      {closed && openFrom > first + 1 && !values.slice(first, openFrom).includes(null) && <path className="area" d={`${closed}L${x(Math.min(openFrom, n) - 1).toFixed(1)} ${height}L${x(first).toFixed(1)} ${height}Z`} style={{ fill: color, opacity: 0.1 }} />}
      <path d={closed} style={{ stroke: color }} />
      <path className="open" d={line(openFrom - 1, n)} style={{ stroke: color }} />
    </svg>
  );
}
