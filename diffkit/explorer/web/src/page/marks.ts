// What stands in a chart: lines, markers, bands and rules, with labels beside them.

import { svg } from "../drawing/dom";
import { apart } from "./labels";
import type { Scale } from "./scales";

export type Method = "symbolic" | "forward" | "reverse" | "complex" | "finite";
export type Mark = "circle" | "square" | "diamond" | "up" | "down" | "ring" | "none";

export interface Style {
  /** In a method's colour; otherwise ink, or `class`. */
  method?: Method;
  class?: string;
  label?: string;
  dash?: "solid" | "dashed" | "dotted" | "dashdot";
  width?: number;
}

export type Item =
  | { kind: "line"; xs: number[]; ys: (number | null)[]; style: Style }
  | { kind: "marker"; x: number; y: number; style: Style & { shape?: Mark } }
  | { kind: "band"; axis: "x" | "y"; from: number; to: number; style: Style }
  | { kind: "area"; xs: number[]; low: (number | null)[]; high: (number | null)[]; style: Style }
  | { kind: "rule"; axis: "x" | "y"; at: number; style: Style }
  | { kind: "arrow"; x: number; y: number; dx: number; dy: number; long: number; style: Style };

export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
  width: number;
}

const DASHES = { solid: null, dashed: "7 4", dotted: "1.5 4", dashdot: "8 3 1.5 3" };
const LINE = 2, LABEL = 15, FAR = 1e5;
const ORDER = ["band", "area", "rule", "line", "arrow", "marker"];
const HEAD = 9; // pixels
const CHARACTER = 6.6;
/** Beyond the frame a pixel is as good as infinitely far, and browsers lose precision. */
const near = (pixel: number): string => Math.min(Math.max(pixel, -FAR), FAR).toFixed(1);

const classes = (kind: string, style: Style): string =>
  [kind, style.method ? `method-${style.method}` : "", style.class ?? ""].filter(Boolean).join(" ");

export function draw(items: Item[], x: Scale, y: Scale, box: Box): { shapes: SVGElement[]; texts: SVGElement[] } {
  const ordered = [...items].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  const shapes = ordered.map((item) => shapeOf(item, x, y, box));
  return { shapes, texts: [...lineLabels(items, x, y, box), ...otherLabels(items, x, y, box)] };
}

function shapeOf(item: Item, x: Scale, y: Scale, box: Box): SVGElement {
  const { style } = item;
  const stroke = { "stroke-width": style.width ?? LINE, "stroke-dasharray": DASHES[style.dash ?? "solid"] };
  if (item.kind === "line") return svg("path", { class: classes("line", style), d: path(item.xs, item.ys, x, y), ...stroke });
  if (item.kind === "marker") {
    return svg("path", { class: classes(`marker ${item.style.shape ?? "circle"}`, style), transform: `translate(${near(x.pixel(item.x))} ${near(y.pixel(item.y))})`, d: markPath(item.style.shape ?? "circle") });
  }
  if (item.kind === "area") return svg("path", { class: classes("band", style), d: between(item, x, y) });
  if (item.kind === "arrow") return svg("path", { class: classes("arrow", style), d: arrow(item, x, y), "stroke-width": style.width ?? 3 });
  if (item.kind === "rule") {
    const at = near((item.axis === "x" ? x : y).pixel(item.at));
    const d = item.axis === "x" ? `M${at} ${box.top}V${box.bottom}` : `M${box.left} ${at}H${box.right}`;
    return svg("path", { class: classes("rule", style), d, "stroke-width": style.width ?? 1.2, "stroke-dasharray": DASHES[style.dash ?? "dashed"] });
  }
  const scale = item.axis === "x" ? x : y;
  const ends = [bounded(scale.pixel(item.from), item.axis, box), bounded(scale.pixel(item.to), item.axis, box)];
  const low = Math.min(...ends), size = Math.max(...ends) - low;
  const place = item.axis === "x" ? { x: low, width: size, y: box.top, height: box.bottom - box.top }
    : { y: low, height: size, x: box.left, width: box.right - box.left };
  return svg("rect", { class: classes("band", style), ...place });
}

const bounded = (pixel: number, axis: "x" | "y", box: Box): number =>
  axis === "x" ? Math.min(Math.max(pixel, box.left), box.right) : Math.min(Math.max(pixel, box.top), box.bottom);

const shown = (value: number | null | undefined, scale: Scale): value is number =>
  value !== null && value !== undefined && Number.isFinite(value) && !(scale.log && value <= 0);

/** The path of a line, interrupted where there is no number. */
export function path(xs: number[], ys: (number | null)[], x: Scale, y: Scale): string {
  let d = "", drawing = false;
  for (let place = 0; place < xs.length; place += 1) {
    const across = xs[place], along = ys[place];
    if (!shown(across, x) || !shown(along, y)) {
      drawing = false;
      continue;
    }
    d += `${drawing ? "L" : "M"}${near(x.pixel(across))} ${near(y.pixel(along))}`;
    drawing = true;
  }
  return d;
}

function between({ xs, low, high }: { xs: number[]; low: (number | null)[]; high: (number | null)[] }, x: Scale, y: Scale): string {
  const there = path(xs, high, x, y), back = path([...xs].reverse(), [...low].reverse(), x, y);
  return there && back ? `${there}${back.replace(/^M/, "L")}Z` : "";
}

/** A direction in the data's units, `long` pixels long on the screen. */
function arrow({ x, y, dx, dy, long }: { x: number; y: number; dx: number; dy: number; long: number }, across: Scale, along: Scale): string {
  const [fromX, fromY] = [across.pixel(x), along.pixel(y)];
  // A step small enough for its direction alone to matter, large enough to be seen in rounding.
  const unit = Math.max(Math.abs(dx) / (across.range[1] - across.range[0]), Math.abs(dy) / (along.range[1] - along.range[0]));
  if (!(unit > 0) || !Number.isFinite(unit)) return "";
  const [stepX, stepY] = [across.pixel(x + dx / unit) - fromX, along.pixel(y + dy / unit) - fromY];
  const size = Math.hypot(stepX, stepY), [ux, uy] = [stepX / size, stepY / size];
  const [toX, toY] = [fromX + ux * long, fromY + uy * long];
  const corner = (side: number): string => `${near(toX - HEAD * (ux - side * uy * 0.6))} ${near(toY - HEAD * (uy + side * ux * 0.6))}`;
  return `M${near(fromX)} ${near(fromY)}L${near(toX)} ${near(toY)}M${corner(1)}L${near(toX)} ${near(toY)}L${corner(-1)}`;
}

export function markPath(shape: Mark): string {
  switch (shape) {
    case "square": return "M-4.4-4.4h8.8v8.8h-8.8z";
    case "diamond": return "M0-6L6 0L0 6L-6 0z";
    case "up": return "M0-5.6L5.2 4H-5.2z";
    case "down": return "M0 5.6L5.2-4H-5.2z";
    case "none": return "";
    default: return "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z";
  }
}

/** Names of lines at their right ends. */
function lineLabels(items: Item[], x: Scale, y: Scale, box: Box): SVGElement[] {
  const named = items.filter((item): item is Item & { kind: "line" } => item.kind === "line" && Boolean(item.style.label) && item.xs.some((across, place) => shown(across, x) && shown(item.ys[place], y)));
  const ends = named.map((item) => {
    for (let place = item.xs.length - 1; place >= 0; place -= 1) {
      const across = item.xs[place], along = item.ys[place];
      if (shown(across, x) && shown(along, y) && x.pixel(across) <= box.right + 1) {
        return Math.min(Math.max(y.pixel(along), box.top), box.bottom);
      }
    }
    return (box.top + box.bottom) / 2;
  });
  const places = apart(ends.map((at) => ({ at, room: LABEL })), box.top - 6, box.bottom + 6);
  return named.map((item, place) => svg("text", { class: classes("label", item.style), x: box.right + 6, y: (places[place] ?? 0) + 4 }, item.style.label ?? ""));
}

/** Names of markers and rules: beside them, on the side with room. */
function otherLabels(items: Item[], x: Scale, y: Scale, box: Box): SVGElement[] {
  let raised = 0;
  return items.flatMap((item) => {
    const text = item.style.label;
    if (!text || item.kind === "line" || item.kind === "area" || item.kind === "arrow") return [];
    const wide = text.length * CHARACTER;
    let across: number, along: number;
    if (item.kind === "marker") {
      [across, along] = [x.pixel(item.x), y.pixel(item.y) - 10];
    } else if (item.kind === "rule" && item.axis === "x") {
      across = x.pixel(item.at);
      along = box.top + 11 + LABEL * (raised % 3);
      raised += 1;
    } else if (item.axis === "x") {
      [across, along] = [x.pixel(item.kind === "band" ? item.from : item.at), box.bottom - 8];
    } else {
      const at = item.kind === "band" ? Math.max(item.from, item.to) : item.at;
      [across, along] = [box.left, bounded(y.pixel(at), "y", box) + (item.kind === "band" ? 15 : -5)];
    }
    if (!Number.isFinite(across) || !Number.isFinite(along) || across < box.left - 1 || across > box.right + 1) return [];
    const turned = across + wide + 8 > box.right;
    return [svg("text", { class: classes("label", item.style), x: across + (turned ? -6 : 6), y: Math.max(along, box.top + 11), "text-anchor": turned ? "end" : "start" }, text)];
  });
}
