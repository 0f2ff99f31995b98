// f over two variables: contour lines, the point that can be dragged, and the gradient as an arrow.

import { full, named, short } from "./numbers";
import { chart, type Chart } from "./svg";
import type { Window } from "./windows";

export interface GridData {
  x: number[];
  y: number[];
  /** Row by row: f[j][i] at (x[i], y[j]). */
  f: (number | null)[][];
  gradient: [number | null, number | null] | null;
}

const LEVELS = 11;
const LONGEST = 74, SHORTEST = 26; // of the arrow, in pixels
const NAMED_EVERY = 2;
const CLEAR = 0.22; // of the picture, around the point

export interface NowXY {
  names: [string, string];
  x: number;
  y: number;
  value?: number | null | undefined;
  gradient?: [number, number] | null | undefined;
}

export class Contours {
  readonly chart: Chart;
  #data: GridData | null = null;
  #steepest = 1;
  #levels: { level: number; xs: number[]; ys: (number | null)[] }[] = [];
  #windows: [Window, Window] = [[0, 1], [0, 1]];

  constructor(host: HTMLElement, private readonly moved: (at: Record<string, number>) => void, private readonly now: (name: string) => number) {
    this.chart = chart(host, { x: { scale: "linear", label: "x" }, y: { scale: "linear", label: "y" }, label: "Contours of f and its gradient", height: 410 });
  }

  data(found: GridData, windows: [Window, Window], names: [string, string]): void {
    this.#data = found;
    this.chart.axes({ label: named(names[0]), range: windows[0] }, { label: named(names[1]), range: windows[1] });
    const levels = levelsOf(found.f);
    this.#steepest = steepest(found);
    this.#windows = windows;
    this.#levels = levels.map((level) => ({ level, ...lines(found, level) }));
    for (let place = 0; place < LEVELS; place += 1) {
      const one = this.#levels[place], id = `level-${place}`;
      if (!one) this.chart.remove(id);
      else this.chart.line(id, one.xs, one.ys, { class: `level level-${Math.round((place / Math.max(levels.length - 1, 1)) * 10)}`, width: 1.6 });
    }
  }

  /** Names of the levels, clear of the point and its arrow. */
  #name(x: number, y: number): void {
    for (let place = 0; place < LEVELS; place += 1) {
      const one = this.#levels[place];
      const at = one && place % NAMED_EVERY === 0 ? labelled(one.xs, one.ys, this.#windows, place, [x, y]) : null;
      if (one && at) this.chart.marker(`name-${place}`, ...at, { shape: "none", class: "level-name", label: short(one.level, 3) });
      else this.chart.remove(`name-${place}`);
    }
  }

  point({ names, x, y, value, gradient }: NowXY): void {
    const data = this.#data;
    if (!data) return;
    const slope = gradient ?? differences(data, x, y), drawn = this.chart;
    const size = slope ? Math.hypot(...slope) : 0;
    if (slope && size > 0) {
      const share = Math.min(size / this.#steepest, 1);
      drawn.arrow("gradient", x, y, slope[0], slope[1], SHORTEST + share * (LONGEST - SHORTEST), { method: "reverse", width: 3 });
    } else drawn.remove("gradient");
    this.#name(x, y);
    drawn.marker("point", x, y, { class: "point" });
    const said = `${named(names[0])} = ${full(x)}, ${named(names[1])} = ${full(y)}`;
    drawn.draggable("point", "xy", (across, along) => this.moved({ [names[0]]: across, [names[1]]: along }), {
      label: "The point", says: `${said}${value === null || value === undefined ? "" : `, f = ${short(value)}`}`,
      from: () => [this.now(names[0]), this.now(names[1])] });
    drawn.label(`Contours of f over ${named(names[0])} and ${named(names[1])}; at ${said} the gradient is ${slope ? `(${short(slope[0])}, ${short(slope[1])})` : "undefined"}`);
    drawn.flush();
  }
}

/** Levels at equal shares of the values, so that valleys show as well as cliffs. */
function levelsOf(f: (number | null)[][]): number[] {
  const sorted = f.flat().filter((value): value is number => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
  if (!sorted.length || sorted[0] === sorted.at(-1)) return [];
  const found = Array.from({ length: LEVELS }, (_, place) => sorted[Math.floor(((place + 0.5) / LEVELS) * sorted.length)] ?? 0);
  return [...new Set(found.map((level) => Number(level.toPrecision(2))))];
}

const isNumber = (value: number | null | undefined): value is number => value !== null && value !== undefined;

/** Marching squares: the points where f crosses the level, as pieces divided by nulls. */
function lines({ x, y, f }: GridData, level: number): { xs: number[]; ys: (number | null)[] } {
  const xs: number[] = [], ys: (number | null)[] = [];
  for (let j = 0; j + 1 < y.length; j += 1) {
    for (let i = 0; i + 1 < x.length; i += 1) {
      const a = f[j]?.[i], b = f[j]?.[i + 1], c = f[j + 1]?.[i + 1], d = f[j + 1]?.[i];
      if (!isNumber(a) || !isNumber(b) || !isNumber(c) || !isNumber(d)) continue;
      const low = a < level; // most squares lie on one side, and make nothing
      if (low === b < level && low === c < level && low === d < level) continue;
      const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = [x[i], x[i + 1], y[j], y[j + 1]];
      const cuts: [number, number][] = [];
      const cut = (p: number, q: number, at: (t: number) => [number, number]): void => {
        if (p < level !== q < level) cuts.push(at((level - p) / (q - p)));
      };
      cut(a, b, (t) => [x0 + t * (x1 - x0), y0]);
      cut(b, c, (t) => [x1, y0 + t * (y1 - y0)]);
      cut(d, c, (t) => [x0 + t * (x1 - x0), y1]);
      cut(a, d, (t) => [x0, y0 + t * (y1 - y0)]);
      // A saddle has four cuts: its middle says which pairs belong together.
      const pairs = cuts.length < 4 ? cuts : (a + b + c + d) / 4 < level === a < level ? [cuts[0], cuts[1], cuts[2], cuts[3]] : [cuts[0], cuts[3], cuts[1], cuts[2]];
      for (let place = 0; place + 1 < pairs.length; place += 2) {
        for (const point of [pairs[place], pairs[place + 1]]) {
          xs.push(point?.[0] ?? 0);
          ys.push(point?.[1] ?? null);
        }
        xs.push(0);
        ys.push(null);
      }
    }
  }
  return { xs, ys };
}

/** Where a level's name stands: on its line, by turns at other heights, away from the frame. */
function labelled(xs: number[], ys: (number | null)[], [across, along]: [Window, Window], turn: number, point: [number, number]): [number, number] | null {
  const wish = along[0] + (along[1] - along[0]) * (0.12 + 0.76 * ((turn * 0.37) % 1));
  let best: [number, number] | null = null, least = Infinity;
  for (let place = 0; place < xs.length; place += 1) {
    const x = xs[place] ?? 0, y = ys[place];
    if (y === null || y === undefined) continue;
    const [u, v] = [(x - across[0]) / (across[1] - across[0]), (y - along[0]) / (along[1] - along[0])];
    if (u < 0.04 || u > 0.9 || v < 0.06 || v > 0.94) continue;
    if (Math.hypot((x - point[0]) / (across[1] - across[0]), (y - point[1]) / (along[1] - along[0])) < CLEAR) continue;
    const far = Math.abs(y - wish) / (along[1] - along[0]);
    if (far < least) [least, best] = [far, [x, y]];
  }
  return best;
}

/** The gradient read off the grid, until the methods have answered. */
function differences({ x, y, f }: GridData, atX: number, atY: number): [number, number] | null {
  const near = (list: number[], at: number): number => Math.min(Math.max(Math.round(((at - (list[0] ?? 0)) / ((list.at(-1) ?? 1) - (list[0] ?? 0))) * (list.length - 1)), 1), list.length - 2);
  const i = near(x, atX), j = near(y, atY);
  const [e, w, n, s] = [f[j]?.[i + 1], f[j]?.[i - 1], f[j + 1]?.[i], f[j - 1]?.[i]];
  if ([e, w, n, s].some((value) => value === null || value === undefined)) return null;
  return [((e ?? 0) - (w ?? 0)) / ((x[i + 1] ?? 1) - (x[i - 1] ?? 0)), ((n ?? 0) - (s ?? 0)) / ((y[j + 1] ?? 1) - (y[j - 1] ?? 0))];
}

function steepest(data: GridData): number {
  let most = 0;
  for (let j = 1; j + 1 < data.y.length; j += 3) {
    for (let i = 1; i + 1 < data.x.length; i += 3) {
      const slope = differences(data, data.x[i] ?? 0, data.y[j] ?? 0);
      if (slope) most = Math.max(most, Math.hypot(...slope));
    }
  }
  return most || 1;
}
