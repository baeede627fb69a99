// The application's one live client, what it says about itself, and how its
// frames reach the pages: through the query cache, once per painted frame.
import { QueryClient, keepPreviousData, notifyManager, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { create } from "zustand";
import { APIError, get, type Params } from "../api/client";
import { LiveClient, type Handlers, type LiveState } from "./client";
import type { Channel } from "./reducer";

interface Live {
  state: LiveState;
  transport: "socket" | "stream";
  retryAt: number;
  asOf: string; // of the newest message; empty before the first
  watermark: string | null;
  heardAt: number; // by this browser's clock
}

export const useLive = create<Live>()(() => ({ state: "connecting", transport: "socket", retryAt: 0, asOf: "", watermark: null, heardAt: 0 }));

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      networkMode: "always", // a server on this machine needs no network
      retry: (n, e) => n < 2 && e instanceof APIError && e.again,
      retryDelay: (n) => Math.random() * Math.min(10_000, 500 * 2 ** n),
      placeholderData: keepPreviousData,
    },
  },
});

// What a frame changed is in the page before the frame is painted, not one later.
notifyManager.setScheduler(queueMicrotask);

// Work that waits for the next painted frame; keyed, so that the latest wins.
const waiting = new Map<string, () => void>();
function beforePaint(key: string, work: () => void): void {
  if (waiting.size === 0) {
    requestAnimationFrame(() => {
      const works = [...waiting.values()];
      waiting.clear();
      for (const w of works) w();
    });
  }
  waiting.set(key, work);
}

function socket(h: Handlers) {
  const at = new URL("/v1/live", location.href);
  at.protocol = at.protocol === "https:" ? "wss:" : "ws:";
  at.search = "?ch=";
  const ws = new WebSocket(at);
  ws.onopen = () => h.open();
  ws.onmessage = (e) => typeof e.data === "string" && h.message(e.data);
  ws.onclose = () => h.close();
  return { send: (text: string) => ws.readyState === WebSocket.OPEN && ws.send(text), close: () => ws.close() };
}

// Where a proxy lets no socket through: the stream tells that something changed,
// and the figures are fetched.
function stream(h: Handlers) {
  const es = new EventSource("/v1/live/events?ch=kpis");
  es.onopen = () => h.open();
  es.onerror = () => {
    es.close();
    h.close();
  };
  for (const op of ["hello", "frame", "beat", "reset"]) es.addEventListener(op, (e) => h.message((e as MessageEvent<string>).data));
  return { send: () => undefined, close: () => es.close() };
}

const NOTICE_GAP = 2_000;
let noticed = 0;

export const live = new LiveClient({
  connect: socket,
  fallback: stream,
  onState: (state, info) => useLive.setState({ state, transport: info.transport, retryAt: info.retryAt }),
  onHeard: (asOf, watermark) =>
    beforePaint("heard", () => useLive.setState((s) => ({ asOf, watermark: watermark === undefined ? s.watermark : watermark, heardAt: Date.now() }))),
  onEpoch: () => void queries.invalidateQueries(),
  onNotice: () => {
    const now = Date.now();
    if (now - noticed < NOTICE_GAP) return;
    noticed = now;
    void queries.invalidateQueries({ predicate: (q) => q.meta?.["live"] === true });
  },
});

if (typeof window !== "undefined") {
  window.addEventListener("online", () => live.reconnectNow());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && live.reconnectNow());
}

interface Numbered {
  meta?: { epoch?: string; seq?: number };
}

/**
 * Figures of a REST route that live frames keep current. The first answer comes
 * by REST; while there is no connection the last one stays.
 */
export function useLiveQuery<T>(ch: Channel, path: string, params: Params, enabled = true): UseQueryResult<T> {
  const key = [path, params];
  const text = JSON.stringify(key);
  const state = useLive((s) => s.state);
  const query = useQuery<T>({
    queryKey: key,
    enabled,
    meta: { live: true },
    queryFn: async ({ signal }) => {
      const fetched = await get<T & Numbered>(path, params, signal);
      // A frame may have overtaken the answer.
      const have = queries.getQueryData<T & Numbered>(key);
      const newer = have?.meta?.epoch !== undefined && have.meta.epoch === fetched.meta?.epoch && (have.meta.seq ?? 0) > (fetched.meta?.seq ?? 0);
      return newer ? have : fetched;
    },
    // Without a connection one asks now and then, in case only the socket fails.
    refetchInterval: state === "reconnecting" || state === "stale" ? 10_000 : false,
  });
  useEffect(() => {
    if (!enabled) return;
    return live.follow(ch, params, (a) => beforePaint(text, () => queries.setQueryData(key, a)));
    // text stands for path and params
  }, [ch, text, enabled]);
  return query;
}

/** Whether asking again is of no use until somebody logs in or is given a scope. */
const refused = (e: unknown): boolean => e instanceof APIError && (e.status === 401 || e.status === 403);

/**
 * Figures that no channel carries: asked anew every `every` ms while live, never
 * where that is 0. What may be asked for less often is a function of the answer.
 */
export function usePolled<T>(path: string, params: Params, every: number | ((data: T | undefined) => number) = 15_000, enabled = true): UseQueryResult<T> {
  const paused = useLive((s) => s.state === "paused");
  return useQuery<T>({
    queryKey: [path, params],
    enabled,
    queryFn: ({ signal }) => get<T>(path, params, signal),
    refetchInterval: (q) => {
      const gap = typeof every === "function" ? every(q.state.data) : every;
      return paused || gap === 0 || refused(q.state.error) ? false : gap;
    },
  });
}

const FOLLOW_GAP = 2_000; // between two fetches
const FOLLOW_SHARE = 8; // of the time is for fetches that take long

/**
 * Figures that no channel carries whole, fetched anew when a frame of one says
 * that they changed: `of` is the part of its answer that they follow. Without a
 * socket they are asked for now and then.
 */
export function useFollowed<T, A>(path: string, params: Params, follow: { ch: Channel; params: Params; of: (answer: A) => unknown }, enabled = true): UseQueryResult<T> {
  const socket = useLive((s) => s.state === "live" && s.transport === "socket");
  const query = usePolled<T>(path, params, socket ? 0 : 10_000, enabled);
  const fetch = useRef(() => Promise.resolve<unknown>(undefined));
  fetch.current = () => query.refetch({ cancelRefetch: false });
  const latest = useRef(follow.of);
  latest.current = follow.of;
  const text = JSON.stringify([path, params, follow.ch, follow.params]);
  useEffect(() => {
    if (!enabled) return;
    let shown: string | undefined; // what the figures that are there were fetched for
    let newest = "";
    let waiting: ReturnType<typeof setTimeout> | undefined;
    let fetching = false;
    let ended = false;
    let notBefore = Date.now() + FOLLOW_GAP;
    const look = () => {
      if (!ended && !fetching && waiting === undefined && newest !== shown) waiting = setTimeout(() => void again(), Math.max(0, notBefore - Date.now()));
    };
    const again = async () => {
      [waiting, fetching, shown] = [undefined, true, newest];
      const began = Date.now();
      await fetch.current();
      notBefore = Date.now() + Math.max(FOLLOW_GAP, (FOLLOW_SHARE - 1) * (Date.now() - began));
      fetching = false;
      look();
    };
    const stop = live.follow(follow.ch, follow.params, (a) => {
      newest = JSON.stringify(latest.current(a as A));
      shown ??= newest; // the first frame is of the moment of the first answer
      look();
    });
    return () => {
      ended = true;
      stop();
      clearTimeout(waiting);
    };
    // text stands for path, params and what is followed
  }, [text, enabled]);
  return query;
}
