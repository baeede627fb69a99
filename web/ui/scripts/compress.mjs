// Writes .br and .gz beside every text file of the build, so that the server
// compresses nothing while it runs. Same bytes for same input.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../.build/", import.meta.url).pathname;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !/\.(js|css|svg|html)$/.test(entry.name)) continue;
  const body = readFileSync(path);
  if (body.length < 1024) continue;
  const br = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } });
  const gz = gzipSync(body, { level: 9 });
  gz[9] = 255; // the operating system, which is nobody's business
  writeFileSync(path + ".br", br);
  writeFileSync(path + ".gz", gz);
}
