// What stands where figures would be while there is not one event.
import { Code } from "./copy";
import { useLive } from "../live/store";

export function FirstRun() {
  const state = useLive((s) => s.state);
  const now = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
  const body = `{"event_id":"i-1","type":"impression","event_time":"${now}","user_id":"42","campaign_id":"spring","channel":"Display","cost":"0.004"}
{"event_id":"c-1","type":"click","event_time":"${now}","user_id":"42","campaign_id":"spring","channel":"Display","cost":"0.35"}
{"event_id":"v-1","type":"conversion","event_time":"${now}","user_id":"42","conversion_name":"purchase","order_id":"o-1","value":"59.90"}`;
  const command = `curl -sS ${location.origin}/v1/events \\\n  -H 'Content-Type: application/x-ndjson' \\\n  --data-binary @- <<'EVENTS'\n${body}\nEVENTS`;
  return (
    <section className="sheet first-run" aria-label="First run">
      <div className="state">
        <h2>Waiting for the first event</h2>
        <p>Tributary runs and takes events; none has come yet. Send three, an impression, a click and a conversion, and this page fills within a second{state === "live" ? "" : " of the connection"}.</p>
        <Code text={command} label="A command that sends three events" />
        <p className="muted">Or name Kafka topics in the configuration, or see what it looks like in use with <code>tributary demo</code>.</p>
      </div>
    </section>
  );
}
