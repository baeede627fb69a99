import { Empty } from "../../parts/states";
import { rangeName, useView } from "../../view/view";

/** Events there are, but none in this view. */
export function NoMatch() {
  const { view, set } = useView();
  const filtered = view.campaign.length + view.channel.length > 0;
  return (
    <section className="sheet">
      <Empty title={filtered ? "Nothing matches these filters" : `Nothing in ${rangeName(view).toLowerCase()}`}>
        <p>{filtered ? "There are events, but none in this range with these campaigns and channels." : "There are events, but none in this range."}</p>
        <p className="row-of">
          {filtered && (
            <button type="button" className="btn primary" onClick={() => set({ campaign: [], channel: [] })}>
              Clear the filters
            </button>
          )}
          <button type="button" className="btn" onClick={() => set({ from: "-24h", to: "" })}>
            Show the last 24 hours
          </button>
          <button type="button" className="btn" onClick={() => set({ from: "-30d", to: "" })}>
            Show the last 30 days
          </button>
        </p>
      </Empty>
    </section>
  );
}
