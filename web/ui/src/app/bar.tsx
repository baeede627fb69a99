// The bar of switches. Each stands in the address.
import { useState } from "react";
import { modelName, words } from "../format/format";
import { browserZone, isZone } from "../format/time";
import { live, useLive } from "../live/store";
import { Icon } from "../parts/icons";
import { Choice, Menu, Segments } from "../parts/menu";
import { useOverview, pickCurrency } from "../api/queries";
import { COMPARES, MODELS, RANGES, rangeName, useView, type View } from "../view/view";
import { show } from "./dialogs";
import { Freshness } from "./freshness";

const MODEL_NOTES: Record<string, string> = {
  first_touch: "All to the first touch",
  last_touch: "All to the last touch",
  last_non_direct: "All to the last touch that is not Direct",
  linear: "The same to every touch",
  position_based: "40 % first, 40 % last, 20 % between",
  j_shaped: "20 % first, 60 % last, 20 % between",
  inverse_j: "60 % first, 20 % last, 20 % between",
  time_decay: "Half as much for each 7 days before the last touch",
  participation: "The whole to each campaign: sums to more than the value",
};

export const MODEL_ITEMS = MODELS.map((id) => ({ id, name: modelName(id), note: MODEL_NOTES[id] }));
export const BASIS_ITEMS = [
  { id: "conversion_time", name: "By conversion", note: "Credit counts when the conversion happened" },
  { id: "touch_time", name: "By touch", note: "Credit counts when the touch happened; it grows for a whole lookback" },
];
const ZONES = ["UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney"];

export function zoneItems(current: string) {
  return [...new Set(["UTC", browserZone(), current, ...ZONES])].map((id) => ({ id, name: id.replaceAll("_", " "), note: id === browserZone() && id !== "UTC" ? "This browser" : undefined }));
}

export function Bar() {
  const { view, defaults, set } = useView();
  const paused = useLive((s) => s.state === "paused");
  const overview = useOverview(view);
  const currencies = (overview.data?.data ?? []).map((f) => f.currency);
  const currency = pickCurrency(overview.data?.data, view.currency);
  const filters = view.campaign.length + view.channel.length;

  return (
    <header className="bar">
      <Choice
        label="Range"
        shown={rangeName(view)}
        items={RANGES}
        value={view.to === "" ? view.from : "own"}
        onPick={(from) => set({ from, to: "" })}
        extra={(close) => <OwnRange view={view} set={set} close={close} />}
      />
      <Choice label="Timezone" className="pick hide-phone hide-mid" shown={view.timezone === "UTC" ? "UTC" : view.timezone.split("/").at(-1)!.replaceAll("_", " ")} items={zoneItems(view.timezone)} value={view.timezone} onPick={(timezone) => set({ timezone })} extra={(close) => <OwnZone set={set} close={close} />} />
      <Choice label="Compare with" className="pick hide-phone hide-mid" shown={<span>{COMPARES.find((c) => c.id === view.compare)!.short}</span>} items={COMPARES} value={view.compare} onPick={(compare) => set({ compare: compare as View["compare"] })} />
      <Choice label="Attribution model" className={`pick hide-phone${view.model !== defaults.model ? " set" : ""}`} shown={modelName(view.model)} items={MODEL_ITEMS} value={view.model} onPick={(model) => set({ model })} />
      <Choice label="Basis of time" className={`pick hide-phone hide-mid${view.basis !== defaults.basis ? " set" : ""}`} shown={view.basis === "conversion_time" ? "by conversion" : "by touch"} items={BASIS_ITEMS} value={view.basis} onPick={(basis) => set({ basis: basis as View["basis"] })} />
      <span className="hide-phone">
        <Segments
          label="Traffic"
          items={[
            { id: "net", name: "Net", title: "Without invalid traffic and what it cost" },
            { id: "gross", name: "Gross", title: "All traffic; credit stays net" },
          ]}
          value={view.traffic}
          onPick={(traffic) => set({ traffic })}
        />
      </span>
      {currencies.length > 1 && <Choice label="Currency" className="pick hide-phone" shown={currency} items={currencies.map((id) => ({ id, name: id }))} value={currency} onPick={(c) => set({ currency: c })} />}
      <Menu label="Filters" className={`pick hide-phone hide-mid${filters ? " set" : ""}`} button={<><Icon name="filter" /><span>{filters ? `${filters}` : ""}</span></>}>
        {(close) => <Filters view={view} set={set} close={close} />}
      </Menu>
      <button type="button" className="pick only-narrow" aria-label="All switches" title="All switches" onClick={() => show("switches")}>
        <Icon name="settings" />
      </button>
      <span className="spacer" />
      <Freshness />
      <button type="button" className="btn plain icon hide-phone no-wall" aria-pressed={paused} aria-label={paused ? "Resume" : "Pause"} title={`${paused ? "Resume" : "Pause"} (Space)`} onClick={() => (paused ? live.resume() : live.pause())}>
        <Icon name={paused ? "play" : "pause"} />
      </button>
      <button type="button" className="btn plain icon no-wall" aria-label="Command palette" title="Find anything (Ctrl K)" onClick={() => show("palette")}>
        <Icon name="search" />
      </button>
    </header>
  );
}

/** An absolute range, in UTC as the address has it. */
function OwnRange({ view, set, close }: { view: View; set: (c: Partial<View>) => void; close: () => void }) {
  const absolute = view.to !== "" && !view.from.startsWith("-");
  const [from, setFrom] = useState(absolute ? view.from.slice(0, 16) : "");
  const [to, setTo] = useState(absolute ? view.to.slice(0, 16) : "");
  const ok = from !== "" && to !== "" && from < to;
  return (
    <form
      className="sub"
      onSubmit={(e) => {
        e.preventDefault();
        if (!ok) return;
        set({ from: `${from}:00Z`, to: `${to}:00Z` });
        close();
      }}
    >
      <label>
        From (UTC)
        <input className="field" type="datetime-local" value={from} onChange={(e) => setFrom(e.target.value)} />
      </label>
      <label>
        To (UTC)
        <input className="field" type="datetime-local" value={to} onChange={(e) => setTo(e.target.value)} />
      </label>
      <button className="btn" disabled={!ok}>
        Show this range
      </button>
    </form>
  );
}

function OwnZone({ set, close }: { set: (c: Partial<View>) => void; close: () => void }) {
  const [zone, setZone] = useState("");
  return (
    <form
      className="sub"
      onSubmit={(e) => {
        e.preventDefault();
        if (!isZone(zone)) return;
        set({ timezone: zone });
        close();
      }}
    >
      <label>
        Another zone
        <span className="row">
          <input className="field" value={zone} placeholder="America/Sao_Paulo" onChange={(e) => setZone(e.target.value.trim())} />
          <button className="btn" disabled={!isZone(zone)}>
            Set
          </button>
        </span>
      </label>
    </form>
  );
}

export function Filters({ view, set, close }: { view: View; set: (c: Partial<View>) => void; close: () => void }) {
  const [key, setKey] = useState<"campaign" | "channel">("campaign");
  const [value, setValue] = useState("");
  return (
    <form
      className="sub"
      onSubmit={(e) => {
        e.preventDefault();
        if (value === "" || view[key].includes(value)) return;
        set({ [key]: [...view[key], value] });
        setValue("");
        close();
      }}
    >
      <label>
        Show only
        <select className="field" value={key} onChange={(e) => setKey(e.target.value as typeof key)}>
          <option value="campaign">Campaign</option>
          <option value="channel">Channel</option>
        </select>
      </label>
      <label>
        <span className="sr">Value</span>
        <input className="field" value={value} placeholder={key === "campaign" ? "spring-sale-search" : "Paid Search"} onChange={(e) => setValue(e.target.value)} />
      </label>
      <button className="btn" disabled={value === ""}>
        Add filter
      </button>
    </form>
  );
}

/** The filters in force, each of which a click takes away. */
export function FilterChips() {
  const { view, set } = useView();
  if (view.campaign.length + view.channel.length === 0) return null;
  return (
    <div className="filters" aria-label="Filters">
      {(["campaign", "channel"] as const).flatMap((key) =>
        view[key].map((v) => (
          <button key={key + v} type="button" title="Remove this filter" onClick={() => set({ [key]: view[key].filter((x) => x !== v) })}>
            {words(key)}: {v || "(none)"} <span aria-hidden="true">×</span>
          </button>
        )),
      )}
      <button type="button" className="clear" onClick={() => set({ campaign: [], channel: [] })}>
        Clear all
      </button>
    </div>
  );
}
