// One ranked feed of what needs somebody, by the money at stake.
import { Link } from "wouter";
import { APIError } from "../../api/client";
import { useAlerts } from "../../api/queries";
import { useNow } from "../../app/now";
import { money } from "../../format/format";
import { ago } from "../../format/time";
import { Sev } from "../../parts/marks";
import { Bones, Empty, Failed } from "../../parts/states";
import { useView } from "../../view/view";

export function Attention() {
  const alerts = useAlerts();
  const { href } = useView();
  const now = useNow();
  const list = alerts.data?.data;
  const absent = alerts.error instanceof APIError && alerts.error.status === 404;
  return (
    <section className="sheet attention" aria-label="Needs attention">
      <header>
        <h2>Needs attention</h2>
        {list && list.length > 0 && <span className="note">{list.length}, by severity and money</span>}
      </header>
      {list === undefined ? (
        alerts.error ? (
          absent ? <Empty title="No alerts from this server" small><p>Its version has no alerts yet.</p></Empty> : <Failed error={alerts.error} what="alerts" retry={() => void alerts.refetch()} />
        ) : (
          <Bones rows={4} label="Loading alerts" />
        )
      ) : list.length === 0 ? (
        <Empty title="Nothing needs you" small>
          <p>Inputs, sinks, late and broken records, invalid traffic, and campaigns that spend or stop are watched.</p>
        </Empty>
      ) : (
        <ol className="feed" tabIndex={0} aria-label="Alerts, most money first">
          {list.map((a) => (
            <li key={a.id}>
              <Link className="entry" href={href(a.link.split("?")[0] || "/alerts")} title={`${a.detail} ${a.action}`}>
                <span className="what two-lines">
                  <Sev level={a.severity} />
                  {a.title}
                </span>
                <span className="num what" title={a.stake_note}>{a.stake ? money(a.stake) : ""}</span>
                <span className="second truncate">{a.action}</span>
                <span className="second num">{ago(a.since, now).replace(" ago", "")}</span>
              </Link>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
