// One stroke, 16 units, no library.
const paths = {
  live: "M2 9h2.5l2-5 3 9 2-4H14",
  campaigns: "M3 13V9M7 13V5M11 13V7M14.5 13.5h-13",
  conversions: "M3 8.5 6.5 12 13 4.5",
  attribution: "M2 4c5 0 5 4 12 4M2 12c5 0 5-4 12-4",
  fraud: "M8 1.8 13.5 4v4c0 3.3-2.4 5.4-5.5 6.2C4.9 13.4 2.5 11.3 2.5 8V4Z",
  pipeline: "M2 4h3v3h6V4h3M5 7v5h6V7",
  late: "M8 4v4l2.5 2M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z",
  dead: "M3 3h10v7l-3 3H3ZM6 6.2l4 4M10 6.2l-4 4",
  exports: "M8 2v8M4.8 6.8 8 10l3.2-3.2M2.5 13.5h11",
  alerts: "M4 11V7a4 4 0 1 1 8 0v4l1.2 1.5H2.8ZM6.7 14.2h2.6",
  pacing: "M2.5 12a5.5 5.5 0 1 1 11 0M8 12l3-4",
  experiments: "M6.2 2h3.6M7 2v4l-3.8 7.2h9.6L9 6V2",
  funnels: "M2 3h12l-4.5 5.5V13l-3 1V8.5Z",
  api: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
  settings: "M2 5h6.5M12 5h2M2 11h2M7.5 11H14M10.2 3.2v3.6M5.8 9.2v3.6",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.6 10.6 14 14",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2 12.5 8 5 12.8Z",
  close: "M4 4l8 8M12 4l-8 8",
  download: "M8 2v8M4.8 6.8 8 10l3.2-3.2M2.5 13.5h11",
  copy: "M5.5 5.5h8v8h-8ZM10.5 5.5v-3h-8v8h3",
  filter: "M2 4h12M4.5 8h7M6.5 12h3",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  save: "M4 2h8v12l-4-3-4 3Z",
  wall: "M2 3.5h12v8H2ZM6 14h4",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 16 16" width="15" height="15" fill="none" stroke="currentColor" strokeWidth={name === "more" ? 2.4 : 1.5} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2.1" strokeLinecap="round" aria-hidden="true">
      <path d="M12 21.5v-9M12 13c0-5-6.5-4-7-10M12 13c0-5 6.5-4 7-10" />
      <path d="M12 9V3" opacity=".5" />
    </svg>
  );
}
