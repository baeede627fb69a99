// The real program for browser tests: built once, started and stopped by pid.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

// A case that fails half-way leaves its servers behind; whatever happens, they end.
const running = new Set();
export const stopAll = () => Promise.all([...running].map((s) => s.stop()));

const root = new URL("../../../", import.meta.url).pathname;
let binary = process.env.TRIBUTARY_BINARY;

/** The program, built from this tree unless TRIBUTARY_BINARY names one. */
export function program() {
  if (!binary) {
    binary = join(mkdtempSync(join(tmpdir(), "tributary-e2e-")), "tributary");
    execFileSync(process.env.GO ?? "go", ["build", "-o", binary, "."], { cwd: root, stdio: "inherit" });
  }
  return binary;
}

export async function freePort() {
  const s = createServer();
  await new Promise((ok) => s.listen(0, "127.0.0.1", ok));
  const { port } = s.address();
  await new Promise((ok) => s.close(ok));
  return port;
}

/** Starts `tributary <command>` and resolves with its address once it is ready. */
export async function start(command, { port = 0, args = [], data } = {}) {
  const dir = data ?? mkdtempSync(join(tmpdir(), "tributary-data-"));
  const child = spawn(program(), [command, "--listen", `127.0.0.1:${port}`, "--data", join(dir, "state"), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (b) => (log = (log + b).slice(-4000)));
  const gone = new Promise((ok) => child.once("exit", ok));
  process.once("exit", () => child.kill("SIGKILL"));
  const url = await new Promise((ok, fail) => {
    let out = "";
    child.stdout.on("data", (b) => {
      out += b;
      const line = /^(http:\/\/\S+)\s*$/m.exec(out);
      if (line) ok(line[1].replace(/\/$/, ""));
    });
    child.once("exit", (code) => fail(new Error(`tributary ${command} ended with ${code}:\n${log}`)));
    setTimeout(() => fail(new Error(`tributary ${command} was not ready within 120 s:\n${log}`)), 120_000).unref();
  });
  const end = async (signal) => {
    running.delete(server);
    child.kill(signal);
    await gone;
  };
  const server = {
    url,
    dir,
    port: Number(new URL(url).port),
    kill: () => end("SIGKILL"),
    stop: async () => {
      await end("SIGTERM");
      if (!data) rmSync(dir, { recursive: true, force: true });
    },
    log: () => log,
  };
  running.add(server);
  return server;
}
