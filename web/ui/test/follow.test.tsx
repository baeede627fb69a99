import { QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { live, queries, useFollowed, useLive } from "../src/live/store";

let frame: (answer: unknown) => void;
let fetched: number;
let took: number; // ms that a fetch takes

beforeEach(() => {
  vi.useFakeTimers();
  fetched = 0;
  took = 0;
  vi.spyOn(live, "follow").mockImplementation((_ch, _params, listener) => {
    frame = listener;
    return () => undefined;
  });
  vi.stubGlobal("fetch", async () => {
    fetched++;
    if (took) await new Promise((ok) => setTimeout(ok, took));
    return new Response(JSON.stringify({ n: fetched }), { headers: { "Content-Type": "application/json" } });
  });
  useLive.setState({ state: "live", transport: "socket" });
});

afterEach(() => {
  queries.clear();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const wrapper = ({ children }: { children: ReactNode }) => <QueryClientProvider client={queries}>{children}</QueryClientProvider>;
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
const hook = () => renderHook(() => useFollowed<{ n: number }, { value: number; noise?: number }>("/v1/x", {}, { ch: "kpis", params: {}, of: (a) => a.value }), { wrapper });

it("asks again when what is followed changed, and only then", async () => {
  const { result } = hook();
  await pass(0);
  expect(result.current.data?.n).toBe(1);
  frame({ value: 1 }); // of the moment of the first answer
  frame({ value: 1, noise: 2 });
  await pass(60_000);
  expect(fetched).toBe(1);
  frame({ value: 2 });
  await pass(0);
  expect(fetched).toBe(2);
  for (let i = 3; i < 13; i++) {
    frame({ value: i });
    await pass(100);
  }
  expect(fetched).toBe(2); // the gap
  await pass(2000);
  expect(fetched).toBe(3);
  await pass(60_000);
  expect(fetched).toBe(3);
});

it("does not miss what changed while it asked, and rests after long answers", async () => {
  const view = hook();
  await pass(0);
  frame({ value: 1 });
  await pass(5000);
  took = 1000;
  frame({ value: 2 });
  await pass(500);
  expect(fetched).toBe(2);
  frame({ value: 3 });
  await pass(7000);
  expect(fetched).toBe(2);
  await pass(600);
  expect(fetched).toBe(3);
  view.unmount();
  frame({ value: 4 });
  await pass(60_000);
  expect(fetched).toBe(3);
});

it("asks now and then without a socket", async () => {
  useLive.setState({ state: "live", transport: "stream" });
  hook();
  await pass(0);
  await pass(10_500);
  expect(fetched).toBe(2);
});
