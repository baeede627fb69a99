// Brings ../dist to what was built beside it. The program embeds that directory,
// so at every moment it holds a whole page: first new files, then index.html,
// which names them, then what is not wanted any more goes. Each file is renamed
// into its place; one that has not changed is not touched.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const from = new URL("../.build/", import.meta.url).pathname;
const to = new URL("../../dist/", import.meta.url).pathname;
const files = (dir) =>
  existsSync(dir)
    ? readdirSync(dir, { recursive: true, withFileTypes: true })
        .filter((e) => e.isFile())
        .map((e) => join(e.parentPath, e.name).slice(dir.length))
    : [];

const built = files(from);
if (!built.includes("index.html")) {
  console.error("there is no build: run npm run build");
  process.exit(1);
}
const last = (name) => Number(name.startsWith("index.html"));
for (const name of built.toSorted((a, b) => last(a) - last(b))) {
  if (existsSync(to + name) && readFileSync(to + name).equals(readFileSync(from + name))) continue;
  mkdirSync(dirname(to + name), { recursive: true });
  renameSync(from + name, to + name);
}
const wanted = new Set(built);
for (const name of files(to)) if (!wanted.has(name)) rmSync(to + name);
rmSync(from, { recursive: true });
