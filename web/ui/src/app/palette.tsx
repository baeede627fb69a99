// Ctrl K: go anywhere, set any switch, open any campaign or conversion by its id.
import { useEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { modelName } from "../format/format";
import { live, queries, useLive } from "../live/store";
import type { CampaignFigures, Page } from "../api/types";
import { usePrefs } from "../view/prefs";
import { COMPARES, MODELS, RANGES, useView } from "../view/view";
import { show, toast } from "./dialogs";
import { Modal } from "./modal";
import { PLACES } from "./places";

interface Command {
  where: string;
  name: string;
  keys?: string;
  run: () => void;
}

export function Palette() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const commands = useCommands(text);
  const found = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const score = (c: Command) => {
      const hay = `${c.where} ${c.name}`.toLowerCase();
      if (!words.every((w) => hay.includes(w))) return -1;
      return words.length && c.name.toLowerCase().startsWith(words[0]!) ? 2 : 1;
    };
    return commands.map((c) => ({ c, s: c.where === "Open" ? 0.5 : score(c) })).filter((x) => x.s >= 0).sort((a, b) => b.s - a.s).slice(0, 40).map((x) => x.c);
  }, [commands, text]);
  useEffect(() => setAt(0), [text]);
  useEffect(() => {
    // In braces: newer browsers return a promise, which is no clean-up.
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView?.({ block: "nearest" });
  }, [at]);
  const run = (c: Command | undefined) => {
    if (!c) return;
    show("");
    c.run();
  };
  return (
    <Modal className="palette" label="Command palette">
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found.length ? `command-${at}` : undefined}
        aria-label="Find a page, a switch, a campaign or an id"
        placeholder="Find a page, a switch, a campaign or an id"
        value={text}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === "ArrowDown" || e.key === "ArrowUp") {
            e.preventDefault();
            setAt((at + (e.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(1, found.length));
          } else if (e.key === "Enter") {
            e.preventDefault();
            run(found[at]);
          }
        }}
      />
      <ul id="palette-list" ref={list} role="listbox" aria-label="Commands">
        {found.map((c, i) => (
          <li key={c.where + c.name} id={`command-${i}`} role="option" aria-selected={i === at} onClick={() => run(c)} onPointerMove={() => setAt(i)}>
            <span className="where">{c.where}</span>
            <span className="truncate">{c.name}</span>
            {c.keys && <kbd>{c.keys}</kbd>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="none">Nothing is called so.</p>}
    </Modal>
  );
}

function useCommands(text: string): Command[] {
  const [, navigate] = useLocation();
  const { set, href } = useView();
  const prefs = usePrefs();
  const paused = useLive((s) => s.state === "paused");
  const campaigns = useMemo(() => {
    const ids = new Set<string>();
    for (const [, page] of queries.getQueriesData<Page<CampaignFigures>>({ queryKey: ["/v1/campaigns"] })) for (const r of page?.data ?? []) if (r.campaign_id) ids.add(r.campaign_id);
    return [...ids].sort();
  }, []);
  const id = text.trim();
  return [
    ...PLACES.map((p): Command => ({ where: "Go to", name: p.name, keys: `g ${p.key}`, run: () => navigate(href(p.path)) })),
    ...prefs.saved.map((v): Command => ({ where: "Saved view", name: v.name, run: () => navigate(v.href) })),
    ...campaigns.map((c): Command => ({ where: "Campaign", name: c, run: () => navigate(href(`/campaigns/${encodeURIComponent(c)}`)) })),
    { where: "Figures", name: paused ? "Resume" : "Pause", keys: "Space", run: () => (paused ? live.resume() : live.pause()) },
    ...RANGES.map((r): Command => ({ where: "Range", name: r.name, run: () => set({ from: r.id, to: "" }) })),
    ...COMPARES.map((c): Command => ({ where: "Compare", name: c.name, run: () => set({ compare: c.id }) })),
    ...MODELS.map((m): Command => ({ where: "Model", name: modelName(m), run: () => set({ model: m }) })),
    { where: "Traffic", name: "Net", run: () => set({ traffic: "net" }) },
    { where: "Traffic", name: "Gross", run: () => set({ traffic: "gross" }) },
    { where: "Basis", name: "By conversion time", run: () => set({ basis: "conversion_time" }) },
    { where: "Basis", name: "By touch time", run: () => set({ basis: "touch_time" }) },
    { where: "Theme", name: "Dark", run: () => prefs.set({ theme: "dark" }) },
    { where: "Theme", name: "Light", run: () => prefs.set({ theme: "light" }) },
    { where: "Theme", name: "As the system", run: () => prefs.set({ theme: "" }) },
    { where: "View", name: "Save this view", run: () => show("save") },
    {
      where: "View",
      name: "Copy the address of this view",
      run: () => void navigator.clipboard?.writeText(location.href).then(() => toast("Address copied"), () => toast("Copying is not allowed here")),
    },
    { where: "View", name: "Wall mode", keys: "w", run: () => navigate(href("/", { wall: "1" })) },
    { where: "Help", name: "Keyboard shortcuts", keys: "?", run: () => show("keys") },
    ...(id.length > 3
      ? [
          { where: "Open", name: `Conversion ${id}`, run: () => navigate(href(`/conversions/${encodeURIComponent(id)}`)) },
          { where: "Open", name: `Verdict on event ${id}`, run: () => navigate(href("/fraud", { event: id })) },
          { where: "Open", name: `Campaign ${id}`, run: () => navigate(href(`/campaigns/${encodeURIComponent(id)}`)) },
        ]
      : []),
  ];
}
