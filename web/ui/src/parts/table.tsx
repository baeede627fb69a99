// Every table of the application: a sheet with a title, columns that sort,
// sticky head, CSV, keys, and rows that stand still while the pointer is on them.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useLocation } from "wouter";
import { csv, download, type CSVCell } from "../format/csv";
import { Icon } from "./icons";
import { Empty } from "./states";

export type Sortable = string | number | bigint | undefined;

export interface Column<T> {
  id: string;
  name: string;
  title?: string; // what the column means
  num?: boolean; // right-aligned, first click sorts downward
  value: (row: T) => Sortable; // what sorts; undefined comes last
  cell?: (row: T) => ReactNode; // default: the value
  csv?: (row: T) => CSVCell; // default: the value
  foot?: ReactNode;
  plain?: boolean; // does not sort
  unnamed?: boolean; // the name is for ears only
  wideOnly?: boolean; // not on a phone
  hideEmpty?: boolean; // not shown while no row has anything in it; in the CSV it stands
}

interface Props<T extends object> {
  title: string;
  note?: ReactNode;
  tools?: ReactNode;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  sort?: { id: string; desc: boolean };
  href?: (row: T) => string;
  onOpen?: (row: T) => void;
  openKey?: string;
  empty?: ReactNode;
  foot?: ReactNode;
  csvName?: string;
  height?: number | string; // of the part that scrolls
  fill?: boolean; // takes what room there is
}

const VIRTUAL_FROM = 100;
const ROW_HEIGHT = 28;

export function compareValues(a: Sortable, b: Sortable): number {
  if (typeof a === "string" || typeof b === "string") return String(a).localeCompare(String(b), undefined, { numeric: true });
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

/** Rows by the value of a column; those without one come last either way. */
export function sorted<T>(rows: T[], value: (row: T) => Sortable, desc: boolean): T[] {
  const keyed = rows.map((row) => ({ row, v: value(row) }));
  keyed.sort((a, b) => {
    if (a.v === undefined || b.v === undefined) return Number(a.v === undefined) - Number(b.v === undefined);
    return desc ? compareValues(b.v, a.v) : compareValues(a.v, b.v);
  });
  return keyed.map((k) => k.row);
}

const nothing = (v: Sortable): boolean => v === undefined || v === "" || v === 0n;

const classOf = (c: { num?: boolean; wideOnly?: boolean }): string | undefined => `${c.num ? "num" : ""}${c.wideOnly ? " wide-only" : ""}`.trim() || undefined;

export function TableSheet<T extends object>(p: Props<T>) {
  const [, navigate] = useLocation();
  const [sort, setSort] = useState(p.sort);
  const [at, setAt] = useState<string | null>(null);
  const frozen = useRef<string[] | null>(null);
  const box = useRef<HTMLDivElement>(null);

  const by = p.columns.find((c) => c.id === sort?.id);
  const ordered = useMemo(() => {
    const rows = by && sort ? sorted(p.rows, by.value, sort.desc) : p.rows;
    return rows.map((original) => ({ id: p.rowKey(original), original }));
  }, [p.rows, p.rowKey, by, sort]);
  let rows = ordered;
  if (frozen.current) rows = inOrder(rows, frozen.current);

  const columns = p.columns.filter((c) => !c.hideEmpty || p.rows.some((r) => !nothing(c.value(r))));

  const virtual = rows.length >= VIRTUAL_FROM;
  const v = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW_HEIGHT, overscan: 12, enabled: virtual });
  const items = virtual ? v.getVirtualItems() : null;
  const shown = items ? items.map((i) => rows[i.index]!) : rows;
  const before = items?.[0]?.start ?? 0;
  const after = items?.length ? v.getTotalSize() - items[items.length - 1]!.end : 0;
  const first = items?.[0]?.index ?? 0;

  const open = useCallback(
    (row: T) => {
      if (p.onOpen) p.onOpen(row);
      else if (p.href) navigate(p.href(row));
    },
    [p.onOpen, p.href, navigate],
  );
  const opens = Boolean(p.onOpen ?? p.href);

  const key = (e: KeyboardEvent) => {
    const i = rows.findIndex((r) => r.id === at);
    const to = { j: i + 1, ArrowDown: i + 1, k: i - 1, ArrowUp: i - 1, Home: 0, End: rows.length - 1 }[e.key];
    if (to !== undefined && !e.ctrlKey && !e.metaKey && !e.altKey) {
      const next = Math.max(0, Math.min(rows.length - 1, to));
      e.preventDefault();
      e.stopPropagation();
      setAt(rows[next]?.id ?? null);
      if (virtual) v.scrollToIndex(next);
      else box.current?.querySelectorAll("tbody tr")[next]?.scrollIntoView?.({ block: "nearest" });
    } else if (e.key === "Enter" && e.target === box.current && rows[i]) {
      open(rows[i].original);
    }
  };

  const save = () => {
    const head = p.columns.map((c) => c.id);
    const name = (p.csvName ?? p.title).toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
    download(`${name}.csv`, "text/csv", csv(head, rows.map((r) => p.columns.map((c) => (c.csv ?? c.value)(r.original)))));
  };

  return (
    <section className={`sheet${p.fill ? " fill" : ""}`} aria-label={p.title}>
      <header>
        <h2>{p.title}</h2>
        {p.note !== undefined && <span className="note">{p.note}</span>}
        <span className="tools">
          {p.tools}
          {rows.length > 0 && (
            <button type="button" className="btn plain icon" onClick={save} title="Download as CSV" aria-label={`${p.title} as CSV`}>
              <Icon name="download" />
            </button>
          )}
        </span>
      </header>
      {rows.length === 0 ? (
        (p.empty ?? <Empty title="Nothing here" small />)
      ) : (
        <div className="table-box" ref={box} tabIndex={0} role="group" aria-label={`${p.title}: rows`} onKeyDown={key} style={{ maxHeight: p.height }}>
          <table className="t" aria-rowcount={rows.length + 1}>
            <thead>
              <tr>
                {columns.map((c, i) => (
                  <th
                    key={c.id}
                    scope="col"
                    className={`${c.num ? "num" : ""}${i === 0 ? " pin" : ""}${c.wideOnly ? " wide-only" : ""}`}
                    title={c.title}
                    aria-sort={c.plain ? undefined : sort?.id === c.id ? (sort.desc ? "descending" : "ascending") : "none"}
                  >
                    {c.plain ? (
                      <span className={c.unnamed ? "sr" : undefined}>{c.name}</span>
                    ) : (
                      <button type="button" data-on={sort?.id === c.id} onClick={() => setSort({ id: c.id, desc: sort?.id === c.id ? !sort.desc : (c.num ?? false) })}>
                        {c.name}
                        {sort?.id === c.id && (
                          <svg viewBox="0 0 7 8" aria-hidden="true">
                            <path d={sort.desc ? "M3.5 0v7M.8 4.4l2.7 2.7 2.7-2.7" : "M3.5 8V1M.8 3.6 3.5.9l2.7 2.7"} fill="none" stroke="currentColor" strokeWidth="1.2" />
                          </svg>
                        )}
                      </button>
                    )}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody
              onPointerEnter={(e) => e.pointerType !== "touch" && (frozen.current = rows.map((r) => r.id))}
              onPointerLeave={() => (frozen.current = null)}
            >
              {before > 0 && (
                <tr aria-hidden="true">
                  <td colSpan={columns.length} style={{ height: before, padding: 0, border: 0 }} />
                </tr>
              )}
              {shown.map((r, n) => (
                <tr
                  key={r.id}
                  aria-rowindex={first + n + 2}
                  data-at={r.id === at || r.id === p.openKey}
                  data-link={opens}
                  onClick={(e) => opens && !(e.target as HTMLElement).closest("a,button") && !getSelection()?.toString() && open(r.original)}
                >
                  {columns.map((c, i) => {
                    const content = c.cell ? c.cell(r.original) : String(c.value(r.original) ?? "–");
                    return i === 0 ? (
                      <th key={c.id} scope="row" className={`pin${c.num ? " num" : ""}`}>
                        {content}
                      </th>
                    ) : (
                      <td key={c.id} className={classOf(c)}>
                        {content}
                      </td>
                    );
                  })}
                </tr>
              ))}
              {after > 0 && (
                <tr aria-hidden="true">
                  <td colSpan={columns.length} style={{ height: after, padding: 0, border: 0 }} />
                </tr>
              )}
            </tbody>
            {columns.some((c) => c.foot !== undefined) && (
              <tfoot>
                <tr>
                  {columns.map((c, i) =>
                    i === 0 ? (
                      <th key={c.id} scope="row" className="pin">
                        {c.foot ?? "Sum"}
                      </th>
                    ) : (
                      <td key={c.id} className={classOf(c)}>
                        {c.foot}
                      </td>
                    ),
                  )}
                </tr>
              </tfoot>
            )}
          </table>
        </div>
      )}
      {p.foot}
    </section>
  );
}

/** Rows in a frozen order; those that are new stand at the end. */
export function inOrder<R extends { id: string }>(rows: R[], order: string[]): R[] {
  const byID = new Map(rows.map((r) => [r.id, r]));
  const kept = order.filter((id) => byID.has(id)).map((id) => byID.get(id)!);
  const known = new Set(order);
  return [...kept, ...rows.filter((r) => !known.has(r.id))];
}
