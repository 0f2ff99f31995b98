// What a net says: over a plane, where it changes its mind, with the data; or along a line, its fit.

import { html } from "../../drawing/dom";
import { contour } from "./training_contour";
import type { Boundary, Extent, Told } from "./training_data";

type Colour = [number, number, number];
type Mode = "light" | "dark";

// Of two classes on light and dark grounds: as in the pictures of the library.
const CLASSES = { light: ["#2b6cb0", "#c0392b"], dark: ["#6fb1f0", "#f2867a"] };
const GROUND = { light: "#ffffff", dark: "#14181d" }, INK = { light: "#1a1a1a", dark: "#f2f2f2" };
const STRENGTH = 0.46; // of a class's colour where the net is sure
const RADIUS = 3.6, EDGE = 2.4; // pixels
const EVEN = 0.5; // the score at which a net of two classes changes its mind
const FLAT = 0.72; // height over width
const MARGIN = 0.12; // around the data of a fit

const parsed = (colour: string): Colour => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as Colour;
const mixed = (from: Colour, to: Colour, share: number): Colour => from.map((value, at) => value + ((to[at] ?? 0) - value) * share) as Colour;
const known = (values: (number | null | undefined)[]): number[] => values.filter((value): value is number => typeof value === "number");

export class Plane {
  readonly element = html("canvas", { class: "plane", role: "img", "aria-label": "No training yet" });
  readonly #small = document.createElement("canvas");
  #told: Told | null = null;
  #mode: Mode = "light";
  #width = 0;

  constructor(private readonly host: HTMLElement) {
    const frame = html("div", { class: "plane-host" }, this.element);
    host.append(frame);
    new ResizeObserver(() => {
      if (Math.abs(frame.clientWidth - this.#width) < 1) return;
      this.#width = frame.clientWidth;
      this.draw();
    }).observe(frame);
  }

  show(told: Told | null, dark: boolean): void {
    this.#told = told;
    this.#mode = dark ? "dark" : "light";
    this.host.hidden = Boolean(told?.last) && !told?.drawable;
    this.draw();
  }

  draw(): void {
    const width = this.#width || this.element.parentElement?.clientWidth || 0, pen = this.element.getContext("2d");
    if (!width || !pen) return;
    const height = Math.round(width * FLAT), sharp = window.devicePixelRatio || 1;
    this.element.width = Math.round(width * sharp);
    this.element.height = Math.round(height * sharp);
    this.element.style.setProperty("height", `${height}px`);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.fillStyle = GROUND[this.#mode];
    pen.fillRect(0, 0, width, height);
    const { boundary, start } = this.#told ?? {};
    const flat = start?.points?.x[0]?.length === 1;
    const extent = flat ? this.#around(boundary ?? null) : boundary?.extent ?? start?.extent;
    if (!extent) return;
    const place = placing(extent, width, height);
    if (boundary?.grid) this.#field(pen, boundary.grid, width, height);
    this.#points(pen, place);
    if (boundary?.x && boundary.fit) this.#fit(pen, boundary.x, boundary.fit, place);
  }

  /** The extent of one input and its target, with the fit. */
  #around(boundary: Boundary | null): Extent | null {
    const points = this.#told?.start.points;
    if (!points) return null;
    const xs = known(points.x.map(([x]) => x)), ys = [...points.y, ...known(boundary?.fit ?? [])];
    const ends = [Math.min(...xs), Math.max(...xs), Math.min(...points.y, ...ys), Math.max(...points.y, ...ys)] as Extent;
    const across = (ends[1] - ends[0]) * MARGIN / 2, up = (ends[3] - ends[2]) * MARGIN;
    return [ends[0] - across, ends[1] + across, ends[2] - up, ends[3] + up];
  }

  #field(pen: CanvasRenderingContext2D, grid: (number | null)[][], width: number, height: number): void {
    const rows = grid.length, columns = grid[0]?.length ?? 0;
    if (rows < 2 || columns < 2) return;
    const image = new ImageData(columns, rows), ground = parsed(GROUND[this.#mode]);
    grid.forEach((row, up) => row.forEach((score, across) => {
      image.data.set([...this.#shade(score, ground), 255], 4 * ((rows - 1 - up) * columns + across));
    }));
    this.#small.width = columns;
    this.#small.height = rows;
    this.#small.getContext("2d")?.putImageData(image, 0, 0);
    pen.imageSmoothingQuality = "high";
    // a score stands at a point of the grid, so the outer half of the outer pixels is cut off
    pen.drawImage(this.#small, 0.5, 0.5, columns - 1, rows - 1, 0, 0, width, height);
    this.#stroke(pen, contour(logits(grid), 0, width / (columns - 1), height / (rows - 1), height), EDGE);
  }

  #shade(score: number | null, ground: Colour): Colour {
    if (score === null) return mixed(ground, parsed(INK[this.#mode]), 0.2);
    const sure = Math.min(Math.abs(score - EVEN) * 2, 1);
    return mixed(ground, parsed(this.#colour(score > EVEN ? 1 : 0)), STRENGTH * sure);
  }

  #colour(place: number): string {
    const colours = CLASSES[this.#mode];
    return colours[Math.round(place) % colours.length] ?? INK[this.#mode];
  }

  #points(pen: CanvasRenderingContext2D, place: (x: number, y: number) => [number, number]): void {
    const points = this.#told?.start.points;
    if (!points) return;
    pen.lineWidth = 1.2;
    pen.strokeStyle = GROUND[this.#mode];
    points.x.forEach(([x = 0, up], row) => {
      const target = points.y[row] ?? 0;
      pen.fillStyle = this.#colour(up === undefined ? 0 : target);
      pen.beginPath();
      pen.arc(...place(x, up ?? target), RADIUS, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    });
  }

  #fit(pen: CanvasRenderingContext2D, xs: number[], fit: (number | null)[], place: (x: number, y: number) => [number, number]): void {
    const path = new Path2D();
    xs.forEach((x, row) => path.lineTo(...place(x, fit[row] ?? NaN)));
    this.#stroke(pen, path, EDGE * 1.25);
  }

  #stroke(pen: CanvasRenderingContext2D, path: Path2D, width: number): void {
    pen.strokeStyle = INK[this.#mode];
    pen.lineWidth = width;
    pen.lineCap = pen.lineJoin = "round";
    pen.stroke(path);
  }
}

const placing = ([left, right, low, high]: Extent, width: number, height: number) =>
  (x: number, y: number): [number, number] => [((x - left) / (right - left)) * width, height - ((y - low) / (high - low)) * height];

const SURE = 1e-6; // from certainty, where a logarithm ends

/** Scores on the scale on which a net is linear, so that the line between two points is exact. */
const logits = (grid: (number | null)[][]): (number | null)[][] => grid.map((row) => row.map((score) => {
  if (score === null) return null;
  const within = Math.min(Math.max(score, SURE), 1 - SURE);
  return Math.log(within / (1 - within));
}));
