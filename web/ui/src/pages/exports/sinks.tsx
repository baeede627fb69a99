// Every sink: how far it is, what fails and what to do, and the two things that
// an operator does with one.
import { useState } from "react";
import type { components } from "../../api/schema";
import { send } from "../../api/client";
import { useSession } from "../../api/queries";
import { useNow } from "../../app/now";
import { bytes, count, words } from "../../format/format";
import { ago, fullStamp, near, span } from "../../format/time";
import { usePolled } from "../../live/store";
import { Facts, Sheet } from "../../parts/page";
import { Failed, Loaded, sayIt } from "../../parts/states";
import { NoSinks } from "../pipeline";

type States = components["schemas"]["SinkStates"];
type Sink = States["data"][number];
type Reconciliation = components["schemas"]["Reconciliation"]["data"];

// Both read everything, or wait for a round that is under way.
const LONG = 30 * 60_000;

export function Sinks({ zone }: { zone: string }) {
  const query = usePolled<States>("/v1/sinks", {}, 3000);
  const session = useSession().data?.data;
  const may = session === undefined || session.scopes.includes("admin");
  return (
    <Sheet title="Sinks" note="each gets every change as soon as it is committed">
      <Loaded query={query} what="the sinks" rows={4}>
        {({ data }) => (data.length === 0 ? <NoSinks /> : (
          <ul className="sinks">
            {data.map((s) => <One key={s.name} s={s} zone={zone} may={may} changed={() => void query.refetch()} />)}
          </ul>
        ))}
      </Loaded>
    </Sheet>
  );
}

const TONE = { ok: "good", catching_up: "warn", down: "bad" } as const;

function One({ s, zone, may, changed }: { s: Sink; zone: string; may: boolean; changed: () => void }) {
  const now = useNow();
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [found, setFound] = useState<Reconciliation | null>(null);
  const [begun, setBegun] = useState(false);
  const act = async (what: "reconcile" | "resync") => {
    setBusy(what);
    setError(null);
    setFound(null);
    setBegun(false);
    setSure(false);
    try {
      const a = await send<{ data: Reconciliation }>("POST", `/v1/sinks/${encodeURIComponent(s.name)}/${what}`, {}, LONG);
      if (what === "reconcile") setFound(a.data);
      else setBegun(true);
      changed();
    } catch (e) {
      setError(e);
    } finally {
      setBusy("");
    }
  };
  const denied = may ? undefined : "This needs the scope admin";
  return (
    <li>
      <div className="top">
        <h3>{s.name}</h3>
        <span className={`tag ${TONE[s.state]}`}>{words(s.state)}</span>
        {s.where && <code className="muted wrap-any">{s.where}</code>}
        <span className="tools">
          {sure ? (
            <>
              <button type="button" className="btn primary" onClick={() => void act("resync")}>Yes, write every row again</button>
              <button type="button" className="btn" onClick={() => setSure(false)}>No</button>
            </>
          ) : (
            <>
              {s.reconciles && (
                <button type="button" className="btn" disabled={busy !== "" || !may} title={denied ?? "Compare counts and sums of every table with the state"} onClick={() => void act("reconcile")}>
                  {busy === "reconcile" ? "Comparing" : "Reconcile"}
                </button>
              )}
              <button type="button" className="btn" disabled={busy !== "" || s.resyncing || !may} title={denied ?? "Write every row to it again"} onClick={() => setSure(true)}>
                {busy === "resync" ? "Beginning" : "Resync"}
              </button>
            </>
          )}
        </span>
      </div>
      {s.state === "down" ? (
        <div className="callout bad" role="status">
          <p><b>{sayIt(s.error ?? "it takes nothing")}</b></p>
          {s.advice && <p>What to do: {sayIt(s.advice)}</p>}
          <p className="muted">
            {s.failures > 0 && `Failed ${count(s.failures)} ${s.failures === 1 ? "time" : "times"} since the start. `}
            {s.next_try && Date.parse(s.next_try) > now ? `Tries again in ${span(Date.parse(s.next_try) - now)}. ` : "Tries again by itself. "}
            What it lacks waits here and nothing is lost.
          </p>
        </div>
      ) : (
        (s.resyncing || s.advice) && <div className="callout warn" role="status">{s.resyncing ? "Every row is being written again. Readers of the sink see the old rows until the new ones replace them." : sayIt(s.advice!)}</div>
      )}
      <Facts
        items={[
          ["Behind", s.outbox_rows === 0 && s.lag_ms === 0 ? "nothing" : span(s.lag_ms), "Age of the oldest change that it lacks"],
          ["Rows waiting", count(s.outbox_rows)],
          ["Complete to", s.watermark && s.commit > 0 ? near(s.watermark, zone, now) : "nothing yet", s.watermark && s.commit > 0 ? fullStamp(s.watermark, zone) : "No commit has reached it since the start"],
          ["Rows sent", count(s.rows), `${count(s.batches)} batches since the start, repeats included`],
          ["Sent", bytes(s.bytes)],
          ["Last success", s.last_success ? ago(s.last_success, now) : "none yet", s.last_success ? fullStamp(s.last_success, zone) : undefined],
        ]}
      />
      {error !== null && <Failed error={error} what={`the sink ${s.name}`} />}
      {begun && !s.resyncing && <div className="callout good" role="status">Every row was written again.</div>}
      {found && <Found f={found} zone={zone} />}
    </li>
  );
}

/** What a comparison found, in a sentence and, where there is one, by difference. */
function Found({ f, zone }: { f: Reconciliation; zone: string }) {
  const kept = f.tables.filter((t) => t.kept);
  const rows = kept.reduce((n, t) => n + t.state_rows, 0);
  const at = `commit ${count(f.commit)}${f.watermark ? `, complete to ${fullStamp(f.watermark, zone)}` : ""}`;
  return (
    <div className={`callout ${f.equal ? "good" : "bad"}`} role="status">
      <p>
        <b>{f.equal ? "Equal to the state." : `${count(f.differences_total)} ${f.differences_total === 1 ? "difference" : "differences"}.`}</b> {count(kept.length)} tables, {count(rows)} rows, at {at}.
        {kept.length < f.tables.length && ` It does not keep ${f.tables.filter((t) => !t.kept).map((t) => t.table).join(", ")}.`}
      </p>
      {!f.equal && (
        <>
          <div className="table-box" tabIndex={0} role="group" aria-label="Differences" style={{ maxHeight: 260 }}>
            <table className="t">
              <thead><tr><th scope="col">Table</th><th scope="col">Of</th><th scope="col">Column</th><th scope="col" className="num">State</th><th scope="col" className="num">Sink</th><th scope="col" className="num">Sink less state</th></tr></thead>
              <tbody>
                {f.differences.map((d) => (
                  <tr key={`${d.table} ${d.group} ${d.column}`}><th scope="row">{d.table}</th><td>{d.group}</td><td>{d.column}</td><td className="num">{count(d.state)}</td><td className="num">{count(d.sink)}</td><td className="num">{count(d.sink - d.state)}</td></tr>
                ))}
              </tbody>
            </table>
          </div>
          {f.differences_total > f.differences.length && <p className="muted">The first {f.differences.length} are shown.</p>}
          <p>What to do: a resync writes every row again. If the difference comes back, something else writes to these tables.</p>
        </>
      )}
    </div>
  );
}
