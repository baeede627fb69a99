import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The server that the development server asks for figures; any running one will do.
const server = process.env.TRIBUTARY_URL ?? "http://127.0.0.1:8080";
const proxy = Object.fromEntries(
  ["/v1", "/openapi.json", "/livez", "/readyz", "/metrics"].map((path) => [path, { target: server, changeOrigin: true, ws: true }]),
);

export default defineConfig({
  plugins: [react()],
  server: { proxy },
  preview: { proxy },
  build: {
    // Beside what is embedded; scripts/publish.mjs puts it there when it is whole.
    outDir: ".build",
    emptyOutDir: true,
    target: "es2023",
    // Everything is a file of its own: the policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  test: { environment: "jsdom", include: ["test/**/*.test.{ts,tsx}"], setupFiles: ["test/setup.ts"], restoreMocks: true },
});
