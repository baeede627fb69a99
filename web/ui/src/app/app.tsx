// Which page stands for which address. Every page is a chunk of its own.
import { Component, lazy, Suspense, type ComponentType, type ReactNode } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { Bones, Empty, Failed } from "../parts/states";
import { useView } from "../view/view";
import { Shell } from "./shell";

const page = (load: () => Promise<{ default: ComponentType }>) => lazy(load);

const ROUTES: [string, ComponentType][] = [
  ["/", page(() => import("../pages/live"))],
  ["/campaigns", page(() => import("../pages/campaigns"))],
  ["/campaigns/:id", page(() => import("../pages/campaign"))],
  ["/conversions", page(() => import("../pages/conversions"))],
  ["/conversions/:id", page(() => import("../pages/conversion"))],
  ["/attribution", page(() => import("../pages/attribution"))],
  ["/fraud", page(() => import("../pages/fraud"))],
  ["/pipeline", page(() => import("../pages/pipeline"))],
  ["/late-events", page(() => import("../pages/late-events"))],
  ["/dead-letters", page(() => import("../pages/dead-letters"))],
  ["/alerts", page(() => import("../pages/alerts"))],
  ["/exports", page(() => import("../pages/exports"))],
  ["/settings", page(() => import("../pages/settings"))],
  ["/api", page(() => import("../pages/api"))],
  ["/pacing", page(() => import("../pages/pacing"))],
  ["/experiments", page(() => import("../pages/experiments"))],
  ["/funnels", page(() => import("../pages/funnels"))],
];

export function App() {
  const [path] = useLocation();
  return (
    <Shell>
      <Boundary key={path}>
        <Suspense fallback={<Bones rows={12} label="Loading the page" />}>
          <Switch>
            {ROUTES.map(([path, C]) => (
              <Route key={path} path={path} component={C} />
            ))}
            <Route>
              <Nowhere />
            </Route>
          </Switch>
        </Suspense>
      </Boundary>
    </Shell>
  );
}

function Nowhere() {
  const { href } = useView();
  return (
    <Empty title="There is no such page">
      <p>
        The address may be of another version. <Link className="link" href={href("/")}>Go to the live page</Link>
      </p>
    </Empty>
  );
}

/** A page that fails leaves the frame standing. */
class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    return this.state.error ? <Failed error={this.state.error} what="this page" retry={() => this.setState({ error: null })} /> : this.props.children;
  }
}
