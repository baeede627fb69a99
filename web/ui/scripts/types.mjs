// Writes src/api/schema.d.ts from a running server's OpenAPI document, or with
// --check says whether the committed file is what that document gives.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const check = process.argv.includes("--check");
const server = process.argv.slice(2).find((a) => !a.startsWith("--")) ?? process.env.TRIBUTARY_URL ?? "http://127.0.0.1:8080";
const target = new URL("../src/api/schema.d.ts", import.meta.url);

const document = await (await fetch(new URL("/openapi.json", server))).json();
const text = "// Made by npm run types from /openapi.json. Do not edit.\n\n" + astToString(await openapiTS(document));
if (!check) {
  await writeFile(target, text);
} else if ((await readFile(target, "utf8")) !== text) {
  console.error(`src/api/schema.d.ts is not what ${server}/openapi.json gives: run npm run types -- ${server}`);
  process.exit(1);
}
