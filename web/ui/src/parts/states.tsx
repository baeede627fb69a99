// What stands where figures would be, while there are none.
import type { ReactNode } from "react";
import { APIError } from "../api/client";

/** Lines in the shape of what is coming. */
export function Bones({ rows = 6, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div role="status" aria-label={label} style={{ padding: "10px 14px", display: "grid", gap: 14 }}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} className="bone" style={{ height: 10, width: `${92 - ((i * 37) % 48)}%` }} />
      ))}
    </div>
  );
}

/** A message of the server as a sentence: they begin small and end without a stop. */
export const sayIt = (s: string): string => (s.charAt(0).toUpperCase() + s.slice(1)).replace(/[^.!?]$/, "$&.");

export function Failed({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const e = error instanceof APIError ? error : new APIError(0, "unexpected", error instanceof Error ? error.message : String(error));
  if (e.status === 401) {
    return (
      <div className="state" role="alert">
        <h2>You are not logged in</h2>
        <p>The login has ended, or there was none.</p>
        <a className="btn primary" href={`/login?${new URLSearchParams({ next: location.pathname + location.search })}`}>
          Log in
        </a>
      </div>
    );
  }
  if (e.status === 403) {
    return (
      <div className="state" role="alert">
        <h2>You may not see {what}</h2>
        <p>
          <b>{sayIt(e.message)}</b> Ask whoever runs this server for a key that has it.
        </p>
        <p className="code">{e.code}{e.requestID && ` · request ${e.requestID}`}</p>
      </div>
    );
  }
  return (
    <div className="state" role="alert">
      <h2>{e.status === 404 ? `There is no such thing: ${what}` : `Could not load ${what}`}</h2>
      <p>{sayIt(e.message)}</p>
      <p className="code">
        {e.code}
        {e.status > 0 && ` · HTTP ${e.status}`}
        {e.requestID && ` · request ${e.requestID}`}
      </p>
      {retry && (
        <button type="button" className="btn" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children, small = false }: { title: string; children?: ReactNode; small?: boolean }) {
  return (
    <div className={`state${small ? " small" : ""}`}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

interface Asked<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

/**
 * The one way from a question to what is shown: figures once there are any,
 * also while a newer answer fails; else bones or the error, on a sheet of their
 * own where the figures bring theirs.
 */
export function Loaded<T>({ query, what, rows, sheet = false, children }: { query: Asked<T>; what: string; rows?: number; sheet?: boolean; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  const none = query.error ? <Failed error={query.error} what={what} retry={() => void query.refetch()} /> : <Bones rows={rows} label={`Loading ${what}`} />;
  return sheet ? <section className="sheet" aria-label={what}>{none}</section> : none;
}
