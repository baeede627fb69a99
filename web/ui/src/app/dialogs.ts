// Which dialog is open; there is one at a time.
import { create } from "zustand";

export type Dialog = "" | "palette" | "keys" | "save" | "switches" | "places";

export const useDialogs = create<{ open: Dialog; toast: string }>()(() => ({ open: "", toast: "" }));

export const show = (open: Dialog): void => useDialogs.setState({ open });

let timer: ReturnType<typeof setTimeout> | undefined;
export function toast(text: string): void {
  useDialogs.setState({ toast: text });
  clearTimeout(timer);
  timer = setTimeout(() => useDialogs.setState({ toast: "" }), 2500);
}
