import { fireEvent, render, screen, within } from "@testing-library/react";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { micros } from "../src/format/decimal";
import { compareValues, inOrder, TableSheet, type Column } from "../src/parts/table";

interface Row {
  id: string;
  v: string | null;
}
const columns: Column<Row>[] = [
  { id: "id", name: "Name", value: (r) => r.id },
  { id: "v", name: "Value", num: true, value: (r) => (r.v === null ? undefined : micros(r.v)), csv: (r) => r.v, cell: (r) => r.v ?? "–" },
];
const names = () => screen.getAllByRole("rowheader").map((r) => r.textContent);

describe("tables", () => {
  const rows: Row[] = [{ id: "a", v: "2.00" }, { id: "b", v: null }, { id: "c", v: "9007199254740993.000001" }, { id: "d", v: "9007199254740993.00" }];
  it("sort exactly, with nothing at the end both ways", () => {
    render(<TableSheet title="T" columns={columns} rows={rows} rowKey={(r) => r.id} sort={{ id: "v", desc: true }} />);
    expect(names()).toEqual(["c", "d", "a", "b"]);
    fireEvent.click(screen.getByRole("button", { name: "Value" }));
    expect(names()).toEqual(["a", "d", "c", "b"]);
    expect(screen.getByRole("columnheader", { name: "Value" }).getAttribute("aria-sort")).toBe("ascending");
  });
  it("stand still while the pointer is on them, and move when it leaves", () => {
    let set: (r: Row[]) => void = () => undefined;
    function Live() {
      const [data, setData] = useState<Row[]>([{ id: "a", v: "2.00" }, { id: "b", v: "1.00" }]);
      set = setData;
      return <TableSheet title="T" columns={columns} rows={data} rowKey={(r) => r.id} sort={{ id: "v", desc: true }} />;
    }
    const { container, rerender } = render(<Live />);
    const body = container.querySelector("tbody")!;
    fireEvent.pointerEnter(body, { pointerType: "mouse" });
    set([{ id: "n", v: "9.00" }, { id: "a", v: "2.00" }, { id: "b", v: "5.00" }]);
    rerender(<Live />);
    expect(names()).toEqual(["a", "b", "n"]);
    expect(within(body).getAllByRole("cell").map((c) => c.textContent)).toEqual(["2.00", "5.00", "9.00"]); // values are new
    fireEvent.pointerLeave(body);
    rerender(<Live />);
    expect(names()).toEqual(["n", "b", "a"]);
  });
  it("go by j and k, and open with Enter", () => {
    const open = vi.fn();
    render(<TableSheet title="T" columns={columns} rows={rows} rowKey={(r) => r.id} onOpen={open} />);
    const box = screen.getByRole("group", { name: "T: rows" });
    for (const key of ["j", "j", "j", "k"]) fireEvent.keyDown(box, { key });
    fireEvent.keyDown(box, { key: "Enter" });
    expect(open).toHaveBeenCalledWith(rows[1]);
  });
  it("write CSV of what is shown, in its order", async () => {
    let blob: Blob | undefined;
    vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: (b: Blob) => ((blob = b), "blob:x"), revokeObjectURL: () => undefined }));
    HTMLAnchorElement.prototype.click = () => undefined;
    render(<TableSheet title="T" columns={columns} rows={rows.slice(0, 2)} rowKey={(r) => r.id} sort={{ id: "v", desc: false }} />);
    fireEvent.click(screen.getByRole("button", { name: "T as CSV" }));
    const text = await new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.readAsText(blob!);
    });
    expect(text).toBe("id,v\r\na,2.00\r\nb,\r\n");
  });
});

it("keeps an order and appends what is new", () => {
  expect(inOrder([{ id: "x" }, { id: "b" }, { id: "a" }], ["a", "gone", "b"]).map((r) => r.id)).toEqual(["a", "b", "x"]);
});

it("compares integers as integers and texts as people do", () => {
  expect(compareValues(2n, 10n)).toBeLessThan(0);
  expect(compareValues("ad 2", "ad 10")).toBeLessThan(0);
});
