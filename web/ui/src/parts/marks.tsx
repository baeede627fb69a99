// The marks of provisional, final and restated: the same everywhere.
import type { Status } from "../api/types";

const SAY: Record<Status, string> = {
  provisional: "Provisional: still filling, until the watermark has passed its end",
  final: "Final: the watermark has passed its end, and nothing has changed it since",
  restated: "Restated: changed by a late event, a verdict, an adjustment or a link after it was final",
};

/** Dotted ring, solid dot, or diamond; with its meaning for eyes and ears. */
export function Mark({ status, quiet = false }: { status: Status; quiet?: boolean }) {
  if (quiet && status === "final") return null;
  return (
    <svg className={`mark ${status}`} viewBox="0 0 10 10" role="img" aria-label={status}>
      <title>{SAY[status]}</title>
      {status === "provisional" && <circle cx="5" cy="5" r="3.9" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="1.6 1.46" />}
      {status === "final" && <circle cx="5" cy="5" r="2.6" fill="currentColor" />}
      {status === "restated" && <path d="M5 .6 9.4 5 5 9.4.6 5Z" fill="currentColor" />}
    </svg>
  );
}

export function MarkLegend() {
  return (
    <ul className="legend" aria-label="Marks">
      {(["provisional", "final", "restated"] as const).map((s) => (
        <li key={s} title={SAY[s]}>
          <Mark status={s} />
          {s}
        </li>
      ))}
    </ul>
  );
}

export function Sev({ level }: { level: string }) {
  return <span className={`sev ${level}`} role="img" aria-label={level} title={level} />;
}
