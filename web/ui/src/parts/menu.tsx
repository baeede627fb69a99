// A button with a native popover: the browser closes it on Escape or a click
// elsewhere, and keeps it above everything without any z-index of ours.
import { useId, useRef, useState, type ReactNode } from "react";
import { flushSync } from "react-dom";

export interface Item {
  id: string;
  name: string;
  note?: string;
}

export function Menu({ button, label, className = "pick", children }: { button: ReactNode; label: string; className?: string; children: (close: () => void) => ReactNode }) {
  const id = useId();
  const trigger = useRef<HTMLButtonElement>(null);
  const pop = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const place = () => {
    const at = trigger.current!.getBoundingClientRect();
    const p = pop.current!;
    p.style.top = `${at.bottom + 5}px`;
    p.style.left = `${Math.max(8, Math.min(at.left, innerWidth - p.offsetWidth - 8))}px`;
    (p.querySelector<HTMLElement>('[aria-checked="true"]') ?? p.querySelector<HTMLElement>("input, button"))?.focus();
  };
  return (
    <>
      <button ref={trigger} type="button" className={className} popoverTarget={id} aria-haspopup="true" aria-expanded={open} title={label}>
        <span className="sr">{label}: </span>
        {button}
        <svg className="chev" viewBox="0 0 8 8" aria-hidden="true">
          <path d="M1 2.5 4 5.5 7 2.5" fill="none" stroke="currentColor" strokeWidth="1.4" />
        </svg>
      </button>
      <div
        ref={pop}
        id={id}
        popover="auto"
        className="menu"
        onToggle={(e) => {
          const now = e.newState === "open";
          flushSync(() => setOpen(now)); // so that there is something to measure and to focus
          if (now) place();
        }}
        onKeyDown={(e) => {
          if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
          if ((e.target as HTMLElement).tagName === "SELECT") return;
          e.preventDefault();
          const items = [...pop.current!.querySelectorAll<HTMLElement>("button.item")];
          const i = items.indexOf(document.activeElement as HTMLElement);
          items[(i + (e.key === "ArrowDown" ? 1 : -1) + items.length) % items.length]?.focus();
        }}
      >
        {open && children(() => pop.current?.hidePopover())}
      </div>
    </>
  );
}

/** A menu of which one entry holds. */
export function Choice({ label, shown, items, value, onPick, className, extra }: { label: string; shown: ReactNode; items: readonly Item[]; value: string; onPick: (id: string) => void; className?: string; extra?: (close: () => void) => ReactNode }) {
  return (
    <Menu label={label} button={shown} className={className}>
      {(close) => (
        <>
          <div role="menu" aria-label={label}>
            {items.map((item) => (
              <button
                key={item.id}
                type="button"
                role="menuitemradio"
                aria-checked={item.id === value}
                className="item"
                onClick={() => {
                  onPick(item.id);
                  close();
                }}
              >
                <span className="tick" aria-hidden="true">
                  {item.id === value ? "✓" : ""}
                </span>
                <span>{item.name}</span>
                <span />
                {item.note && <small>{item.note}</small>}
              </button>
            ))}
          </div>
          {extra?.(close)}
        </>
      )}
    </Menu>
  );
}

export function Segments<T extends string>({ label, items, value, onPick }: { label: string; items: readonly { id: T; name: string; title?: string }[]; value: T; onPick: (id: T) => void }) {
  return (
    <div className="seg" role="group" aria-label={label}>
      {items.map((i) => (
        <button key={i.id} type="button" aria-pressed={i.id === value} title={i.title} onClick={() => onPick(i.id)}>
          {i.name}
        </button>
      ))}
    </div>
  );
}
