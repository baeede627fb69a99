// The API, as the server describes it: every route, its parameters, a try of
// those that read, and the same as a command.
import "./api.css";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { get } from "../api/client";
import { count } from "../format/format";
import { Code, Copy } from "../parts/copy";
import { PageHead } from "../parts/page";
import { Loaded } from "../parts/states";
import { useParam } from "../view/view";

interface Schema {
  type?: string | string[];
  enum?: (string | null)[];
  default?: unknown;
  items?: Schema;
}
interface Param {
  name: string;
  in: "query" | "path";
  required: boolean;
  description?: string;
  example?: unknown;
  schema: Schema;
}
interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags?: string[];
  parameters?: Param[];
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
}
interface Document {
  info: { title: string; version: string; description: string };
  tags?: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
}
interface Op extends Operation {
  path: string;
  method: string;
}

export default function API() {
  const query = useQuery<Document>({ queryKey: ["/openapi.json"], queryFn: ({ signal }) => get<Document>("/openapi.json", {}, signal), staleTime: 3_600_000 });
  return (
    <div className="page">
      <PageHead title="API" say={query.data?.info.description} tools={<a className="btn" href="/openapi.json" target="_blank" rel="noreferrer">openapi.json</a>} />
      <Loaded query={query} what="the description of the API" rows={12}>
        {(d) => <Routes d={d} />}
      </Loaded>
    </div>
  );
}

function Routes({ d }: { d: Document }) {
  const ops = useMemo(() => Object.entries(d.paths).flatMap(([path, item]) => Object.entries(item).map(([method, op]): Op => ({ ...op, path, method }))), [d]);
  const [id, setID] = useParam("op", "getOverview");
  const op = ops.find((o) => o.operationId === id) ?? ops[0]!;
  const groups = useMemo(() => {
    const names = [...(d.tags ?? []).map((t) => t.name), ""];
    const titles = new Map((d.tags ?? []).map((t) => [t.name, t.description]));
    return names.map((n) => ({ name: titles.get(n) ?? (d.tags ? "Plain" : "Routes"), ops: ops.filter((o) => (o.tags?.[0] ?? "") === n) })).filter((g) => g.ops.length);
  }, [d, ops]);
  return (
    <div className="api">
      <nav className="sheet" aria-label="Routes">
        {groups.map((g) => (
          <div key={g.name}>
            <h2>{g.name}</h2>
            {g.ops.map((o) => (
              <a
                key={o.operationId}
                href={`?op=${o.operationId}`}
                aria-current={o === op}
                title={o.summary}
                onClick={(e) => {
                  e.preventDefault();
                  setID(o.operationId);
                }}
              >
                {o.method === "get" ? "" : o.method.toUpperCase() + " "}
                {o.path}
              </a>
            ))}
          </div>
        ))}
      </nav>
      <Try key={op.operationId} op={op} />
    </div>
  );
}

interface Result {
  status: number;
  ms: number;
  size: number;
  type: string;
  text: string;
  cut: boolean;
}

const SHOWN = 40_000;

function Try({ op }: { op: Op }) {
  const [values, setValues] = useState<Record<string, string>>({});
  const [accept, setAccept] = useState("application/json");
  const [result, setResult] = useState<Result | string | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => setResult(null), [accept]);
  const params = op.parameters ?? [];
  const missing = params.some((p) => p.in === "path" && !values[p.name]);
  const query = new URLSearchParams(params.filter((p) => p.in === "query" && values[p.name]).map((p) => [p.name, values[p.name]!])).toString();
  const path = op.path.replace(/\{(\w+)\}/g, (_, n: string) => (values[n] ? encodeURIComponent(values[n]) : `{${n}}`)) + (query ? "?" + query : "");
  const types = Object.keys(op.responses["200"]?.content ?? {});
  const streams = types.includes("text/event-stream");
  const reads = op.method === "get" && !streams;
  const curl = op.method === "post" ? `curl -sS ${location.origin}${op.path} -H 'Content-Type: application/json' \\\n  --data '{"event_id":"i-1","type":"impression","event_time":"${new Date().toISOString().slice(0, 19)}Z","user_id":"42","campaign_id":"spring","cost":"0.004"}'` : `curl -sS${streams ? "N" : ""} '${location.origin}${path}'${accept === "application/json" || streams ? "" : ` -H 'Accept: ${accept}'`}`;

  const run = async () => {
    setBusy(true);
    const began = performance.now();
    try {
      const r = await fetch(path, { headers: { Accept: accept } });
      const text = await r.text();
      const type = r.headers.get("Content-Type") ?? "";
      let shown = text;
      if (type.includes("json") && !type.includes("ndjson")) {
        try {
          shown = JSON.stringify(JSON.parse(text), null, 2);
        } catch {
          // as it came
        }
      }
      setResult({ status: r.status, ms: performance.now() - began, size: text.length, type, text: shown.slice(0, SHOWN), cut: shown.length > SHOWN });
    } catch (e) {
      setResult(e instanceof Error ? e.message : String(e));
    } finally {
      setBusy(false);
    }
  };

  return (
    <section className="sheet op" aria-label={op.path}>
      <div>
        <h2>
          <span className={`verb ${op.method}`}>{op.method.toUpperCase()}</span>
          {op.path}
        </h2>
        <p>{op.summary}</p>
        {op.description && <p className="soft">{op.description}</p>}
      </div>
      {params.length > 0 && (
        <form
          className="args"
          id="try"
          onSubmit={(e) => {
            e.preventDefault();
            if (reads && !missing) void run();
          }}
        >
          {params.map((p) => (
            <label key={p.name}>
              <span>
                <b>{p.name}</b>
                {p.required && <span className="warn"> needed</span>}
              </span>
              <Field p={p} value={values[p.name] ?? ""} set={(v) => setValues((old) => ({ ...old, [p.name]: v }))} />
              <small>{p.description}</small>
            </label>
          ))}
        </form>
      )}
      <Code text={curl} label="The same as a command" wrap />
      {reads && (
        <div className="row-of">
          <button type="button" className="btn primary" disabled={busy || missing} onClick={() => void run()}>
            {busy ? "Asking" : "Try it"}
          </button>
          {types.length > 1 && (
            <select className="field" aria-label="Format of the answer" value={accept} onChange={(e) => setAccept(e.target.value)}>
              {types.map((t) => (
                <option key={t}>{t}</option>
              ))}
            </select>
          )}
          {result !== null && typeof result !== "string" && (
            <>
              <span className={`tag ${result.status < 400 ? "good" : "bad"}`}>{result.status}</span>
              <span className="muted">
                {Math.round(result.ms)} ms, {count(result.size)} characters
              </span>
              <Copy text={result.text} label="Copy the answer" className="btn plain" />
            </>
          )}
        </div>
      )}
      {typeof result === "string" && <p role="alert" className="bad">No answer: {result}</p>}
      {result !== null && typeof result !== "string" && (
        <div className="codebox" role="status">
          <pre tabIndex={0} aria-label="The answer">
            {result.text}
            {result.cut && "\n… cut here; the command gives all"}
          </pre>
        </div>
      )}
      <p className="muted">Answers: {Object.entries(op.responses).map(([code, r]) => `${code} ${r.description}`).join(", ")}</p>
    </section>
  );
}

function Field({ p, value, set }: { p: Param; value: string; set: (v: string) => void }) {
  const choices = p.schema.enum;
  const standard = p.schema.default;
  if (choices) {
    return (
      <select className="field" value={value} onChange={(e) => set(e.target.value)}>
        <option value="">{standard === undefined ? "" : `${String(standard)} (default)`}</option>
        {choices.filter((c) => c !== null && c !== "").map((c) => (
          <option key={c}>{c}</option>
        ))}
      </select>
    );
  }
  const example = Array.isArray(p.example) ? p.example.join(",") : p.example;
  return <input className="field" value={value} onChange={(e) => set(e.target.value)} placeholder={standard !== undefined ? String(standard) : example === undefined ? "" : `e.g. ${String(example)}`} />;
}
