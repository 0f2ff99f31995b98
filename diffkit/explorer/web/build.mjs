// Builds ../static from src: `npm ci && npm run build`. The same sources give the same bytes, so
// that the built files can be committed and compared. `node build.mjs FOLDER` builds elsewhere.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { dirname, join, resolve } from "node:path";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "..", "static"));

// One file is a plain script (global `diffkitDrawing`, as a page from file:// needs it) and hands
// its default export to whoever imports it as a module (as anywidget does): see src/drawing/index.ts.
const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  charset: "utf8",
  target: ["es2022"],
  legalComments: "none",
  logLevel: "warning",
};

await build({
  ...shared,
  entryPoints: ["src/drawing/index.ts"],
  format: "iife",
  globalName: "diffkitDrawing",
  outfile: join(out, "drawing.js"),
  banner: { js: "/* diffkit's stepper; layout by dagre, MIT License, Chris Pettitt and contributors. */" },
});
