// Horizontal bars as one SVG picture: names to the left, or above where there is little room.

import { html, svg } from "../../drawing/dom";

export interface Bar {
  name: string;
  /** Null where there is no number; `text` then says why. */
  value: number | null;
  text: string;
  /** Classes of the bar: a method's, "hollow", "worst". */
  class?: string;
}

export interface BarsOptions {
  scale: "linear" | "log";
  /** The ends of the axis; the high end is taken from the bars where it is absent. */
  range: [number, number | null];
  unit: string;
  ticks: (low: number, high: number) => number[];
}

const NARROW = 560; // pixels of width below which names stand above their bars
const NAMES = 232, CHARACTER = 7.4;
const ROW = { wide: 32, narrow: 48 }, THICK = 16, FOOT = 42, TOP = 4;
const LEAST = 3; // pixels of a bar that is there

/** The decades of a logarithmic axis, at most about eight. */
export function decades(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const each = Math.max(1, Math.ceil((last - first) / 6));
  return Array.from({ length: Math.floor((last - first) / each) + 1 }, (_, place) => 10 ** (first + place * each));
}

export class Bars {
  readonly element = svg("svg", { class: "chart bars", role: "img" });
  #rows: Bar[] = [];
  #width = 0;

  constructor(host: HTMLElement, private readonly options: BarsOptions) {
    const frame = html("div", { class: "chart-host" }, this.element);
    host.append(frame);
    new ResizeObserver(() => {
      if (Math.abs(frame.clientWidth - this.#width) < 1) return;
      this.#width = frame.clientWidth;
      this.#draw();
    }).observe(frame);
  }

  show(rows: Bar[], label: string): void {
    this.#rows = rows;
    this.element.setAttribute("aria-label", `${label} ${rows.map((row) => `${row.name}: ${row.text}`).join("; ")}.`);
    this.#draw();
  }

  #draw(): void {
    const width = this.#width || this.element.parentElement?.clientWidth || NARROW;
    const wide = width >= NARROW, each = wide ? ROW.wide : ROW.narrow;
    const left = wide ? NAMES : 6;
    const longest = Math.max(0, ...this.#rows.map((row) => (row.value === null ? 0 : row.text.length)));
    const right = width - (wide ? longest * CHARACTER + 14 : 14);
    const [low, most] = this.options.range;
    const high = most ?? Math.max(low * 10, ...this.#rows.map((row) => row.value ?? low));
    const place = (value: number): number => left + this.#share(value, low, high) * (right - left);
    const bottom = TOP + each * this.#rows.length;
    this.element.setAttribute("viewBox", `0 0 ${width} ${bottom + FOOT}`);
    this.element.setAttribute("width", String(width));
    this.element.setAttribute("height", String(bottom + FOOT));
    this.element.replaceChildren(
      ...this.options.ticks(low, high).flatMap((tick) => axisTick(tick, place(tick), bottom)),
      svg("text", { class: "axis", x: (left + right) / 2, y: bottom + FOOT - 6, "text-anchor": "middle" }, this.options.unit),
      ...this.#rows.map((row, rank) => barRow(row, { top: TOP + rank * each, each, left, wide, width, end: row.value === null ? left : place(row.value) })),
    );
  }

  #share(value: number, low: number, high: number): number {
    const share = this.options.scale === "log" ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
    return Math.min(Math.max(share, 0), 1);
  }
}

function axisTick(tick: number, x: number, bottom: number): SVGElement[] {
  return [
    svg("path", { class: "grid", d: `M${x.toFixed(1)} ${TOP}V${bottom}` }),
    svg("text", { class: "tick", x: x.toFixed(1), y: bottom + 16, "text-anchor": "middle" }, tick >= 1e4 ? tick.toExponential(0).replace(/^1?e\+/, "10^").replace(/\^(\d+)$/, (_, power: string) => [...power].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("")) : String(tick)),
  ];
}

interface Place {
  top: number;
  each: number;
  left: number;
  wide: boolean;
  width: number;
  end: number;
}

function barRow(row: Bar, { top, each, left, wide, width, end }: Place): SVGElement {
  const middle = wide ? top + each / 2 : top + each - THICK / 2 - 6;
  const reach = Math.max(end - left, row.value === null ? 0 : LEAST);
  const name = svg("text", { class: "bar-name", x: wide ? left - 12 : left, y: wide ? middle + 4.5 : top + 14, "text-anchor": wide ? "end" : "start" }, row.name);
  const text = svg("text", { class: row.value === null ? "bar-text none" : "bar-text", y: wide ? middle + 4.5 : top + 14,
    x: wide ? left + reach + 8 : width - 14, "text-anchor": wide ? "start" : "end" }, row.text);
  const bar = svg("rect", { class: `bar ${row.class ?? ""}`, x: left, y: middle - THICK / 2, width: reach, height: THICK, rx: 2 });
  return svg("g", {}, name, ...(row.value === null ? [] : [bar]), text);
}
