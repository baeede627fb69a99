// Tables as CSV (RFC 4180). A cell that a spreadsheet would run as a formula
// gets an apostrophe before it; numbers stay numbers.

export type CSVCell = string | number | bigint | null | undefined;

export function csv(head: string[], rows: CSVCell[][]): string {
  return [head, ...rows].map((r) => r.map(cell).join(",") + "\r\n").join("");
}

function cell(v: CSVCell): string {
  let s = v === null || v === undefined ? "" : String(v);
  if (/^[=+\-@\t\r]/.test(s) && !/^-?\d+(\.\d+)?$/.test(s)) s = "'" + s;
  return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
}

/** Hands a file to the reader. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  // The browser has taken the bytes once the click returned.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
