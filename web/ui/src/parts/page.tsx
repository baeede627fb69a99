import type { ReactNode } from "react";

/** The head of a page: where it stands, what it is, and one plain sentence. */
export function PageHead({ crumb, title, say, tools }: { crumb?: ReactNode; title: ReactNode; say?: ReactNode; tools?: ReactNode }) {
  return (
    <div className="page-head">
      <div>
        {crumb && <div className="crumb">{crumb}</div>}
        <h1 className="wrap-any">{title}</h1>
        {say && <p className="say">{say}</p>}
      </div>
      {tools && <div className="tools">{tools}</div>}
    </div>
  );
}

export function Sheet({ title, note, tools, children, className = "" }: { title: string; note?: ReactNode; tools?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`sheet ${className}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span className="note">{note}</span>}
        {tools && <span className="tools">{tools}</span>}
      </header>
      {children}
    </section>
  );
}

/** Named figures in a row. */
export function Facts({ items }: { items: [string, ReactNode, string?][] }) {
  return (
    <dl className="facts">
      {items.map(([name, value, title]) => (
        <div key={name} title={title}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Verdict({ verdict }: { verdict: string }) {
  const tone = { valid: "good", givt: "bad", sivt: "bad", duplicate: "warn", undecided: "" }[verdict] ?? "";
  const name = { givt: "GIVT", sivt: "SIVT" }[verdict] ?? verdict;
  const title = { givt: "General invalid traffic: found by lists and routine filters", sivt: "Sophisticated invalid traffic: found by analysis", undecided: "A scorer did not answer in time", duplicate: "Repeats an order that was counted already" }[verdict];
  return (
    <span className={`tag ${tone}`} title={title}>
      {name}
    </span>
  );
}
