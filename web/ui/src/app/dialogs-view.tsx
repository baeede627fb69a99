// The dialogs besides the palette: keys, saving a view, and on narrow screens
// the switches and the other places.
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { live, useLive } from "../live/store";
import { Icon } from "../parts/icons";
import { Segments } from "../parts/menu";
import { usePrefs } from "../view/prefs";
import { COMPARES, RANGES, useView, type View } from "../view/view";
import { BASIS_ITEMS, Filters, MODEL_ITEMS, zoneItems } from "./bar";
import { show, toast, useDialogs } from "./dialogs";
import { Modal } from "./modal";
import { Palette } from "./palette";
import { PLACES } from "./places";

export default function OpenDialog() {
  const open = useDialogs((s) => s.open);
  return (
    <>
      {open === "palette" && <Palette />}
      {open === "keys" && <Keys />}
      {open === "save" && <Save />}
      {open === "switches" && <Switches />}
      {open === "places" && <Places />}
    </>
  );
}

function Keys() {
  const keys: [string, string][] = [
    ["Command palette", "Ctrl K"],
    ["These keys", "?"],
    ["Pause and resume", "Space"],
    ["Next and last row", "j k"],
    ["Open the row", "Enter"],
    ["Net or gross", "n"],
    ["Wall mode", "w"],
    ["Save this view", "s"],
    ["Dark or light", "t"],
    ["Points of a chart", "← →"],
  ];
  return (
    <Modal className="sheet-dialog" label="Keyboard shortcuts" title="Keyboard shortcuts">
      <dl className="body keys">
        {keys.map(([name, k]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <kbd>{k}</kbd>
            </dd>
          </div>
        ))}
        {PLACES.map((p) => (
          <div key={p.path}>
            <dt>{p.name}</dt>
            <dd>
              <kbd>g {p.key}</kbd>
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

function Save() {
  const [name, setName] = useState("");
  const save = usePrefs((s) => s.save);
  return (
    <Modal className="sheet-dialog" label="Save this view" title="Save this view">
      <form
        className="body switches"
        onSubmit={(e) => {
          e.preventDefault();
          if (!name.trim()) return;
          save({ name: name.trim(), href: location.pathname + location.search });
          show("");
          toast(`Saved as ${name.trim()}`);
        }}
      >
        <label>
          Name
          <input className="field" autoFocus value={name} maxLength={60} onChange={(e) => setName(e.target.value)} placeholder="Morning check" />
        </label>
        <p className="soft">It holds the page and every switch of the bar, and is kept in this browser. It stands in the command palette and in Settings.</p>
        <button className="btn primary" disabled={!name.trim()}>
          Save
        </button>
      </form>
    </Modal>
  );
}

function Switches() {
  const { view, set } = useView();
  const paused = useLive((s) => s.state === "paused");
  const select = (label: string, value: string, items: readonly { id: string; name: string }[], on: (v: string) => void) => (
    <label>
      {label}
      <select className="field" value={value} onChange={(e) => on(e.target.value)}>
        {items.every((i) => i.id !== value) && <option value={value}>{value}</option>}
        {items.map((i) => (
          <option key={i.id} value={i.id}>
            {i.name}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Modal className="sheet-dialog" label="All switches" title="What is shown">
      <div className="body switches">
        {select("Range", view.to ? "own" : view.from, view.to ? [{ id: "own", name: "Own range" }, ...RANGES] : RANGES, (from) => from !== "own" && set({ from, to: "" }))}
        {select("Compare with", view.compare, COMPARES, (v) => set({ compare: v as View["compare"] }))}
        {select("Attribution model", view.model, MODEL_ITEMS, (model) => set({ model }))}
        {select("Basis of time", view.basis, BASIS_ITEMS, (v) => set({ basis: v as View["basis"] }))}
        {select("Timezone", view.timezone, zoneItems(view.timezone), (timezone) => set({ timezone }))}
        <div className="one">
          Traffic
          <Segments label="Traffic" items={[{ id: "net", name: "Net" }, { id: "gross", name: "Gross" }]} value={view.traffic} onPick={(traffic) => set({ traffic })} />
        </div>
        <Filters view={view} set={set} close={() => show("")} />
        <button type="button" className="btn" onClick={() => (paused ? live.resume() : live.pause())}>
          <Icon name={paused ? "play" : "pause"} /> {paused ? "Resume" : "Pause"}
        </button>
      </div>
    </Modal>
  );
}

function Places() {
  const { href } = useView();
  const [path] = useLocation();
  return (
    <Modal className="sheet-dialog" label="All pages" title="All pages">
      <nav className="body more-places" aria-label="All pages">
        {PLACES.map((p) => (
          <Link key={p.path} href={href(p.path)} aria-current={p.path === path ? "page" : undefined} onClick={() => show("")}>
            <Icon name={p.icon} />
            {p.name}
          </Link>
        ))}
      </nav>
    </Modal>
  );
}
