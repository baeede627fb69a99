// Keys that work everywhere but where somebody types.
import { useEffect } from "react";
import { useLocation } from "wouter";
import { live, useLive } from "../live/store";
import { usePrefs } from "../view/prefs";
import { useView } from "../view/view";
import { show, useDialogs } from "./dialogs";
import { PLACES } from "./places";

const AFTER_G = 1200;

export function useKeys(): void {
  const [path, navigate] = useLocation();
  const { view, set, href } = useView();
  useEffect(() => {
    let g = 0;
    const on = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
        e.preventDefault();
        show(useDialogs.getState().open === "palette" ? "" : "palette");
        return;
      }
      const t = e.target as HTMLElement;
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || t.closest("input,select,textarea,dialog,[popover],[contenteditable]")) return;
      if (g && e.timeStamp - g < AFTER_G) {
        g = 0;
        const place = PLACES.find((p) => p.key === e.key);
        if (place) {
          e.preventDefault();
          navigate(href(place.path));
          return;
        }
      }
      g = 0;
      switch (e.key) {
        case "g":
          g = e.timeStamp;
          return;
        case "?":
          show("keys");
          return;
        case " ":
          if (t.closest("button,a,summary")) return;
          e.preventDefault();
          if (useLive.getState().state === "paused") live.resume();
          else live.pause();
          return;
        case "n":
          set({ traffic: view.traffic === "net" ? "gross" : "net" });
          return;
        case "s":
          e.preventDefault(); // else the letter ends in the field that opens
          show("save");
          return;
        case "w": {
          const p = new URLSearchParams(location.search);
          navigate(p.get("wall") === "1" ? href(path, { wall: "" }).replace(/[?&]wall=/, "") : href("/", { wall: "1" }));
          return;
        }
        case "t": {
          const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (usePrefs.getState().theme === "" && matchMedia("(prefers-color-scheme: dark)").matches);
          usePrefs.getState().set({ theme: dark ? "light" : "dark" });
          return;
        }
        case "j":
        case "k": {
          const box = document.querySelector<HTMLElement>(".main .table-box");
          if (!box || t.closest(".table-box")) return;
          box.focus();
          box.dispatchEvent(new KeyboardEvent("keydown", { key: e.key, bubbles: true }));
        }
      }
    };
    window.addEventListener("keydown", on);
    return () => window.removeEventListener("keydown", on);
  }, [path, navigate, view, set, href]);
}
