// Where the tables go: sinks that are fed all the time, and files on demand.
import "./exports.css";
import type { components } from "../../api/schema";
import { APIError } from "../../api/client";
import { useSession } from "../../api/queries";
import { useNow } from "../../app/now";
import { usePolled } from "../../live/store";
import { PageHead, Sheet } from "../../parts/page";
import { Empty, Loaded } from "../../parts/states";
import { useView } from "../../view/view";
import { Ask } from "./ask";
import { Jobs, underWay } from "./jobs";
import { Sinks } from "./sinks";

type Exports = components["schemas"]["Exports"];

// Often while one is made. Otherwise seldom: every question goes into the audit log.
const MADE = 1000;
const QUIET = 60_000;

export default function ExportsPage() {
  const { view } = useView();
  const now = useNow();
  const session = useSession().data?.data;
  const jobs = usePolled<Exports>("/v1/exports", { limit: "200" }, (a) => (a?.data.some(underWay) ? MADE : QUIET));
  const absent = jobs.error instanceof APIError && jobs.error.code === "not_possible" && !jobs.data;
  const changed = () => void jobs.refetch();
  return (
    <div className="page">
      <PageHead title="Exports" say="Sinks get every change by themselves. For a table, or a range of it, as it stands at one moment, export it to files." />
      <Sinks zone={view.timezone} />
      {absent ? (
        <>
          <Sheet title="Exports"><Empty title="This server makes no exports" small><p>Use the command on its directory.</p></Empty></Sheet>
          <Ask done={changed} possible={false} />
        </>
      ) : (
        <Loaded query={jobs} what="the exports" rows={4} sheet>
          {(a) => (
            <>
              <Ask done={changed} possible />
              <Jobs rows={a.data} zone={view.timezone} now={now} many={session?.authentication ?? false} changed={changed} />
            </>
          )}
        </Loaded>
      )}
    </div>
  );
}
