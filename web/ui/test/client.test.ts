import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoff, LiveClient, type Handlers, type LiveState } from "../src/live/client";

class Fake {
  sent: Record<string, unknown>[] = [];
  closed = false;
  constructor(readonly h: Handlers) {}
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close() {
    this.closed = true;
  }
  say(m: object) {
    this.h.message(JSON.stringify(m));
  }
}

const hello = (epoch = "e1") => ({ op: "hello", epoch, seq: 1, as_of: "t", snapshot: "", channels: [], beat_ms: 10000, max_subscriptions: 32 });
const frame = (id: unknown, seq: number, prev: number, set: object, epoch = "e1") => ({ op: "frame", id, ch: "kpis", epoch, seq, prev, as_of: "t", meta: { watermark: "w" }, set, del: [] });

let sockets: Fake[];
let streams: Fake[];
let states: LiveState[];
let epochs: number;
let notices: number;
const make = () =>
  new LiveClient({
    connect: (h) => (sockets.push(new Fake(h)), sockets.at(-1)!),
    fallback: (h) => (streams.push(new Fake(h)), streams.at(-1)!),
    random: () => 1,
    onState: (s) => states.push(s),
    onHeard: () => undefined,
    onEpoch: () => epochs++,
    onNotice: () => notices++,
  });

beforeEach(() => {
  vi.useFakeTimers();
  [sockets, streams, states, epochs, notices] = [[], [], [], 0, 0];
});
afterEach(() => vi.useRealTimers());

describe("back-off", () => {
  it("doubles up to 30 s, and any part of it may be waited", () => {
    expect([0, 1, 2, 5, 6, 7, 50].map((n) => backoff(n, () => 1))).toEqual([500, 1000, 2000, 16000, 30000, 30000, 30000]);
    expect(backoff(50, () => 0)).toBe(0);
    expect(backoff(3, () => 0.5)).toBe(2000);
  });
});

describe("the client", () => {
  it("opens one socket for all, and asks once for what two look at", () => {
    const c = make();
    const [a, b] = [vi.fn(), vi.fn()];
    c.follow("kpis", { from: "-1h" }, a);
    c.follow("kpis", { from: "-1h" }, b);
    c.follow("health", {}, vi.fn());
    expect(sockets).toHaveLength(1);
    sockets[0]!.h.open();
    expect(sockets[0]!.sent.map((m) => [m.op, m.ch])).toEqual([["subscribe", "kpis"], ["subscribe", "health"]]);
    sockets[0]!.say(hello());
    sockets[0]!.say(frame(sockets[0]!.sent[0]!.id, 1, 0, { USD: { x: 1 } }));
    expect(a).toHaveBeenLastCalledWith(expect.objectContaining({ data: [{ x: 1 }] }));
    expect(b).toHaveBeenCalledTimes(1);
    expect(states.at(-1)).toBe("live");
  });

  it("tells a late-comer what is held", () => {
    const c = make();
    c.follow("kpis", {}, vi.fn());
    sockets[0]!.h.open();
    sockets[0]!.say(frame(sockets[0]!.sent[0]!.id, 1, 0, { USD: 1 }));
    const late = vi.fn();
    c.follow("kpis", {}, late);
    expect(late).toHaveBeenCalledWith(expect.objectContaining({ data: [1] }));
  });

  it("unsubscribes when the last one leaves", () => {
    const c = make();
    const off = c.follow("kpis", {}, vi.fn());
    const off2 = c.follow("kpis", {}, vi.fn());
    sockets[0]!.h.open();
    off();
    expect(sockets[0]!.sent).toHaveLength(1);
    off2();
    expect(sockets[0]!.sent.at(-1)).toMatchObject({ op: "unsubscribe", id: sockets[0]!.sent[0]!.id });
  });

  it("subscribes again after a gap, and from nothing", () => {
    const c = make();
    const on = vi.fn();
    c.follow("kpis", {}, on);
    sockets[0]!.h.open();
    const id = sockets[0]!.sent[0]!.id;
    sockets[0]!.say(frame(id, 5, 0, { USD: 1 }));
    sockets[0]!.say(frame(id, 9, 7, { USD: 2 }));
    expect(on).toHaveBeenCalledTimes(1);
    expect(sockets[0]!.sent.at(-1)).toEqual({ op: "subscribe", id, ch: "kpis", params: {} });
    sockets[0]!.say(frame(id, 9, 0, { USD: 3 }));
    expect(on).toHaveBeenLastCalledWith(expect.objectContaining({ data: [3] }));
  });

  it("says what it has when it comes back, and drops it on a reset", () => {
    const c = make();
    const on = vi.fn();
    c.follow("kpis", {}, on);
    sockets[0]!.h.open();
    sockets[0]!.say(hello());
    const id = sockets[0]!.sent[0]!.id;
    sockets[0]!.say(frame(id, 5, 0, { USD: 1, EUR: 1 }));
    sockets[0]!.h.close();
    expect(states.at(-1)).toBe("reconnecting");
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
    sockets[1]!.h.open();
    expect(sockets[1]!.sent[0]).toMatchObject({ op: "subscribe", epoch: "e1", seq: 5 });
    sockets[1]!.say(hello("e2"));
    expect(epochs).toBe(1);
    sockets[1]!.say({ op: "reset", id, ch: "kpis", epoch: "e2", seq: 2, reason: "epoch" });
    sockets[1]!.say(frame(id, 2, 0, { USD: 4 }, "e2"));
    expect(on).toHaveBeenLastCalledWith(expect.objectContaining({ data: [4] }));
  });

  it("waits longer each time, and not at all when somebody clicks", () => {
    const c = make();
    c.follow("kpis", {}, vi.fn());
    sockets[0]!.h.open();
    sockets[0]!.h.close(); // 500
    vi.advanceTimersByTime(499);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    sockets[1]!.h.close(); // 1000
    vi.advanceTimersByTime(999);
    expect(sockets).toHaveLength(2);
    c.reconnectNow();
    expect(sockets).toHaveLength(3);
    vi.advanceTimersByTime(60_000);
    expect(sockets.filter((s) => !s.closed).length + streams.filter((s) => !s.closed).length).toBeLessThanOrEqual(1);
  });

  it("is stale after 15 s of silence and connects anew after 25", () => {
    const c = make();
    c.follow("kpis", {}, vi.fn());
    sockets[0]!.h.open();
    sockets[0]!.say(hello());
    vi.advanceTimersByTime(14_000);
    expect(states.at(-1)).toBe("live");
    vi.advanceTimersByTime(1_000);
    expect(states.at(-1)).toBe("stale");
    sockets[0]!.say({ op: "beat", epoch: "e1", seq: 1, as_of: "t" });
    expect(states.at(-1)).toBe("live");
    vi.advanceTimersByTime(25_000);
    expect(states.at(-1)).toBe("reconnecting");
    expect(sockets[0]!.closed).toBe(true);
  });

  it("has no connection while paused, and ignores what an old one says", () => {
    const c = make();
    const on = vi.fn();
    c.follow("kpis", {}, on);
    sockets[0]!.h.open();
    c.pause();
    expect(sockets[0]!.closed).toBe(true);
    sockets[0]!.say(frame("kpis.1", 1, 0, { USD: 1 }));
    sockets[0]!.h.close();
    vi.advanceTimersByTime(120_000);
    expect(sockets).toHaveLength(1);
    expect(on).not.toHaveBeenCalled();
    expect(states.at(-1)).toBe("paused");
    c.resume();
    expect(sockets).toHaveLength(2);
  });

  const failThrice = () => {
    for (const wait of [500, 1000, 2000]) {
      sockets.at(-1)!.h.close();
      vi.advanceTimersByTime(wait);
    }
  };
  it("takes the stream where no socket ever opens", () => {
    const c = make();
    c.follow("kpis", {}, vi.fn());
    failThrice();
    expect([sockets.length, streams.length]).toEqual([3, 1]);
    streams[0]!.h.open(); // the server is there: one more socket is tried
    expect([sockets.length, streams.length]).toEqual([4, 1]);
    sockets[3]!.h.close();
    expect([sockets.length, streams.length]).toEqual([4, 2]);
    streams[1]!.h.open();
    streams[1]!.say(hello());
    streams[1]!.say(frame("kpis", 2, 0, { USD: 1 }));
    expect(notices).toBe(1);
    expect(states.at(-1)).toBe("live");
    expect([...sockets, ...streams].filter((s) => !s.closed)).toHaveLength(1);
  });
  it("goes back to the socket when it was only the server that was away", () => {
    const c = make();
    c.follow("kpis", {}, vi.fn());
    failThrice();
    streams[0]!.h.open();
    sockets[3]!.h.open();
    sockets[3]!.say(hello());
    expect(states.at(-1)).toBe("live");
    expect(streams.every((s) => s.closed)).toBe(true);
    expect(sockets[3]!.sent[0]).toMatchObject({ op: "subscribe", ch: "kpis" });
  });

  it("goes on when one subscription is refused or a message is none", () => {
    const c = make();
    const on = vi.fn();
    c.follow("kpis", {}, on);
    sockets[0]!.h.open();
    const id = sockets[0]!.sent[0]!.id;
    sockets[0]!.h.message("not json");
    sockets[0]!.say({ op: "error", id, problem: { type: "about:blank", title: "x", status: 400, code: "bad_parameter" } });
    sockets[0]!.say(frame(id, 1, 0, { USD: 1 }));
    expect(on).toHaveBeenCalledTimes(1);
  });
});
