// Requests to the server. Every failure becomes an APIError whose code is
// stable, so that pages can say what to do.
import type { Problem } from "./types";

export class APIError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestID = "",
    readonly parameter = "",
  ) {
    super(message);
    this.name = "APIError";
  }
  /** Whether asking again, unchanged, may help. */
  get again(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export type Params = Record<string, string>;

export function address(path: string, params: Params = {}): string {
  const q = new URLSearchParams(params).toString();
  return q ? `${path}?${q}` : path;
}

const TIMEOUT = 30_000;

export function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(address(path, params), {}, signal);
}

/** Sends something; only the page of exports and sinks does. */
export function send<T>(method: "POST" | "DELETE", path: string, body?: unknown, timeout = TIMEOUT): Promise<T> {
  return ask<T>(path, body === undefined ? { method } : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, undefined, timeout);
}

async function ask<T>(where: string, init: RequestInit, signal?: AbortSignal, timeout = TIMEOUT): Promise<T> {
  const limit = AbortSignal.timeout(timeout);
  let response: Response;
  try {
    response = await fetch(where, { ...init, headers: { Accept: "application/json", ...init.headers }, signal: signal ? AbortSignal.any([signal, limit]) : limit });
  } catch (e) {
    if (signal?.aborted) throw e;
    if (limit.aborted) throw new APIError(0, "timeout", `The server did not answer within ${timeout / 1000} seconds.`);
    throw new APIError(0, "unreachable", "The server cannot be reached. Is it running?");
  }
  if (response.ok) return (await response.json()) as T;
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    // Not ours: a proxy answered.
  }
  throw new APIError(response.status, problem.code ?? `http_${response.status}`, problem.detail ?? problem.title ?? response.statusText, problem.request_id ?? response.headers.get("X-Request-Id") ?? "", problem.parameter ?? "");
}
