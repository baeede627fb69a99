// The newest conversions; each opens the reasons of its credit.
import { Link } from "wouter";
import { useLatest } from "../../api/queries";
import type { ConversionRow } from "../../api/types";
import { useNow } from "../../app/now";
import { exactMoney, money, words } from "../../format/format";
import { ago } from "../../format/time";
import { Mark } from "../../parts/marks";
import { Bones, Empty, Failed } from "../../parts/states";
import { useView, type View } from "../../view/view";

export function credited(r: ConversionRow): string {
  if (r.verdict === "duplicate") return "repeats an order";
  if (r.verdict !== "valid" && r.verdict !== "undecided") return `invalid: ${r.verdict.toUpperCase()}`;
  if (r.adjusted === "retracted") return "retracted";
  if (r.top) return `${r.top.channel || "no channel"}${r.top.campaign_id ? ` · ${r.top.campaign_id}` : ""}`;
  return r.touches === 0 ? "no touch: unattributed" : `${r.touches} ${r.touches === 1 ? "touch" : "touches"}`;
}

export function Latest({ view }: { view: View }) {
  const latest = useLatest(view);
  const { href } = useView();
  const now = useNow();
  const rows = latest.data?.data;
  return (
    <section className="sheet latest" aria-label="Latest conversions">
      <header>
        <h2>Latest conversions</h2>
        <span className="tools">
          <Link className="btn plain" href={href("/conversions")}>
            All
          </Link>
        </span>
      </header>
      {rows === undefined ? (
        latest.error ? <Failed error={latest.error} what="conversions" retry={() => void latest.refetch()} /> : <Bones rows={6} label="Loading conversions" />
      ) : rows.length === 0 ? (
        <Empty title="No conversion yet" small />
      ) : (
        <ol className="feed" tabIndex={0} aria-label="Conversions, newest first">
          {rows.map((r) => (
            <li key={r.conversion_id}>
              <Link className="entry" href={href(`/conversions/${encodeURIComponent(r.conversion_id)}`)} title="Why this credit">
                <span className="what truncate">
                  {words(r.conversion_name)} <Mark status={r.status} />
                </span>
                <span className="num what" title={exactMoney(r.value)}>
                  {/^0(\.0+)?$/.test(r.value.amount) ? <span className="muted">no value</span> : money(r.value)}
                </span>
                <span className="second truncate">{credited(r)}</span>
                <span className="second num">{ago(r.event_time, now)}</span>
              </Link>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
