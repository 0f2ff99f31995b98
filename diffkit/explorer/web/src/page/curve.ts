// f over one variable: the curve, the point that can be dragged along it, and the tangent.

import { full, named, short } from "./numbers";
import { aroundPoint, rangeOf } from "./ranges";
import { chart, type Chart } from "./svg";
import type { Window } from "./windows";

export interface CurveData {
  x: number[];
  f: (number | null)[];
  slope: (number | null)[];
}

export interface Now {
  name: string;
  x: number;
  /** As the methods say, once they have answered for this point. */
  value?: number | null | undefined;
  slope?: number | null | undefined;
}

export class Curve {
  readonly chart: Chart;
  #data: CurveData | null = null;
  #range: Window = [0, 1];

  constructor(host: HTMLElement, private readonly moved: (name: string, x: number) => void, private readonly now: (name: string) => number) {
    this.chart = chart(host, { x: { scale: "linear", label: "x" }, y: { scale: "linear", label: "f" }, label: "The curve of f and its tangent", height: 320 });
  }

  data(found: CurveData, window: Window, name: string, at: number): void {
    this.#data = found;
    this.#range = aroundPoint(rangeOf(found.f), found.f, place(found, at)[0]);
    this.chart.axes({ label: named(name), range: window }, { label: "f", range: this.#range });
    this.chart.line("f", found.x, found.f, { class: "curve", width: 2.4 });
  }

  /** The point and its tangent; until the methods have answered, read off the curve. */
  point({ name, x, value, slope }: Now): void {
    const data = this.#data;
    if (!data) return;
    const y = value ?? between(data, x), m = y === null ? null : (slope ?? sloping(data, x));
    const [low, high] = [data.x[0] ?? 0, data.x.at(-1) ?? 1];
    const drawn = this.chart;
    if (y === null) {
      ["point", "tangent"].forEach((id) => drawn.remove(id));
      drawn.rule("point", "x", x, "undefined here");
    } else {
      if (y < this.#range[0] || y > this.#range[1]) {
        this.#range = [Math.min(this.#range[0], y), Math.max(this.#range[1], y)];
        drawn.axes({}, { range: this.#range });
      }
      if (m === null) drawn.remove("tangent");
      else drawn.line("tangent", [low, high], [y + m * (low - x), y + m * (high - x)], { method: "forward", width: 2 });
      drawn.marker("point", x, y, { class: "point" });
    }
    const said = `${named(name)} = ${full(x)}`;
    drawn.draggable("point", "x", (at) => this.moved(name, at), {
      label: `The point on the curve, ${named(name)}`, says: y === null ? `${said}: f is undefined` : `${said}, f = ${short(y)}, slope ${short(m)}`,
      from: () => [this.now(name), NaN] });
    drawn.label(`f over ${named(name)} from ${short(low)} to ${short(high)}; at ${said} the value is ${short(y)} and the slope ${short(m)}`);
    drawn.flush();
  }
}

/** The sample before x, and how far beyond it x is, in samples. */
function place({ x }: CurveData, at: number): [number, number] {
  const first = x[0] ?? 0, last = x.at(-1) ?? 1;
  const where = ((at - first) / (last - first || 1)) * (x.length - 1);
  const before = Math.min(Math.max(Math.floor(where), 0), x.length - 2);
  return [before, Math.min(Math.max(where - before, 0), 1)];
}

/** The cubic through two samples with their slopes (Hermite). */
function between(data: CurveData, at: number): number | null {
  const [k, t] = place(data, at);
  const [f0, f1, m0, m1] = [data.f[k], data.f[k + 1], data.slope[k], data.slope[k + 1]].map((value) => value ?? null);
  if (f0 === null || f0 === undefined) return null;
  if (f1 === null || f1 === undefined) return t === 0 ? f0 : null;
  const h = (data.x[k + 1] ?? 0) - (data.x[k] ?? 0);
  if (m0 === null || m1 === null || m0 === undefined || m1 === undefined) return f0 + t * (f1 - f0);
  return (1 + 2 * t) * (1 - t) ** 2 * f0 + t * (1 - t) ** 2 * h * m0 + t * t * (3 - 2 * t) * f1 + t * t * (t - 1) * h * m1;
}

function sloping(data: CurveData, at: number): number | null {
  const [k, t] = place(data, at), [m0, m1] = [data.slope[k] ?? null, data.slope[k + 1] ?? null];
  return m0 === null || m1 === null ? (t < 0.5 ? m0 : m1) : m0 + t * (m1 - m0);
}
