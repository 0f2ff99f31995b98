// Builds ../static from src: `npm ci && npm run build`. The same sources give the same bytes, so
// that the built files can be committed and compared. `node build.mjs FOLDER` builds elsewhere.
import { build } from "esbuild";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { dirname, join, resolve } from "node:path";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "..", "static"));
const katex = join(here, "node_modules", "katex", "dist");

const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  charset: "utf8",
  target: ["es2022"],
  legalComments: "none",
  logLevel: "warning",
};

// One file is a plain script (global `diffkitDrawing`, as a page from file:// needs it) and hands
// its default export to whoever imports it as a module (as anywidget does): see src/drawing/index.ts.
await build({
  ...shared,
  entryPoints: ["src/drawing/index.ts"],
  format: "iife",
  globalName: "diffkitDrawing",
  outfile: join(out, "drawing.js"),
  banner: { js: "/* diffkit's stepper; layout by dagre, MIT License, Chris Pettitt and contributors. */" },
});

// The page takes the stepper from drawing.js and KaTeX from katex.js, which it asks for when drawn.
await build({
  ...shared,
  entryPoints: ["src/page/main.ts"],
  format: "esm",
  external: ["./katex.js"],
  outfile: join(out, "explorer.js"),
  banner: { js: "/* diffkit's explorer. */" },
});
await build({ ...shared, entryPoints: ["src/page/page.css"], outfile: join(out, "explorer.css") });
await build({
  ...shared,
  stdin: { contents: 'export { default } from "katex";', resolveDir: here },
  format: "esm",
  outfile: join(out, "katex.js"),
  banner: { js: "/* KaTeX, MIT License, Khan Academy and contributors. */" },
});
await writeFile(join(out, "index.html"), await readFile(join(here, "src", "page", "index.html")));

// KaTeX's styles, with the fonts that formulas of functions and derivatives use: no Fraktur, no script.
const FONTS = /KaTeX_(Main-(Regular|Bold|Italic)|Math-Italic|AMS-Regular|Size[1-4]-Regular)\.woff2$/;
const sheet = await readFile(join(katex, "katex.min.css"), "utf8");
const faces = sheet.replace(/@font-face\{[^}]*\}/g, (face) => {
  const file = face.match(/url\((fonts\/[^)]*\.woff2)\)/)?.[1] ?? "";
  return FONTS.test(file) ? face.replace(/src:[^;}]*/, `src:url(${file}) format("woff2")`) : "";
});
await writeFile(join(out, "katex.css"), faces);
await rm(join(out, "fonts"), { recursive: true, force: true });
await mkdir(join(out, "fonts"), { recursive: true });
for (const file of (await readdir(join(katex, "fonts"))).filter((name) => FONTS.test(name)).sort()) {
  await cp(join(katex, "fonts", file), join(out, "fonts", file));
}
