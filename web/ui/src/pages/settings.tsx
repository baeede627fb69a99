// What belongs to this reader: kept in this browser, sent nowhere.
import { Link } from "wouter";
import { zoneItems } from "../app/bar";
import { useSession, type Session } from "../api/queries";
import { show } from "../app/dialogs";
import { modelName, money } from "../format/format";
import { browserZone, fullStamp } from "../format/time";
import { Segments } from "../parts/menu";
import { MarkLegend } from "../parts/marks";
import { PageHead, Sheet } from "../parts/page";
import { Empty, Loaded } from "../parts/states";
import { usePrefs } from "../view/prefs";
import { MODELS, useView } from "../view/view";

const LOCALES = ["en-US", "en-GB", "de-DE", "fr-FR", "es-ES", "nl-NL", "pl-PL", "sv-SE", "pt-BR", "ja-JP", "hi-IN", "de-CH"];

export default function Settings() {
  const prefs = usePrefs();
  const { view } = useView();
  return (
    <div className="page">
      <PageHead title="Settings" say="Kept in this browser. What is shown, range, filters and the like, stands in the address instead, so that it can be sent to somebody." />
      <div className="two">
        <Sheet title="How figures are shown">
          <div className="pad form">
            <div className="one">
              <span>Theme</span>
              <Segments label="Theme" items={[{ id: "system", name: "As the system" }, { id: "light", name: "Light" }, { id: "dark", name: "Dark" }]} value={prefs.theme || "system"} onPick={(t) => prefs.set({ theme: t === "system" ? "" : t })} />
            </div>
            <label className="one">
              <span>Numbers and dates</span>
              <select className="field" value={prefs.locale} onChange={(e) => prefs.set({ locale: e.target.value })}>
                <option value="">As the browser ({navigator.language})</option>
                {LOCALES.map((l) => (
                  <option key={l} value={l}>
                    {new Intl.DisplayNames(["en"], { type: "language" }).of(l)}
                  </option>
                ))}
              </select>
              <small>
                {money({ amount: "1234567.891234", currency: view.currency || "USD" }, "long")} · {fullStamp("2026-03-01T14:03:07.120Z", view.timezone)}
              </small>
            </label>
            <label className="one">
              <span>Timezone</span>
              <select className="field" value={prefs.timezone} onChange={(e) => prefs.set({ timezone: e.target.value })}>
                <option value="">UTC</option>
                {zoneItems(prefs.timezone || browserZone()).filter((z) => z.id !== "UTC").map((z) => (
                  <option key={z.id} value={z.id}>
                    {z.name}
                    {z.note ? ` (${z.note.toLowerCase()})` : ""}
                  </option>
                ))}
              </select>
              <small>Where an address does not name another. Hours and days are cut in it.</small>
            </label>
            <label className="one">
              <span>Model</span>
              <select className="field" value={prefs.model} onChange={(e) => prefs.set({ model: e.target.value })}>
                <option value="">{modelName("last_non_direct")}</option>
                {MODELS.filter((m) => m !== "last_non_direct").map((m) => (
                  <option key={m} value={m}>
                    {modelName(m)}
                  </option>
                ))}
              </select>
              <small>Where an address does not name another.</small>
            </label>
          </div>
        </Sheet>
        <div className="column">
        <Login />
        <Sheet title="Saved views" tools={<button type="button" className="btn" onClick={() => show("save")}>Save the current one</button>}>
          {prefs.saved.length === 0 ? (
            <Empty title="None yet" small>
              <p>
                Set the bar as you like it on any page and press <kbd>s</kbd>. Saved views stand in the command palette too.
              </p>
            </Empty>
          ) : (
            <ul className="feed">
              {prefs.saved.map((v) => (
                <li key={v.name}>
                  <div className="entry">
                    <Link className="what" href={v.href}>
                      {v.name}
                    </Link>
                    <button type="button" className="btn plain" onClick={() => prefs.forget(v.name)} aria-label={`Delete the view ${v.name}`}>
                      Delete
                    </button>
                    <span className="second truncate mono">{v.href}</span>
                  </div>
                </li>
              ))}
            </ul>
          )}
        </Sheet>
        </div>
      </div>
      <Sheet title="Marks">
        <div className="pad" style={{ display: "grid", gap: 10 }}>
          <MarkLegend />
          <p className="soft">
            Every figure is shown at once as <b>provisional</b>, and becomes <b>final</b> when the watermark has passed its end. A late event, a verdict, a refund or a link may change it afterwards: then it is <b>restated</b>, and the journal of the conversion says by what. In charts the part that is still filling is dotted, and a line marks the watermark.
          </p>
        </div>
      </Sheet>
    </div>
  );
}

const SCOPES: [Session["scopes"][number], string][] = [
  ["read", "figures, with pseudonyms for persons"],
  ["read:pii", "persons and records as they are"],
  ["write", "sending events"],
  ["export", "whole tables"],
  ["admin", "everything, erasing and sinks too"],
];

/** Who is asking, and what they may do. */
function Login() {
  const query = useSession();
  return (
    <Sheet title="Login">
      <div className="pad" id="login">
        <Loaded query={query} what="the login" rows={2}>
          {({ data: s }) =>
            !s.authentication ? (
              <p className="soft">
                This server asks nobody who they are, and so listens on this machine only. A section <code>auth</code> in its configuration puts a login before it.
              </p>
            ) : (
              <div style={{ display: "grid", gap: 14 }}>
                <dl className="kv">
                  <dt>Logged in as</dt>
                  <dd>
                    <b>{s.name ?? s.id}</b> <span className="muted">{s.id.startsWith("k_") ? <>with the key <code>{s.id}</code></> : s.via === "oidc" ? "by single sign-on" : ""}</span>
                  </dd>
                  {SCOPES.map(([scope, what]) => (
                    <ScopeRow key={scope} scope={scope} what={what} has={s.scopes.includes(scope)} />
                  ))}
                  <dt>Persons</dt>
                  <dd>{s.pseudonyms ? "stand here as pseudonyms (p:…); seeing them needs the scope read:pii" : "are shown as they are"}</dd>
                </dl>
                <form method="post" action="/logout" className="marked">
                  <button className="btn">Log out</button>
                  <span className="muted">What this browser keeps, saved views too, goes with it.</span>
                </form>
              </div>
            )
          }
        </Loaded>
      </div>
    </Sheet>
  );
}

function ScopeRow({ scope, what, has }: { scope: string; what: string; has: boolean }) {
  return (
    <>
      <dt>
        <code>{scope}</code>
      </dt>
      <dd className={has ? undefined : "muted"}>
        <span className={`tag${has ? " good" : ""}`}>{has ? "yes" : "no"}</span> {what}
      </dd>
    </>
  );
}
