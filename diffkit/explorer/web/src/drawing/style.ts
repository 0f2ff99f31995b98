// How the stepper looks. The style lives in a shadow root, as a constructed sheet: the page around
// it keeps its own look, and a content-security policy without inline styles is kept.

const SHEET = `
:host { display: block; color-scheme: light; contain: inline-size; container-type: inline-size;
  --ground: #ffffff; --raised: #f6f6f3; --ink: #1a1a1a; --soft: #5c6066; --rule: #dcdcd6;
  --box: #ffffff; --wire: #b9bcc1; --forward: #1f5fa8; --reverse: #d55e00; --reverse-text: #a84a00;
  --plus: #b2182b; --minus: #2166ac; --mark: #fff1e4; --mark-forward: #e8f0fa; }
:host([data-mode="dark"]) { color-scheme: dark;
  --ground: #14181d; --raised: #1d232a; --ink: #f2f2f2; --soft: #a5adb6; --rule: #353e48;
  --box: #1a2027; --wire: #56616d; --forward: #6aa9f4; --reverse: #ff8a4c; --reverse-text: #ff8a4c;
  --plus: #f4827a; --minus: #74b2e8; --mark: #3a2719; --mark-forward: #17293f; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.stepper { --accent: var(--forward); --lit: var(--mark-forward); color: var(--ink); background: var(--ground);
  border: 1px solid var(--rule); border-radius: 10px; overflow: hidden;
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
.stepper[data-sweep="primal"] { --accent: var(--ink); --lit: var(--raised); }
.stepper[data-sweep="adjoint"] { --accent: var(--reverse-text); --lit: var(--mark); }
code, pre, .mono, svg text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

.top { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 18px; padding: 10px 14px;
  border-bottom: 1px solid var(--rule); }
.title { margin: 0; font-size: 15px; font-weight: 600; overflow-wrap: anywhere; flex: 1 1 12em; display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
.title small { font-weight: 400; color: var(--soft); font-size: 13px; margin-left: .6em; }
.sweeps { display: inline-flex; border: 1px solid var(--rule); border-radius: 8px; overflow: hidden; }
.sweeps button { border: 0; border-radius: 0; background: none; padding: 4px 12px; min-height: 36px; }
.sweeps button + button { border-left: 1px solid var(--rule); }
.sweeps button[aria-pressed="true"] { background: var(--lit); color: var(--accent); font-weight: 600;
  box-shadow: inset 0 -3px var(--accent); }
.sweeps button:focus-visible { outline-offset: -3px; }
.trail { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 8px; padding: 8px 14px; font-size: 14px;
  background: var(--raised); border-bottom: 1px solid var(--rule); color: var(--soft); }
.trail b { color: var(--ink); margin-left: .6em; }
.trail button { background: var(--ground); color: var(--ink); }
.trail button[aria-pressed="true"] { background: var(--lit); color: var(--accent); border-color: var(--accent);
  font-weight: 600; }
button { font: inherit; font-size: 14px; color: inherit; background: var(--raised); cursor: pointer;
  border: 1px solid var(--rule); border-radius: 8px; min-height: 36px; min-width: 36px; padding: 2px 10px; }
button:hover:not(:disabled) { border-color: var(--accent); }
button:disabled { opacity: .4; cursor: default; }

.middle { display: grid; grid-template-columns: minmax(0, 1fr); }
.canvas { position: relative; height: var(--height, 320px); overflow: hidden; touch-action: pan-x pan-y; }
.canvas.zoomed { touch-action: none; }
.canvas svg { display: block; width: 100%; height: 100%; cursor: grab; user-select: none; }
.canvas svg:active { cursor: grabbing; }
.canvas:focus-visible { outline-width: 2px; outline-offset: -2px; }
.zoom { position: absolute; right: 8px; bottom: 8px; display: flex; gap: 4px; opacity: .92; }
.zoom button { min-height: 32px; min-width: 32px; padding: 0 8px; }
.side { border-top: 1px solid var(--rule); min-width: 0; display: flex; flex-direction: column; }
@container (min-width: 860px) {
  .middle.sided { grid-template-columns: minmax(0, 1fr) minmax(240px, 30%); }
  .middle.sided .side { border-top: 0; border-left: 1px solid var(--rule); }
}
.source { margin: 0; padding: 10px 0; font-size: 13px; line-height: 1.65; overflow: auto; flex: 1;
  max-height: calc(var(--height, 320px)); list-style: none; }
.source li { padding: 0 12px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; display: grid;
  grid-template-columns: 3.4em 1fr; border-left: 4px solid transparent; }
.source li > span:first-child { color: var(--soft); text-align: right; padding-right: 1em; user-select: none; }
.source.typed li { grid-template-columns: 1fr; padding-left: 10px; font-size: 15px; }
.source.typed li > span:first-child { text-align: left; color: inherit; user-select: auto; }
.source li.lit { background: var(--lit); border-left-color: var(--accent); }
.source mark { background: var(--lit); color: var(--accent); font-weight: 700; border-radius: 3px;
  box-shadow: 0 2px 0 var(--accent); }
.source.typed li.lit { background: none; border-left-color: transparent; }

.told { padding: 10px 14px 8px; border-top: 1px solid var(--rule); min-height: 78px; }
.told p { margin: 0; overflow-wrap: anywhere; }
.told .formula { font-size: 17px; font-weight: 600; color: var(--accent); }
.told .arithmetic { font-size: 15px; }
.told .numbers { font-size: 13.5px; white-space: pre-wrap; }
.told .note { color: var(--soft); font-size: 13px; }
.told .note:not(:empty) { margin-left: .9em; font-weight: 400;
  font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
.controls { display: flex; align-items: center; gap: 6px; padding: 0 14px 12px; flex-wrap: wrap; }
.controls .play { min-width: 88px; background: var(--accent); color: var(--ground); border-color: var(--accent);
  font-weight: 600; }
.controls input { flex: 1 1 140px; min-width: 100px; accent-color: var(--accent); height: 36px; margin: 0 6px; }
.count { color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { border-top: 1px solid var(--rule); font-size: 14px; }
summary { cursor: pointer; padding: 9px 14px; color: var(--soft); }
.rows { overflow: auto; max-height: 420px; padding: 0 14px 12px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 3px 18px 3px 0; vertical-align: top; border-bottom: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 600; }
td.mono { white-space: pre-wrap; overflow-wrap: anywhere; }
tr[aria-current] td { background: var(--lit); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.frame > rect { fill: var(--raised); fill-opacity: .55; stroke: var(--rule); stroke-dasharray: 5 4; }
.frame text { font-size: 12px; fill: var(--soft); font-weight: 600; }
.frame, .box { cursor: pointer; }
.box .plate { fill: var(--box); stroke: var(--rule); stroke-width: 1.2; }
.box .behind { fill: var(--raised); stroke: var(--rule); stroke-width: 1; }
.box .band { fill: var(--raised); }
.box .name { font-size: 12px; font-weight: 700; fill: var(--ink); }
.box .small, .box .sign { font-size: 11px; fill: var(--soft); }
.box .value { font-size: 12px; fill: var(--ink); text-anchor: end; }
.box .row.tangent text { fill: var(--forward); }
.box .row.adjoint text { fill: var(--reverse-text); }
.box .row.empty { opacity: .35; }
.box .row.new .value { font-weight: 700; }
.box.ahead .plate { stroke-dasharray: 3 3; }
.box.ahead .name { fill: var(--soft); font-weight: 400; }
.box.now .plate { stroke: var(--accent); stroke-width: 2.6; stroke-dasharray: none; }
.box.now .band { fill: var(--lit); }
.box.at-work .plate { stroke: var(--accent); stroke-width: 1.6; stroke-dasharray: none; }
.box:focus-visible, .frame:focus-visible { outline: none; }
.box:focus-visible .plate, .frame:focus-visible > rect { stroke: var(--accent); stroke-width: 3; }
.wire path, .wire polygon { opacity: var(--dim, 1); }
.wire path { fill: none; stroke: var(--wire); stroke-width: 1; stroke-linecap: round; }
.wire polygon { fill: var(--wire); }
.wire.dry path { stroke-dasharray: 2 4; }
.wire.plus path { stroke: var(--plus); } .wire.plus polygon { fill: var(--plus); }
.wire.minus path { stroke: var(--minus); } .wire.minus polygon { fill: var(--minus); }
.wire.both path { stroke: var(--reverse); } .wire.both polygon { fill: var(--reverse); }
.wire path.halo { stroke: none; }
.wire.now path.halo { stroke: var(--accent); opacity: .2; }
.wire.now .line { stroke: var(--accent); stroke-dasharray: none; } .wire.now polygon { fill: var(--accent); }
.wire.now.plus .line { stroke: var(--plus); } .wire.now.plus polygon { fill: var(--plus); }
.wire.now.minus .line { stroke: var(--minus); } .wire.now.minus polygon { fill: var(--minus); }
.wire text { font-size: 11px; font-weight: 600; text-anchor: middle; fill: var(--ink); paint-order: stroke;
  stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 8px 14px; color: var(--soft); font-size: 12.5px;
  border-top: 1px solid var(--rule); }
.legend b { font-weight: 600; }
.legend .plus { color: var(--plus); } .legend .minus { color: var(--minus); }
.legend .v-dot { color: var(--forward); } .legend .v-bar { color: var(--reverse-text); }
.keys { margin-left: auto; }
@media (prefers-reduced-motion: no-preference) {
  .camera.gliding { transition: transform .28s ease; }
  .wire.now .line.flows { stroke-dasharray: 9 6; animation: flow .5s linear infinite; }
  @keyframes flow { to { stroke-dashoffset: -15; } }
  .stepper:not(.playing) .wire.now .line.flows { animation-iteration-count: 4; }
}
@container (max-width: 520px) {
  .controls .end { display: none; }
  .controls input { order: -1; flex-basis: calc(100% - 5.5em); margin: 0; }
  .controls .count { order: -1; }
  .controls .play { flex: 1; }
  .keys { display: none; }
  .sweeps { width: 100%; } .sweeps button { flex: 1; padding: 4px 6px; }
}
@media print { .controls, .zoom, .keys { display: none; } }
`;

let sheet: CSSStyleSheet | null = null;

/** Give a shadow root the style; one sheet serves all steppers of a page. */
export function dress(root: ShadowRoot): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
  }
  root.adoptedStyleSheets = [sheet];
}

export type Mode = "light" | "dark" | "auto";

/** Whether it is dark here: as the page or the notebook says, else as the reader's system is set. */
function isDark(mode: Mode): boolean {
  if (mode !== "auto") return mode === "dark";
  const root = document.documentElement, body = document.body;
  const said = root.dataset["theme"] ?? body.dataset["theme"];
  if (said === "dark" || said === "light") return said === "dark";
  const jupyter = body.dataset["jpThemeLight"];
  if (jupyter) return jupyter === "false";
  const code = body.dataset["vscodeThemeKind"];
  if (code) return code.includes("dark") || code === "vscode-high-contrast";
  if (root.classList.contains("dark") || body.classList.contains("dark")) return true;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Keep an element in the mode that is in force; returns what ends it. */
export function followMode(host: HTMLElement, mode: Mode): () => void {
  const apply = (): void => { host.dataset["mode"] = isDark(mode) ? "dark" : "light"; };
  apply();
  if (mode !== "auto") return () => {};
  const system = matchMedia("(prefers-color-scheme: dark)");
  const watcher = new MutationObserver(apply);
  const watched = { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "data-vscode-theme-kind", "class"] };
  watcher.observe(document.documentElement, watched);
  watcher.observe(document.body, watched);
  system.addEventListener("change", apply);
  return () => { watcher.disconnect(); system.removeEventListener("change", apply); };
}
