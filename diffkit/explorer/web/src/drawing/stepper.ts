// The stepper: which sweep and step are shown, its buttons and keys, and playing.

import { Camera, LEGIBLE } from "./camera";
import { everyGroup, MOST_NODES, groupsOf, type Group } from "./groups";
import type { Data } from "./data";
import { insideOf, stepsOf } from "./loops";
import { Trail } from "./trail";
import { button, html, svg } from "./dom";
import { arranged } from "./layout";
import { describe, Scene } from "./scene";
import { legendOf, Side, tableOf, titleOf, Told } from "./words";
import { dress, followMode, type Mode } from "./style";
import { SWEEPS, Sweeps, type Step, type Sweep } from "./sweeps";

export interface Options {
  mode?: Mode;
  start?: { sweep?: Sweep; step?: number };
  onStep?: (state: { sweep: Sweep; step: number; steps: number; node: number | null }) => void;
}

/** Where a loop was entered, to come back to. */
interface Left {
  sweep: Sweep;
  step: number;
  open: string[];
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
const READABLE = 0.45; // letters of 5 px: enough to find one's way

export class Stepper {
  #sweeps: Sweeps;
  #sweep: Sweep;
  #step: number;
  #groups: Group[] = [];
  readonly #open = new Set<string>();
  /** What was given; what is shown is this, or a step of a loop in it. */
  #whole!: Data;
  #inside: (Left & { loop: number; place: number }) | null = null;
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
  readonly #trail = new Trail((place) => this.#visit(place));
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
      html("div", { class: "top" }, this.#title, tabs), this.#trail.element, this.#middle, this.#told.element, controls, this.#legend, this.#table);
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
    this.#whole = data;
    this.#draw(this.#part());
  }

  #draw(data: Data, left?: Left): void {
    const shape = JSON.stringify([data.groups, data.outputs, data.nodes.map((node) =>
      [node.id, node.formula.primal, node.shape, node.operands.map((operand) => ("node" in operand ? operand.node : null))])]);
    const other = shape !== this.#shape;
    this.#sweeps = new Sweeps(data);
    if (other) {
      if (this.#shape) {
        this.pause();
        this.#step = left?.step ?? 0;
      }
      this.#shape = shape;
      this.#groups = groupsOf(data);
      this.#open.clear();
      if (left) left.open.forEach((key) => this.#open.add(key));
      else if (data.nodes.length <= MOST_NODES) everyGroup(this.#groups).forEach((group) => this.#open.add(group.key));
      this.#arrange();
      if (!left && this.#open.size && this.#camera.fitting < READABLE) { // layers first, as long as all is too small to read
        this.#open.clear();
        this.#arrange();
      }
    } else {
      this.#scene.renew(data.edges);
    }
    this.#side.setData(data);
    this.#middle.classList.toggle("sided", !this.#side.typed && !this.#side.element.hidden);
    this.#svg.setAttribute("aria-label", describe(this.#sweeps));
    this.#refresh(other);
  }

  /** What is shown of the data: all, or the step of the loop that was opened, if it is still there. */
  #part(): Data {
    const { loop = -1, place = 0 } = this.#inside ?? {};
    const node = this.#whole.nodes.find((other) => other.id === loop);
    const step = stepsOf(this.#whole, loop)[place];
    if (node && step) {
      this.#trail.show(this.#whole, node, place);
      return insideOf(this.#whole, node, step);
    }
    this.#inside = null;
    this.#trail.hide();
    return this.#whole;
  }

  #enter(loop: number): void {
    if (this.#camera.moved) return;
    this.#inside = { loop, place: 0, sweep: this.#sweep, step: this.#step, open: [...this.#open] };
    this.#draw(this.#part());
    this.#root.querySelector<HTMLElement>(".trail button")?.focus();
  }

  /** Another step of the loop, or out of it to where it was entered. */
  #visit(place: number | null): void {
    const left = this.#inside;
    if (!left) return;
    this.#inside = place === null ? null : { ...left, place };
    if (place === null) this.#sweep = left.sweep;
    this.#draw(this.#part(), place === null ? left : undefined);
    (place === null ? this.#canvas : this.#root.querySelectorAll<HTMLElement>(".trail button")[place + 1])?.focus();
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

  #go(step: number, looking = true): void {
    this.#step = Math.min(Math.max(step, 0), this.#last);
    this.#paint(looking);
    const node = this.#steps[this.#step]?.node ?? null;
    if (this.#inside) return; // the steps of a loop are not those of the program
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
    if (this.#inside) acts["Escape"] = () => this.#visit(null);
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

  #openAll(): void {
    const every = everyGroup(this.#groups);
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
    const group = everyGroup(this.#groups).find((other) => other.key === key);
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
      loop: (id) => this.#enter(id),
      group: (key) => this.#toggle(key),
    }, data.edges);
    this.#layer.replaceChildren(this.#scene.layer);
    this.#camera.fit({ width: picture.width, height: picture.height });
    const every = everyGroup(this.#groups);
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
  #refresh(looking = true): void {
    this.#root.dataset["sweep"] = this.#sweep;
    SWEEPS.forEach((sweep) => this.#tabs[sweep].setAttribute("aria-pressed", String(sweep === this.#sweep)));
    this.#scrub.max = String(this.#last);
    this.#title.replaceChildren(...titleOf(this.#sweeps.data));
    this.#legend.replaceChildren(...legendOf(this.#sweep));
    this.#fillTable();
    this.#go(this.#step, looking);
  }

  #paint(looking = true): void {
    const step = this.#steps[this.#step];
    this.#scene.paint(this.#sweeps, this.#sweep, this.#step);
    this.#told.show(step);
    this.#side.light(step?.equation ?? null);
    this.#scrub.value = String(this.#step);
    this.#scrub.setAttribute("aria-valuetext", `step ${this.#step + 1} of ${this.#steps.length}`);
    this.#count.textContent = `${this.#step + 1} / ${this.#steps.length}`;
    this.#back.disabled = this.#step <= 0;
    this.#ahead.disabled = this.#step >= this.#last;
    if (looking) this.#look(step); // new numbers do not move the picture under a reader's eyes
    this.#markRow();
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
    this.#table.append(tableOf(this.#steps, `${NAMES[this.#sweep]}, step by step`));
    this.#markRow();
  }

  #markRow(): void {
    this.#table.querySelector("[aria-current]")?.removeAttribute("aria-current");
    this.#table.querySelectorAll("tbody tr")[this.#step]?.setAttribute("aria-current", "step");
  }
}
