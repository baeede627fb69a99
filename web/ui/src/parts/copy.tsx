import { useEffect, useRef, useState } from "react";
import { Icon } from "./icons";

/** Copies text, and says that it did. */
export function Copy({ text, label = "Copy", className = "btn" }: { text: string | (() => string); label?: string; className?: string }) {
  const [state, setState] = useState<"" | "done" | "failed">("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setState("done");
    } catch {
      setState("failed"); // no permission, or not a secure address
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState(""), 2000);
  };
  return (
    <button type="button" className={className} onClick={() => void copy()}>
      <Icon name="copy" />
      <span aria-live="polite">{state === "done" ? "Copied" : state === "failed" ? "Copy is not allowed here" : label}</span>
    </button>
  );
}

export function Code({ text, label, wrap = false }: { text: string; label: string; wrap?: boolean }) {
  return (
    <div className="codebox">
      <pre tabIndex={0} aria-label={label} className={wrap ? "soft-wrap" : undefined}>
        {text}
      </pre>
      <Copy text={text} />
    </div>
  );
}
