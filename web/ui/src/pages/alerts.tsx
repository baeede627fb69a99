// Everything that needs somebody, with what to do about it.
import { Link } from "wouter";
import { APIError } from "../api/client";
import { useAlerts } from "../api/queries";
import { useNow } from "../app/now";
import { exactMoney, money, words } from "../format/format";
import { ago, fullStamp } from "../format/time";
import { Sev } from "../parts/marks";
import { PageHead } from "../parts/page";
import { Empty, Loaded, sayIt } from "../parts/states";
import { useView } from "../view/view";

export default function Alerts() {
  const { view, href } = useView();
  const now = useNow();
  const query = useAlerts();
  return (
    <div className="page">
      <PageHead title="Alerts" say="Conditions that hold now, critical ones first, then by the money at stake. Each goes away by itself when its condition does." />
      {query.error instanceof APIError && query.error.status === 404 && !query.data ? (
        <section className="sheet"><Empty title="This server has no alerts"><p>Its version does not work them out yet.</p></Empty></section>
      ) : (
        <Loaded query={query} what="alerts" rows={8}>
          {(a) =>
            a.data.length === 0 ? (
              <section className="sheet">
                <Empty title="Nothing needs you">
                  <p>Watched are: inputs that stop or fail, the watermark, sinks, the disk, rates of late and broken records, sudden shares of invalid traffic, campaigns that spend without conversions, and campaigns that stop.</p>
                </Empty>
              </section>
            ) : (
              <section className="sheet" aria-label="Alerts">
                <ol className="alerts">
                  {a.data.map((x) => (
                    <li key={x.id}>
                      <div>
                        <h2><Sev level={x.severity} />{x.title}</h2>
                        <p className="soft wrap-any">{sayIt(x.detail)}</p>
                        <p><b>What to do:</b> {sayIt(x.action)}</p>
                      </div>
                      <div className="at-stake">
                        {x.stake && <p className="stake" title={exactMoney(x.stake)}>{money(x.stake)}</p>}
                        <p className="muted">{x.stake_note || words(x.severity)}</p>
                        <p className="muted" title={fullStamp(x.since, view.timezone)}>{ago(x.since, now).replace(/^(.+) ago$/, "for $1")}</p>
                        <Link className="btn" href={href(x.link.split("?")[0] || "/")} aria-label={`Look into it: ${x.title}`}>Look into it</Link>
                      </div>
                    </li>
                  ))}
                </ol>
              </section>
            )
          }
        </Loaded>
      )}
    </div>
  );
}
