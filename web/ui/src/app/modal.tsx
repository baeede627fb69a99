import { useEffect, useRef, type ReactNode } from "react";
import { Icon } from "../parts/icons";
import { show } from "./dialogs";

/** A native modal dialog: the browser holds the focus and closes it on Escape. */
export function Modal({ className, label, title, children }: { className: string; label: string; title?: string; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current!;
    if (!d.open) d.showModal();
    return () => d.close();
  }, []);
  return (
    <dialog ref={ref} className={className} aria-label={label} onClose={() => show("")} onClick={(e) => e.target === ref.current && show("")}>
      {title && (
        <header>
          <h2>{title}</h2>
          <button type="button" className="btn plain icon" aria-label="Close" onClick={() => show("")}>
            <Icon name="close" />
          </button>
        </header>
      )}
      {children}
    </dialog>
  );
}
