import { describe, expect, it } from "vitest";
import { csv } from "../src/format/csv";

describe("csv", () => {
  it("quotes what would break a line", () => expect(csv(["a", "b"], [['say "hi"', "x,y"], ["two\nlines", null]])).toBe('a,b\r\n"say ""hi""","x,y"\r\n"two\nlines",\r\n'));
  it("keeps negative numbers and disarms formulas", () => {
    expect(csv(["v"], [["-12.34"], ["=1+1"], ["@cmd"], ["+1"], ["-x"], [-5], [7n]])).toBe("v\r\n-12.34\r\n'=1+1\r\n'@cmd\r\n'+1\r\n'-x\r\n-5\r\n7\r\n");
  });
});
