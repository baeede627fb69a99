// The frame around every page: places, switches, freshness, and what is wrong.
import { lazy, Suspense, useEffect, useRef, type ReactNode } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { APIError } from "../api/client";
import { useAlerts, useHealth, useSession } from "../api/queries";
import { setLocale } from "../format/format";
import { near, span } from "../format/time";
import { live, useLive } from "../live/store";
import { Icon, Logo } from "../parts/icons";
import { usePrefs } from "../view/prefs";
import { useView } from "../view/view";
import { Bar, FilterChips } from "./bar";
import { show, useDialogs } from "./dialogs";
import { useKeys } from "./keys";
import { useNow } from "./now";
import { placeOf, PLACES } from "./places";

// Nobody needs a dialog before the first figure.
const OpenDialog = lazy(() => import("./dialogs-view"));

function Dialogs() {
  const { open, toast } = useDialogs();
  return (
    <>
      <Suspense>{open !== "" && <OpenDialog />}</Suspense>
      <div role="status" className={toast ? "toast" : "sr"}>
        {toast}
      </div>
    </>
  );
}

export function Shell({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  const wall = new URLSearchParams(useSearch()).get("wall") === "1";
  const theme = usePrefs((s) => s.theme);
  const locale = usePrefs((s) => s.locale);
  const main = useRef<HTMLElement>(null);
  const place = placeOf(path);
  useKeys();
  setLocale(locale);
  useEffect(() => {
    if (theme) document.documentElement.dataset["theme"] = theme;
    else delete document.documentElement.dataset["theme"];
  }, [theme]);
  useEffect(() => {
    document.title = place && path === place.path ? (path === "/" ? "Tributary" : `${place.name} · Tributary`) : `${decodeURIComponent(path.split("/").at(-1) ?? "")} · Tributary`;
    main.current?.scrollTo?.(0, 0);
  }, [path, place]);
  return (
    <div className={`app${wall ? " wall" : ""}`}>
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>
        Skip to the figures
      </a>
      <Nav path={path} />
      <Bar />
      <main className="main" id="main" ref={main} tabIndex={-1} key={locale}>
        <Banners />
        <FilterChips />
        {children}
      </main>
      <Tabs path={path} />
      <Dialogs />
    </div>
  );
}

function Nav({ path }: { path: string }) {
  const { href } = useView();
  const alerts = useAlerts().data;
  const here = placeOf(path)?.path;
  const counts = alerts?.meta?.counts;
  const n = counts ? counts.critical + counts.warning : 0;
  return (
    <nav className="nav" aria-label="Pages">
      <Link className="brand" href={href("/")} aria-label="Tributary, live page">
        <Logo />
        <span>Tributary</span>
      </Link>
      {(["Watch", "Understand", "Run"] as const).map((group) => (
        <div className="nav-group" key={group}>
          <h2>{group}</h2>
          {PLACES.filter((p) => p.group === group).map((p) => (
            <Link key={p.path} className="place" href={href(p.path)} aria-current={p.path === here ? "page" : undefined} title={`${p.name} (g ${p.key})`}>
              <Icon name={p.icon} />
              <span>{p.name}</span>
              {p.path === "/alerts" && n > 0 && <span className={`n${counts!.critical ? " bad" : ""}`}>{n}</span>}
            </Link>
          ))}
        </div>
      ))}
      <Who />
    </nav>
  );
}

/** Whose login this is, where there is one. */
function Who() {
  const { href } = useView();
  const s = useSession().data?.data;
  if (!s?.authentication) return null;
  return (
    <Link className="who" href={href("/settings")} title="The login, and what it may do">
      <Icon name="settings" />
      <span className="truncate">{s.name ?? s.id}</span>
    </Link>
  );
}

function Tabs({ path }: { path: string }) {
  const { href } = useView();
  const here = placeOf(path)?.path;
  return (
    <nav className="tabbar" aria-label="Main pages">
      {["/", "/campaigns", "/conversions", "/alerts"].map((to) => {
        const p = PLACES.find((x) => x.path === to)!;
        return (
          <Link key={to} href={href(to)} aria-current={to === here ? "page" : undefined}>
            <Icon name={p.icon} />
            {p.name}
          </Link>
        );
      })}
      <button type="button" onClick={() => show("places")}>
        <Icon name="more" />
        More
      </button>
    </nav>
  );
}

/** What is wrong with the program itself, on every page; money has its own feed. */
function Banners() {
  const { view, href } = useView();
  const { state, retryAt, asOf, heardAt } = useLive();
  const health = useHealth();
  const session = useSession();
  const now = useNow();
  const p = health.data?.data;
  const out = [health.error, session.error].some((e) => e instanceof APIError && e.status === 401);
  useEffect(() => {
    if (out) live.pause(); // what was let in before stays on the screen, and nothing more comes
  }, [out]);
  if (out) {
    return (
      <div className="banner" role="alert">
        <b>You are not logged in any more.</b> What is shown stands still. <a href={`/login?${new URLSearchParams({ next: location.pathname + location.search })}`}>Log in</a>
      </div>
    );
  }
  if ((state === "reconnecting" || state === "stale") && heardAt > 0 && now - heardAt > 3000) {
    const wait = retryAt - now;
    return (
      <div className="banner grey" role="status">
        <b>Reconnecting{wait > 900 ? ` in ${span(wait)}` : ""}.</b> Figures are those of {near(asOf, view.timezone, now)}, {span(now - heardAt)} old, and stay until the server is back.
        <button type="button" className="btn" onClick={() => live.reconnectNow()}>
          Try now
        </button>
      </div>
    );
  }
  if (!p) return null;
  if (!p.ready) {
    return (
      <div className="banner red" role="alert">
        <b>The pipeline has stopped.</b> {p.not_ready.join("; ")} <Link href={href("/pipeline")}>See the pipeline</Link>
      </div>
    );
  }
  const down = p.sinks.filter((s) => s.error !== null);
  if (down.length > 0) {
    return (
      <div className="banner" role="status">
        <b>{down.length === 1 ? `Sink ${down[0]!.name} is down.` : `${down.length} sinks are down: ${down.map((s) => s.name).join(", ")}.`}</b> Figures here are whole; the rows wait and will be delivered. <Link href={href("/pipeline")}>See the sinks</Link>
      </div>
    );
  }
  if (p.degraded.length > 0) {
    return (
      <div className="banner" role="status">
        <b>Running, with a fault.</b> {p.degraded.join("; ")} <Link href={href("/pipeline")}>See the pipeline</Link>
      </div>
    );
  }
  return null;
}
