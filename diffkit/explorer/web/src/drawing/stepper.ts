// The stepper: which sweep and step are shown, its buttons and keys, and playing.

import { Camera, LEGIBLE } from "./camera";
import { MOST_NODES, groupsOf, type Group } from "./groups";
import { entryText, isArray, type Data } from "./data";
import { button, html, svg } from "./dom";
import { arranged } from "./layout";
import { describe, Scene } from "./scene";
import { Side, Told } from "./words";
import { dress, followMode, type Mode } from "./style";
import { SWEEPS, Sweeps, type Step, type Sweep } from "./sweeps";

export interface Options {
  mode?: Mode;
  start?: { sweep?: Sweep; step?: number };
  onStep?: (state: { sweep: Sweep; step: number; steps: number; node: number | null }) => void;
}

const NAMES: Record<Sweep, string> = { primal: "Values v", tangent: "Tangents v̇", adjoint: "Adjoints v̄" };
const SLOWEST = 1100; // milliseconds a step is shown while playing
const FASTEST = 40;
const WHOLE_SWEEP = 30_000; // a long sweep plays in half a minute
const NARROW = 620;
const LOWEST = 210;
const HIGHEST = 540;
const PAN = 60;
const CLOSEST_FIT = 1.15;
const ROOM = 24; // around the picture, in pixels
const ROOM_FOR_BUTTONS = 70;
const MOST_SHOWN = 4; // inputs named in the title

export class Stepper {
  #sweeps: Sweeps;
  #sweep: Sweep;
  #step: number;
  #groups: Group[] = [];
  readonly #open = new Set<string>();
  #scene!: Scene;
  #shape = "";
  #down = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #frameRequest = 0;
  readonly #host: HTMLElement;
  readonly #root: HTMLElement;
  readonly #canvas: HTMLElement;
  readonly #layer = svg("g", { class: "camera" });
  readonly #svg: SVGSVGElement;
  readonly #camera: Camera;
  readonly #told = new Told();
  readonly #side: Side;
  readonly #middle: HTMLElement;
  readonly #title: HTMLElement;
  readonly #tabs: Record<Sweep, HTMLButtonElement>;
  readonly #scrub: HTMLInputElement;
  readonly #count = html("span", { class: "count" });
  readonly #playing: HTMLButtonElement;
  readonly #back: HTMLButtonElement;
  readonly #ahead: HTMLButtonElement;
  readonly #all: HTMLButtonElement;
  readonly #table: HTMLDetailsElement;
  readonly #legend: HTMLElement;
  readonly #resize: ResizeObserver;
  readonly #unfollow: () => void;

  constructor(element: HTMLElement, data: Data, readonly options: Options) {
    this.#sweeps = new Sweeps(data);
    this.#sweep = options.start?.sweep ?? "primal";
    this.#step = options.start?.step ?? 0;
    this.#host = html("div", { "data-lm-suppress-shortcuts": "true" }); // JupyterLab leaves us the arrow keys
    const shadow = this.#host.attachShadow({ mode: "open" });
    dress(shadow);
    this.#unfollow = followMode(this.#host, options.mode ?? "auto");

    this.#title = html("p", { class: "title" });
    this.#tabs = Object.fromEntries(SWEEPS.map((sweep) => [
      sweep, button(NAMES[sweep], `${NAMES[sweep]}: the ${sweep} sweep`, () => this.show(sweep, 0)),
    ])) as Record<Sweep, HTMLButtonElement>;
    this.#svg = svg("svg", { role: "group" }, this.#layer);
    this.#all = button("open all", "open all groups", () => this.#openAll());
    const zoom = html("div", { class: "zoom" }, this.#all,
      button("−", "Zoom out", () => this.#camera.zoom(false)),
      button("+", "Zoom in", () => this.#camera.zoom(true)),
      button("fit", "Show the whole graph", () => this.#camera.fit()));
    this.#canvas = html("div", { class: "canvas", tabindex: 0, role: "group", "aria-label": "Graph; arrow keys step" }, this.#svg, zoom);
    this.#camera = new Camera(this.#canvas, this.#layer);
    this.#side = new Side((node) => this.#toNode(node));
    this.#middle = html("div", { class: "middle" }, this.#canvas, this.#side.element);

    this.#scrub = html("input", { type: "range", min: 0, value: 0, "aria-label": "Step" });
    this.#scrub.addEventListener("input", () => { this.pause(); this.#go(Number(this.#scrub.value)); });
    this.#back = button("◀", "Step back (left arrow)", () => this.move(-1));
    this.#ahead = button("▶", "Step forward (right arrow)", () => this.move(1));
    this.#playing = button("Play", "Play (space)", () => this.#timer === undefined ? this.play() : this.pause(), "play");
    const controls = html("div", { class: "controls", role: "group", "aria-label": "Steps" },
      button("|◀", "First step (Home)", () => this.#jump(0), "end"), this.#back, this.#playing, this.#ahead,
      button("▶|", "Last step (End)", () => this.#jump(Infinity), "end"), this.#scrub, this.#count);

    this.#table = html("details", {}, html("summary", {}, "All steps as a table"));
    this.#table.addEventListener("toggle", () => this.#fillTable());
    this.#legend = html("div", { class: "legend" });
    const tabs = html("div", { class: "sweeps", role: "group", "aria-label": "Sweep" }, ...Object.values(this.#tabs));
    this.#root = html("section", { class: "stepper", "aria-label": "Stepper" },
      html("div", { class: "top" }, this.#title, tabs), this.#middle, this.#told.element, controls, this.#legend, this.#table);
    this.#root.addEventListener("keydown", this.#onKey);
    shadow.append(this.#root);
    element.append(this.#host);
    this.setData(data);
    this.#resize = new ResizeObserver(() => this.#onResize());
    this.#resize.observe(this.#canvas);
  }

  // What a handle does --------------------------------------------------------------------------

  move(by: number): void {
    this.pause();
    this.#go(this.#step + by);
  }

  show(sweep: Sweep, step: number): void {
    this.pause();
    this.#sweep = sweep;
    this.#step = step;
    this.#refresh();
  }

  play(): void {
    if (this.#timer !== undefined) return;
    if (this.#step >= this.#last) this.#step = -1;
    const pause = Math.max(FASTEST, Math.min(SLOWEST, WHOLE_SWEEP / (this.#last + 1)));
    const advance = (): void => {
      this.#timer = this.#step + 1 < this.#last ? setTimeout(advance, pause) : undefined;
      this.#go(this.#step + 1);
    };
    this.#timer = setTimeout(advance, 0);
    this.#paintPlaying();
  }

  pause(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#paintPlaying();
  }

  /** Other numbers, or another graph; the step is kept while the graph has the same form. */
  setData(data: Data): void {
    const shape = JSON.stringify([data.groups, data.outputs, data.nodes.map((node) =>
      [node.id, node.formula.primal, node.shape, node.operands.map((operand) => ("node" in operand ? operand.node : null))])]);
    const other = shape !== this.#shape;
    if (other && this.#shape) {
      this.pause();
      this.#step = 0;
    }
    this.#shape = shape;
    this.#sweeps = new Sweeps(data);
    if (other) {
      this.#groups = groupsOf(data);
      this.#open.clear();
      if (data.nodes.length <= MOST_NODES) this.#everyGroup().forEach((group) => this.#open.add(group.key));
      this.#arrange();
    } else {
      this.#scene = new Scene(this.#scene.picture, this.#scene.events, data.edges);
      this.#layer.replaceChildren(this.#scene.layer);
    }
    this.#side.setData(data);
    this.#middle.classList.toggle("sided", !this.#side.typed && !this.#side.element.hidden);
    this.#svg.setAttribute("aria-label", describe(this.#sweeps));
    this.#refresh();
  }

  destroy(): void {
    this.pause();
    cancelAnimationFrame(this.#frameRequest);
    this.#resize.disconnect();
    this.#camera.destroy();
    this.#unfollow();
    this.#host.remove();
  }

  // Steps ---------------------------------------------------------------------------------------

  get #steps(): Step[] {
    return this.#sweeps.steps[this.#sweep];
  }

  get #last(): number {
    return Math.max(this.#steps.length - 1, 0);
  }

  #jump(step: number): void {
    this.pause();
    this.#go(step);
  }

  #go(step: number): void {
    this.#step = Math.min(Math.max(step, 0), this.#last);
    this.#paint();
    const node = this.#steps[this.#step]?.node ?? null;
    this.options.onStep?.({ sweep: this.#sweep, step: this.#step, steps: this.#steps.length, node });
  }

  #toNode(node: number): void {
    const visits = this.#sweeps.visits(this.#sweep, node);
    const next = visits.find((visit) => visit > this.#step) ?? visits[0];
    if (next !== undefined) this.#jump(next);
  }

  #onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = event.composedPath()[0];
    const onButton = inside instanceof HTMLButtonElement || (inside instanceof Element && inside.closest("summary"));
    const onScrub = inside instanceof HTMLInputElement;
    const acts: Record<string, () => void> = {
      ArrowRight: () => this.move(1), ArrowLeft: () => this.move(-1),
      Home: () => this.#jump(0), End: () => this.#jump(Infinity),
      "+": () => this.#camera.zoom(true), "-": () => this.#camera.zoom(false), "0": () => this.#camera.fit(),
    };
    if (!onButton) acts[" "] = () => (this.#timer === undefined ? this.play() : this.pause());
    if (event.shiftKey) {
      acts["ArrowLeft"] = () => this.#camera.pan(PAN, 0);
      acts["ArrowRight"] = () => this.#camera.pan(-PAN, 0);
      acts["ArrowUp"] = () => this.#camera.pan(0, PAN);
      acts["ArrowDown"] = () => this.#camera.pan(0, -PAN);
    }
    if (onScrub && event.key !== " ") return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // a page around may turn its own pages by arrow keys
    act();
  };

  // Drawing -------------------------------------------------------------------------------------

  #everyGroup(groups = this.#groups): Group[] {
    return groups.flatMap((group) => [group, ...this.#everyGroup(group.groups)]);
  }

  #openAll(): void {
    const every = this.#everyGroup();
    const closing = every.every((group) => this.#open.has(group.key));
    every.forEach((group) => (closing ? this.#open.delete(group.key) : this.#open.add(group.key)));
    this.#arrange();
    this.#paint();
  }

  #toggle(key: string): void {
    if (this.#camera.moved) return;
    if (this.#open.has(key)) this.#open.delete(key);
    else this.#open.add(key);
    this.#arrange();
    this.#paint();
    const group = this.#everyGroup().find((other) => other.key === key);
    const box = group && this.#scene.boxOf(group.nodes[0] ?? group.groups[0]?.nodes[0] ?? -1);
    if (box) this.#camera.show(box);
  }

  #arrange(): void {
    const width = this.#canvas.clientWidth || NARROW;
    this.#down = width < NARROW;
    const data = this.#sweeps.data;
    const picture = arranged(data, this.#groups, this.#open, this.#down);
    const scale = Math.min(Math.max(width / picture.width, this.#down ? 0 : LEGIBLE), CLOSEST_FIT);
    const room = this.#down ? ROOM_FOR_BUTTONS : ROOM;
    const height = Math.min(Math.max(picture.height * scale + room, LOWEST), HIGHEST);
    this.#root.style.setProperty("--height", `${Math.round(height)}px`);
    this.#scene = new Scene(picture, {
      node: (id) => { if (!this.#camera.moved) this.#toNode(id); },
      group: (key) => this.#toggle(key),
    }, data.edges);
    this.#layer.replaceChildren(this.#scene.layer);
    this.#camera.fit({ width: picture.width, height: picture.height });
    const every = this.#everyGroup();
    this.#all.hidden = every.length === 0;
    const text = every.every((group) => this.#open.has(group.key)) ? "close all" : "open all";
    this.#all.textContent = text;
    this.#all.setAttribute("aria-label", `${text} groups`);
    this.#all.title = `${text} groups`;
  }

  #onResize(): void {
    cancelAnimationFrame(this.#frameRequest);
    this.#frameRequest = requestAnimationFrame(() => {
      if (!this.#canvas.clientWidth) return;
      this.#arrange();
      this.#paint();
    });
  }

  /** Everything that depends on the sweep, then the step. */
  #refresh(): void {
    this.#root.dataset["sweep"] = this.#sweep;
    SWEEPS.forEach((sweep) => this.#tabs[sweep].setAttribute("aria-pressed", String(sweep === this.#sweep)));
    this.#scrub.max = String(this.#last);
    const { data } = this.#sweeps;
    const at = Object.entries(data.at).slice(0, MOST_SHOWN).map(([name, value]) =>
      isArray(value) ? `${name} [${value.shape.join("×")}]` : `${name} = ${entryText(value)}`);
    const more = Object.keys(data.at).length > MOST_SHOWN ? ", …" : "";
    this.#title.replaceChildren(data.function, html("small", {}, `at ${at.join(", ")}${more}`));
    this.#legend.replaceChildren(...legendOf(this.#sweep));
    this.#fillTable();
    this.#go(this.#step);
  }

  #paint(): void {
    const step = this.#steps[this.#step];
    this.#scene.paint(this.#sweeps, this.#sweep, this.#step);
    this.#told.show(step);
    this.#side.light(step?.equation ?? null);
    this.#scrub.value = String(this.#step);
    this.#scrub.setAttribute("aria-valuetext", `step ${this.#step + 1} of ${this.#steps.length}`);
    this.#count.textContent = `${this.#step + 1} / ${this.#steps.length}`;
    this.#back.disabled = this.#step <= 0;
    this.#ahead.disabled = this.#step >= this.#last;
    this.#look(step);
    const rows = this.#table.querySelectorAll("tbody tr");
    this.#table.querySelector("[aria-current]")?.removeAttribute("aria-current");
    rows[this.#step]?.setAttribute("aria-current", "step");
    this.#paintPlaying();
  }

  /** The node that gets a number is seen, and what sends it if there is room for both. */
  #look(step: Step | undefined): void {
    const box = step && this.#scene.boxOf(step.node);
    const other = step && this.#scene.boxOf(step.equation);
    if (!box || !other) return;
    const x = Math.min(box.x, other.x), y = Math.min(box.y, other.y);
    const both = { x, y, width: Math.max(box.x + box.width, other.x + other.width) - x,
      height: Math.max(box.y + box.height, other.y + other.height) - y };
    const fits = both.width < this.#canvas.clientWidth && both.height < this.#canvas.clientHeight;
    this.#camera.show(fits ? both : box);
  }

  #paintPlaying(): void {
    const playing = this.#timer !== undefined;
    this.#root.classList.toggle("playing", playing);
    this.#told.quiet(playing);
    this.#playing.textContent = playing ? "Pause" : "Play";
    this.#playing.setAttribute("aria-label", playing ? "Pause (space)" : "Play (space)");
  }

  #fillTable(): void {
    this.#table.querySelector(".rows")?.remove();
    if (!this.#table.open) return;
    const head = ["step", "assignment", "numbers", "line"].map((word) => html("th", { scope: "col" }, word));
    const rows = this.#steps.map((step, place) => html("tr", {},
      html("td", {}, String(place + 1)), html("td", { class: "mono" }, step.formula),
      html("td", { class: "mono" }, step.arithmetic), html("td", {}, step.line?.at ?? step.note)));
    const caption = html("caption", { class: "unseen" }, `${NAMES[this.#sweep]}, step by step`);
    const table = html("table", {}, caption, html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...rows));
    this.#table.append(html("div", { class: "rows", tabindex: 0, role: "region", "aria-label": "All steps" }, table));
    this.#table.querySelectorAll("tbody tr")[this.#step]?.setAttribute("aria-current", "step");
  }
}

function legendOf(sweep: Sweep): Node[] {
  const keys = html("span", { class: "keys" }, "← → step · space plays · Ctrl+wheel zooms · drag moves");
  const parts = [html("span", {}, html("b", {}, "v"), " value")];
  if (sweep !== "primal") parts.push(html("span", {}, html("b", { class: "v-dot" }, "v̇"), " tangent: how it moves with the input"));
  if (sweep === "adjoint") {
    parts.push(html("span", {}, html("b", { class: "v-bar" }, "v̄"), " adjoint: what flows back"),
      html("span", {}, "an edge is as wide as its amount: ", html("b", { class: "plus" }, "positive"), ", ", html("b", { class: "minus" }, "negative")));
  }
  return [...parts, keys];
}
