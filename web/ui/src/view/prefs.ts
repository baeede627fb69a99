// What belongs to the reader and not to the view: kept in this browser.
import { create } from "zustand";
import { persist } from "zustand/middleware";

export interface SavedView {
  name: string;
  href: string; // path and query
}

interface Prefs {
  theme: "" | "light" | "dark";
  locale: string; // empty: the browser's
  model: string; // empty: the server's default
  timezone: string; // empty: UTC
  saved: SavedView[];
  set: (change: Partial<Pick<Prefs, "theme" | "locale" | "model" | "timezone">>) => void;
  save: (view: SavedView) => void;
  forget: (name: string) => void;
}

export const usePrefs = create<Prefs>()(
  persist(
    (set) => ({
      theme: "",
      locale: "",
      model: "",
      timezone: "",
      saved: [],
      set: (change) => set(change),
      save: (view) => set((s) => ({ saved: [...s.saved.filter((v) => v.name !== view.name), view].sort((a, b) => a.name.localeCompare(b.name)) })),
      forget: (name) => set((s) => ({ saved: s.saved.filter((v) => v.name !== name) })),
    }),
    { name: "tributary.prefs", version: 1 },
  ),
);
