// A small kit for charts, drawn by hand as SVG. Colours come from classes alone, so that a chart
// follows the page's theme and a content-security policy without inline styles is kept.
//
//   const drawn = chart(host, { x: { scale: "log", label: "step h" }, y: …, label: "Error against h" });
//   drawn.line("central", hs, errors, { method: "finite", label: "central", dash: "dotted" });
//   drawn.marker("h", 1e-6, 1e-9, { label: "h" });
//   drawn.draggable("h", "x", (x) => …);          // by pointer and by arrow keys

import { html, svg } from "../drawing/dom";
import { Handles, type Act, type From } from "./drag";
import { draw, type Item, type Mark, type Style } from "./marks";
import { extent, scaleOf, ticks, tickTexts, type Axis, type Scale } from "./scales";

export type { Axis } from "./scales";
export type { Style } from "./marks";
export type Shade = { axis: "x" | "y"; from: number; to: number } | { xs: number[]; low: (number | null)[]; high: (number | null)[] };

export interface ChartOptions {
  x: Axis;
  y: Axis;
  /** What the picture shows, for who cannot see it. */
  label: string;
  height?: number;
}

export interface Drag {
  label?: string;
  says?: string;
  /** Where it is by now, for the keys; without, where it was drawn last. */
  from?: From;
}

export interface Chart {
  /** Everything with an id replaces what had it; drawing happens once, before the next frame. */
  line(id: string, xs: number[], ys: (number | null)[], style?: Style): void;
  marker(id: string, x: number, y: number, style?: Style & { shape?: Mark }): void;
  band(id: string, shade: Shade, style?: Style): void;
  rule(id: string, axis: "x" | "y", at: number, label?: string, style?: Style): void;
  /** An arrow from (x, y) in the direction (dx, dy) of the data, `long` pixels long. */
  arrow(id: string, x: number, y: number, dx: number, dy: number, long: number, style?: Style): void;
  /** Make a marker or a rule movable, by pointer and arrow keys; `says` is its value in words. */
  draggable(id: string, axis: "x" | "y" | "xy", onDrag: Act, options?: Drag): void;
  /** Other axes; what is not given stays. */
  axes(x?: Partial<Axis>, y?: Partial<Axis>): void;
  label(text: string): void;
  /** How high the picture is, in pixels. */
  tall(height: number): void;
  remove(id: string): void;
  clear(): void;
  /** Draw at once (before an export, or in a test). */
  flush(): void;
  destroy(): void;
  readonly element: SVGSVGElement;
  readonly x: Scale;
  readonly y: Scale;
}

const HEIGHT = 300;
const TOP = 14, BOTTOM = 44, RIGHT = 14, TICK_ROOM = 12;
const CHARACTER = 7.2; // pixels of a digit in a label of 12 px
const NARROWEST = 200;
const PER_TICK = { x: 84, y: 46 }; // pixels

let counted = 0;

class Drawn implements Chart {
  readonly element: SVGSVGElement;
  x: Scale;
  y: Scale;
  readonly #items = new Map<string, Item>();
  readonly #handles: Handles;
  readonly #frame = svg("g", { class: "frame", "aria-hidden": "true" });
  readonly #layer = svg("g", { class: "layer" });
  readonly #texts = svg("g", { class: "labels", "aria-hidden": "true" });
  readonly #clip = svg("rect");
  readonly #resize: ResizeObserver;
  #axes: { x: Axis; y: Axis };
  #request = 0;
  #width = NARROWEST * 2;
  #height: number;

  constructor(host: HTMLElement, options: ChartOptions) {
    this.#axes = { x: options.x, y: options.y };
    this.#height = options.height ?? HEIGHT;
    const clip = `chart-${(counted += 1)}`;
    this.#layer.setAttribute("clip-path", `url(#${clip})`);
    const handles = svg("g", { class: "handles" });
    this.element = svg("svg", { class: "chart", role: "group", "aria-label": options.label },
      svg("defs", {}, svg("clipPath", { id: clip }, this.#clip)), this.#frame, this.#layer, this.#texts, handles);
    this.#handles = new Handles(this.element, handles, this);
    this.x = scaleOf(options.x, [NaN, NaN], 0, 1);
    this.y = scaleOf(options.y, [NaN, NaN], 1, 0);
    host.append(html("div", { class: "chart-host" }, this.element));
    this.#resize = new ResizeObserver(() => {
      const width = this.element.parentElement?.clientWidth ?? 0;
      if (width && Math.abs(width - this.#width) >= 1) {
        this.#width = width;
        this.flush();
      }
    });
    this.#width = this.element.parentElement?.clientWidth || this.#width;
    this.#resize.observe(this.element.parentElement ?? host);
    this.flush();
  }

  line(id: string, xs: number[], ys: (number | null)[], style: Style = {}): void {
    this.#put(id, { kind: "line", xs, ys, style });
  }

  marker(id: string, x: number, y: number, style: Style & { shape?: Mark } = {}): void {
    this.#put(id, { kind: "marker", x, y, style });
  }

  band(id: string, shade: Shade, style: Style = {}): void {
    this.#put(id, "axis" in shade ? { kind: "band", ...shade, style } : { kind: "area", ...shade, style });
  }

  rule(id: string, axis: "x" | "y", at: number, label = "", style: Style = {}): void {
    this.#put(id, { kind: "rule", axis, at, style: { ...style, label } });
  }

  arrow(id: string, x: number, y: number, dx: number, dy: number, long: number, style: Style = {}): void {
    this.#put(id, { kind: "arrow", x, y, dx, dy, long, style });
  }

  draggable(id: string, axis: "x" | "y" | "xy", onDrag: Act, options: Drag = {}): void {
    this.#handles.set(id, { axis, onDrag, label: options.label ?? id, says: options.says ?? null, from: options.from ?? null });
    this.#later();
  }

  axes(x: Partial<Axis> = {}, y: Partial<Axis> = {}): void {
    this.#axes = { x: { ...this.#axes.x, ...x }, y: { ...this.#axes.y, ...y } };
    this.#later();
  }

  label(text: string): void {
    this.element.setAttribute("aria-label", text);
  }

  tall(height: number): void {
    this.#height = height;
    this.#later();
  }

  remove(id: string): void {
    this.#items.delete(id);
    this.#handles.delete(id);
    this.#later();
  }

  clear(): void {
    this.#items.clear();
    this.#handles.clear();
    this.#later();
  }

  destroy(): void {
    cancelAnimationFrame(this.#request);
    this.#resize.disconnect();
    this.element.parentElement?.remove();
  }

  flush(): void {
    cancelAnimationFrame(this.#request);
    this.#request = 0;
    const items = [...this.#items.values()];
    const { x, y } = this.#axes;
    const across = extent(numbers(items, "x"), x.scale === "log"), along = extent(numbers(items, "y"), y.scale === "log");
    const bottom = this.#height - BOTTOM;
    this.y = scaleOf(y, along, bottom, TOP);
    const yTicks = ticks(this.y, (bottom - TOP) / PER_TICK.y);
    const left = 22 + TICK_ROOM + CHARACTER * Math.max(1, ...tickTexts(yTicks, this.y.log).map((text) => text.length));
    const named = items.map((item) => (item.kind === "line" ? item.style.label?.length ?? 0 : 0));
    const right = Math.max(RIGHT, Math.max(0, ...named) * CHARACTER + 10);
    const edge = Math.max(this.#width - right, left + NARROWEST / 4);
    this.x = scaleOf(x, across, left, edge);
    const box = { left, right: edge, top: TOP, bottom, width: this.#width };
    this.element.setAttribute("viewBox", `0 0 ${this.#width} ${this.#height}`);
    this.element.setAttribute("width", String(this.#width));
    this.element.setAttribute("height", String(this.#height));
    for (const [name, value] of [["x", left], ["y", TOP], ["width", edge - left], ["height", bottom - TOP]] as const) {
      this.#clip.setAttribute(name, String(value));
    }
    this.#frame.replaceChildren(...this.#axisLines(box, yTicks));
    const { shapes, texts } = draw(items, this.x, this.y, box);
    this.#layer.replaceChildren(...shapes);
    this.#texts.replaceChildren(...texts);
    this.#handles.place(this.#items);
  }

  #put(id: string, item: Item): void {
    this.#items.set(id, item);
    this.#later();
  }

  #later(): void {
    this.#request ||= requestAnimationFrame(() => this.flush());
  }

  #axisLines(box: { left: number; right: number; top: number; bottom: number }, yTicks: number[]): SVGElement[] {
    const { left, right, top, bottom } = box;
    const made: SVGElement[] = [];
    const yTexts = tickTexts(yTicks, this.y.log), xTicks = ticks(this.x, (right - left) / PER_TICK.x), xTexts = tickTexts(xTicks, this.x.log);
    yTicks.forEach((tick, place) => {
      const at = this.y.pixel(tick);
      made.push(svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }),
        svg("text", { class: "tick", x: left - 8, y: at + 4, "text-anchor": "end" }, yTexts[place] ?? ""));
    });
    xTicks.forEach((tick, place) => {
      const at = this.x.pixel(tick), text = xTexts[place] ?? "";
      const inside = Math.min(at, this.#width - 2 - (text.length * CHARACTER) / 2); // no number is cut at the edge
      made.push(svg("line", { class: "grid", x1: at, x2: at, y1: top, y2: bottom }),
        svg("text", { class: "tick", x: inside, y: bottom + 18, "text-anchor": "middle" }, text));
    });
    made.push(svg("path", { class: "spine", d: `M${left} ${top}V${bottom}H${right}` }),
      svg("text", { class: "axis", x: (left + right) / 2, y: bottom + 37, "text-anchor": "middle" }, this.#axes.x.label),
      svg("text", { class: "axis", "text-anchor": "middle", transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)` }, this.#axes.y.label));
    return made;
  }
}

function* numbers(items: Item[], axis: "x" | "y"): Iterable<number | null> {
  for (const item of items) {
    if (item.kind === "line") yield* axis === "x" ? item.xs : item.ys;
    else if (item.kind === "marker") yield item[axis];
  }
}

/** A chart as wide as its host, which follows the host's width. */
export function chart(host: HTMLElement, options: ChartOptions): Chart {
  return new Drawn(host, options);
}
