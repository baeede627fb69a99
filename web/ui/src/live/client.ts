// One socket for the whole application. It owns the connection, its back-off and
// the subscriptions; pages only say what they look at.
//
// Invariants:
// 1. At most one connection at a time, and none while paused or without a listener.
// 2. After the n-th failure in a row the next attempt comes after a random time
//    below min(30 s, 0.5 s * 2^n): a crowd of browsers does not come back at once.
// 3. A connection that says nothing for 15 s is stale; after 25 s it is made anew.
// 4. What was held stays held while there is no connection: figures age, they do
//    not go away.
import { answer, apply, type Channel, type Held, type LiveMessage } from "./reducer";

export type LiveState = "connecting" | "live" | "stale" | "reconnecting" | "paused";

/** What the client needs of a connection; a WebSocket, or the fallback. */
export interface Connection {
  send(text: string): void;
  close(): void;
}

export interface Handlers {
  open(): void;
  message(text: string): void;
  close(): void;
}

export interface Options {
  connect(h: Handlers): Connection; // WebSocket
  fallback?(h: Handlers): Connection; // server-sent events: only says that something changed
  random?: () => number;
  now?: () => number;
  onState(state: LiveState, info: { attempt: number; retryAt: number; transport: "socket" | "stream" }): void;
  onHeard(asOf: string, watermark: string | null | undefined): void;
  onEpoch?(): void; // the server is another one: everything is to be asked anew
  onNotice?(): void; // the fallback heard of a change
}

const FIRST_DELAY = 500;
const MAX_DELAY = 30_000;
export const STALE_AFTER = 15_000;
const DEAD_AFTER = 25_000;
const FALLBACK_AFTER = 3; // sockets that never opened, in a row

interface Subscription {
  id: string;
  ch: Channel;
  params: Record<string, string>;
  held: Held | undefined;
  listeners: Set<(answer: unknown) => void>;
  refused: string; // code of the problem; empty while it runs
}

export function backoff(attempt: number, random: () => number): number {
  return random() * Math.min(MAX_DELAY, FIRST_DELAY * 2 ** attempt);
}

export class LiveClient {
  private readonly subscriptions = new Map<string, Subscription>();
  private connection: Connection | null = null;
  private opened = false;
  private paused = false;
  private attempt = 0;
  private neverOpened = 0;
  private transport: "socket" | "stream" = "socket";
  private probed = false; // a socket was tried since a stream got through
  private epoch = "";
  private heard = 0;
  private ids = 0;
  private state: LiveState = "connecting";
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private readonly random: () => number;
  private readonly now: () => number;

  constructor(private readonly o: Options) {
    this.random = o.random ?? Math.random;
    this.now = o.now ?? Date.now;
  }

  /** Follows a channel; the same channel and parameters are asked for once. */
  follow(ch: Channel, params: Record<string, string>, listener: (answer: unknown) => void): () => void {
    const key = ch + "?" + new URLSearchParams(params).toString();
    let sub = this.subscriptions.get(key);
    if (!sub) {
      sub = { id: `${ch}.${++this.ids}`, ch, params, held: undefined, listeners: new Set(), refused: "" };
      this.subscriptions.set(key, sub);
      if (this.opened) this.subscribe(sub);
    } else if (sub.held) {
      listener(answer(sub.ch, sub.held));
    }
    sub.listeners.add(listener);
    if (!this.connection && !this.paused && this.retry === undefined) this.connect();
    return () => {
      sub.listeners.delete(listener);
      if (sub.listeners.size > 0 || this.subscriptions.get(key) !== sub) return;
      this.subscriptions.delete(key);
      if (this.opened && this.transport === "socket") this.send({ op: "unsubscribe", id: sub.id });
    };
  }

  pause(): void {
    this.paused = true;
    this.drop();
    clearTimeout(this.retry);
    this.retry = undefined;
    this.say("paused");
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.attempt = 0;
    this.connect();
  }

  /** Does not wait for the back-off: the network came back, or somebody clicked. */
  reconnectNow(): void {
    if (this.paused || this.opened) return;
    clearTimeout(this.retry);
    this.retry = undefined;
    this.drop();
    this.connect();
  }

  stop(): void {
    this.paused = true;
    this.drop();
    clearTimeout(this.retry);
    this.retry = undefined;
    this.subscriptions.clear();
  }

  private connect(transport: "socket" | "stream" = this.neverOpened >= FALLBACK_AFTER && this.o.fallback ? "stream" : "socket"): void {
    this.drop();
    this.say(this.epoch === "" && this.attempt === 0 ? "connecting" : "reconnecting");
    const handlers: Handlers = {
      open: () => mine() && this.open(),
      message: (text) => mine() && this.message(text),
      close: () => mine() && this.lost(),
    };
    let connection: Connection | null = null;
    const mine = () => connection === null || this.connection === connection;
    this.transport = transport;
    connection = this.transport === "stream" ? this.o.fallback!(handlers) : this.o.connect(handlers);
    this.connection = connection;
    this.heard = this.now();
    this.watch = setInterval(() => this.check(), 1000);
  }

  private open(): void {
    if (this.transport === "stream" && !this.probed) {
      // Sockets may have failed because the server was away, and it is back now:
      // one more is tried before the stream is settled for.
      this.probed = true;
      this.connect("socket");
      return;
    }
    this.opened = true;
    if (this.transport === "socket") this.neverOpened = 0;
    this.heard = this.now();
    for (const sub of this.subscriptions.values()) this.subscribe(sub);
  }

  private subscribe(sub: Subscription): void {
    if (this.transport !== "socket") return;
    sub.refused = "";
    const since = sub.held ? { epoch: sub.held.epoch, seq: sub.held.seq } : {};
    this.send({ op: "subscribe", id: sub.id, ch: sub.ch, params: sub.params, ...since });
  }

  private send(message: object): void {
    try {
      this.connection?.send(JSON.stringify(message));
    } catch {
      // It closed a moment ago; lost() follows.
    }
  }

  private message(text: string): void {
    let m: LiveMessage;
    try {
      m = JSON.parse(text) as LiveMessage;
    } catch {
      return; // not ours
    }
    this.heard = this.now();
    this.attempt = 0;
    if (this.state !== "live") this.say("live");
    switch (m.op) {
      case "hello":
        if (this.epoch !== "" && this.epoch !== m.epoch) this.o.onEpoch?.();
        this.epoch = m.epoch;
        this.o.onHeard(m.as_of, undefined);
        return;
      case "beat":
        this.o.onHeard(m.as_of, undefined);
        return;
      case "reset": {
        const sub = this.byID(m.id);
        if (sub) sub.held = undefined; // a complete frame follows
        return;
      }
      case "error": {
        const sub = this.byID(m.id);
        if (sub) sub.refused = m.problem.code;
        return;
      }
      case "frame": {
        this.o.onHeard(m.as_of, m.meta["watermark"] as string | null | undefined);
        if (this.transport === "stream") {
          this.o.onNotice?.();
          return;
        }
        const sub = this.byID(m.id);
        if (!sub) return; // unsubscribed while it was under way
        const out = apply(sub.held, m);
        if (out.change === "missed") {
          sub.held = undefined;
          this.subscribe(sub);
        } else if (out.change === "applied") {
          sub.held = out.held;
          const a = answer(sub.ch, out.held);
          for (const listener of sub.listeners) listener(a);
        }
      }
    }
  }

  private byID(id: string): Subscription | undefined {
    for (const sub of this.subscriptions.values()) if (sub.id === id) return sub;
    return undefined;
  }

  private check(): void {
    const silent = this.now() - this.heard;
    if (silent >= DEAD_AFTER) this.lost();
    else if (silent >= STALE_AFTER && this.state === "live") this.say("stale");
  }

  private lost(): void {
    const settled = this.probed && !this.opened && this.transport === "socket";
    if (!this.opened && this.transport === "socket") this.neverOpened++;
    if (this.transport === "stream") this.probed = false;
    this.drop();
    if (this.paused) return;
    if (settled) {
      this.connect("stream"); // it got through a moment ago
      return;
    }
    const delay = backoff(this.attempt++, this.random);
    this.say("reconnecting", this.now() + delay);
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.connect();
    }, delay);
  }

  private drop(): void {
    clearInterval(this.watch);
    this.watch = undefined;
    this.opened = false;
    const c = this.connection;
    this.connection = null;
    c?.close();
  }

  private say(state: LiveState, retryAt = 0): void {
    this.state = state;
    this.o.onState(state, { attempt: this.attempt, retryAt, transport: this.transport });
  }
}
