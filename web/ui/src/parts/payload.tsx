// The bytes of a record, as they came: pretty where they are JSON.
import { useEffect, useRef, type ReactNode } from "react";
import { Code } from "./copy";
import { Icon } from "./icons";

export function pretty(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    return payload;
  }
}

export function PayloadDialog({ title, payload, children, close }: { title: string; payload: string; children?: ReactNode; close: () => void }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current!;
    if (!d.open) d.showModal();
    return () => d.close();
  }, []);
  const binary = payload.startsWith("base64:");
  return (
    <dialog ref={ref} className="sheet-dialog payload" aria-label={title} onClose={close} onClick={(e) => e.target === ref.current && close()}>
      <header>
        <h2 className="truncate">{title}</h2>
        <button type="button" className="btn plain icon" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="body" style={{ display: "grid", gap: 12 }}>
        {children}
        {binary && <p className="muted">Not UTF-8, so shown as base64.</p>}
        <Code text={pretty(payload)} label="The record as it came" wrap />
      </div>
    </dialog>
  );
}
