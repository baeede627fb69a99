// Every place of the application, once: for the navigation, the palette and the keys.
import type { IconName } from "../parts/icons";

export interface Place {
  path: string;
  name: string;
  icon: IconName;
  key: string; // after g
  group: "Watch" | "Understand" | "Run";
}

export const PLACES: Place[] = [
  { path: "/", name: "Live", icon: "live", key: "l", group: "Watch" },
  { path: "/alerts", name: "Alerts", icon: "alerts", key: "n", group: "Watch" },
  { path: "/pacing", name: "Pacing", icon: "pacing", key: "b", group: "Watch" },
  { path: "/campaigns", name: "Campaigns", icon: "campaigns", key: "c", group: "Understand" },
  { path: "/conversions", name: "Conversions", icon: "conversions", key: "v", group: "Understand" },
  { path: "/attribution", name: "Attribution", icon: "attribution", key: "a", group: "Understand" },
  { path: "/fraud", name: "Invalid traffic", icon: "fraud", key: "f", group: "Understand" },
  { path: "/funnels", name: "Funnels", icon: "funnels", key: "u", group: "Understand" },
  { path: "/experiments", name: "Experiments", icon: "experiments", key: "e", group: "Understand" },
  { path: "/pipeline", name: "Pipeline", icon: "pipeline", key: "p", group: "Run" },
  { path: "/late-events", name: "Late events", icon: "late", key: "t", group: "Run" },
  { path: "/dead-letters", name: "Dead letters", icon: "dead", key: "d", group: "Run" },
  { path: "/exports", name: "Exports", icon: "exports", key: "x", group: "Run" },
  { path: "/api", name: "API", icon: "api", key: "i", group: "Run" },
  { path: "/settings", name: "Settings", icon: "settings", key: "s", group: "Run" },
];

export function placeOf(path: string): Place | undefined {
  return PLACES.find((p) => p.path === path) ?? PLACES.find((p) => p.path !== "/" && path.startsWith(p.path + "/"));
}
