// How fresh the figures are: the one thing that no page leaves out.
import { useHealth } from "../api/queries";
import { near, span } from "../format/time";
import { live, useLive } from "../live/store";
import { useView } from "../view/view";
import { useNow } from "./now";

const LAGGING = 120_000;

export function Freshness() {
  const { view } = useView();
  const { state, asOf, watermark, heardAt, transport } = useLive();
  const health = useHealth();
  const now = useNow();
  const zone = view.timezone;
  const p = health.data?.data;
  const complete = watermark ?? p?.watermark ?? null;
  const of = asOf || p?.as_of || "";
  const behind = complete && of ? Date.parse(of) - Date.parse(complete) : 0;

  let tone = "live";
  let word = "Live";
  let title = "Figures change as events come; what lies before the watermark is complete.";
  const parts: string[] = [];
  if (of) parts.push(`as of ${near(of, zone, now)}`);
  if (state === "paused") {
    [tone, word] = ["grey", "Paused"];
    title = "Figures stand still until you resume (Space).";
  } else if (state === "connecting") {
    [tone, word] = ["grey", "Connecting"];
  } else if (state === "reconnecting" || state === "stale") {
    [tone, word] = ["grey", state === "stale" ? "No news" : "Reconnecting"];
    title = "The connection is gone. The last figures stay; click to try now.";
    if (heardAt) parts.splice(0, 1, `figures from ${near(of, zone, now)}, ${span(Math.max(1000, now - heardAt))} old`);
  } else if (p && !p.ready) {
    [tone, word] = ["red", "Stopped"];
    title = p.not_ready.join("; ") || "The pipeline does not take events.";
  } else if (complete && behind > LAGGING) {
    [tone, word] = ["amber", "Lagging"];
    title = `The watermark is ${span(behind)} behind: an input is late or stands still.`;
  }
  if (transport === "stream" && tone === "live") title += " (No WebSocket gets through; a slower stream is used.)";

  return (
    <button type="button" className={`chip ${tone}`} title={title} onClick={() => (state === "paused" ? live.resume() : live.reconnectNow())}>
      <span className="dot" />
      <b>{word}</b>
      {parts.map((t) => (
        <span key="of" className="part hide-phone">
          {t}
        </span>
      ))}
      {complete && tone !== "grey" && (
        <span className="part hide-phone watermark-part">
          complete to {near(complete, zone, now)}
          {tone === "amber" && `, ${span(Math.floor(behind / 60_000) * 60_000)} behind`}
        </span>
      )}
    </button>
  );
}
