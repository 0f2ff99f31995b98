// The graph as SVG: built once for a layout; a step, or new numbers, change what differs and no more.

import { entryText, magnitude, numberText, shortText, signOf, type DataEdge, type Entry } from "./data";
import { svg } from "./dom";
import { BEHIND, HEAD, pathOf, ROW, type Box, type Picture, type Point, type Wire } from "./layout";
import { SWEEPS, type Sweep, type Sweeps } from "./sweeps";

const SIGNS: Record<Sweep, string> = { primal: "v", tangent: "v̇", adjoint: "v̄" };
const THINNEST = 1;
const WIDENING = 2.2;
const WIDEST = 18;
const ARROW = 7;

/** 1 + 2.2·log1p|v̄|, so that a hundred times the amount is still drawable. */
export function wireWidth(amount: number): number {
  if (!Number.isFinite(amount)) return WIDEST;
  return Math.min(THINNEST + WIDENING * Math.log1p(amount), WIDEST);
}

interface DrawnBox {
  box: Box;
  element: SVGGElement;
  rows: Record<Sweep, { row: SVGGElement; value: SVGTextElement; shown: string }>;
  shown: string;
}
interface DrawnWire {
  wire: Wire;
  element: SVGGElement;
  halo: SVGPathElement;
  line: SVGPathElement;
  arrow: SVGPolygonElement;
  label: SVGTextElement;
  /** Places in `data.edges` of what flows back along it. */
  edges: number[];
  shown: string;
}

export interface SceneEvents {
  node(id: number): void;
  loop(id: number): void;
  group(key: string): void;
}

export class Scene {
  readonly layer: SVGGElement = svg("g");
  readonly #boxes = new Map<string, DrawnBox>();
  readonly #wires: DrawnWire[] = [];

  constructor(readonly picture: Picture, readonly events: SceneEvents, edges: DataEdge[]) {
    const frames = picture.frames.map((frame) => {
      const title = svg("text", { x: 10, y: 17 }, `▾ ${frame.group.name}`);
      const element = svg("g", { class: "frame", transform: `translate(${frame.x},${frame.y})` },
        svg("rect", { width: frame.width, height: frame.height, rx: 12 }), title);
      this.#pressed(element, `close ${frame.group.name}`, true, () => events.group(frame.group.key));
      return element;
    });
    picture.wires.forEach((wire) => this.#wires.push(this.#drawWire(wire)));
    picture.boxes.forEach((box) => this.#boxes.set(box.key, this.#drawBox(box)));
    this.layer.append(...frames, ...this.#wires.map((wire) => wire.element),
      ...[...this.#boxes.values()].map((box) => box.element), ...this.#wires.map((wire) => svg("g", { class: "wire" }, wire.label)));
    this.renew(edges);
  }

  /** Other amounts on the same edges. */
  renew(edges: DataEdge[]): void {
    const places = new Map(edges.map((edge, place) => [`${edge.from}>${edge.to}>${edge.operand}`, place]));
    for (const drawn of this.#wires) {
      drawn.edges = drawn.wire.members.flatMap((member) => {
        const place = places.get(`${member.from}>${member.to}>${member.place}`);
        return place === undefined ? [] : [place];
      });
    }
  }

  boxOf(node: number): Box | undefined {
    return this.#boxes.get(this.picture.seenIn.get(node) ?? "")?.box;
  }

  #pressed(element: SVGGElement, label: string, open: boolean, act: () => void): void {
    element.setAttribute("role", "button");
    element.setAttribute("tabindex", "0");
    element.setAttribute("aria-label", label);
    element.setAttribute("aria-expanded", String(open));
    element.addEventListener("click", act);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
  }

  #drawBox(box: Box): DrawnBox {
    const { width, height } = box;
    const rows = {} as DrawnBox["rows"];
    const opens = box.group !== null || box.loop;
    const element = svg("g", { class: opens ? "box group" : "box", transform: `translate(${box.x},${box.y})` });
    if (opens) {
      [BEHIND, BEHIND / 2].forEach((shift) => element.append(svg("rect", { class: "behind", x: shift, y: shift, width, height, rx: 8 })));
    }
    if (box.loop) {
      this.#pressed(element, `open the loop ${box.title}, ${box.small}`, false, () => this.events.loop(box.node.id));
    } else if (box.group) {
      this.#pressed(element, `open ${box.group.name}, ${box.small}`, false, () => this.events.group(box.key));
    } else {
      element.addEventListener("click", () => this.events.node(box.node.id));
    }
    const round = 8;
    const band = `M0,${HEAD}V${round}Q0,0 ${round},0H${width - round}Q${width},0 ${width},${round}V${HEAD}Z`;
    element.append(
      svg("rect", { class: "plate", width, height, rx: round }),
      svg("path", { class: "band", d: band }),
      svg("rect", { class: "plate", width, height, rx: round, "fill-opacity": 0 }),
      svg("text", { class: "name", x: 12, y: 17 }, opens ? `▸ ${box.title}` : box.title),
      svg("text", { class: "small", x: width - 10, y: 17, "text-anchor": "end" }, box.small),
    );
    SWEEPS.forEach((sweep, place) => {
      const y = HEAD + 15 + place * ROW;
      const value = svg("text", { class: "value", x: width - 12, y });
      const row = svg("g", { class: `row ${sweep}` }, svg("text", { class: "sign", x: 12, y }, SIGNS[sweep]), value);
      rows[sweep] = { row, value, shown: "" };
      element.append(row);
    });
    const tip = `${box.node.formula.primal ?? box.node.name}${box.node.line ? `   (${box.node.line.at})` : ""}`;
    element.append(svg("title", {}, box.group ? `${box.group.name}; the numbers are those of ${tip}` : tip));
    return { box, element, rows, shown: "" };
  }

  #drawWire(wire: Wire): DrawnWire {
    const path = pathOf(wire.points);
    const halo = svg("path", { class: "halo", d: path });
    const line = svg("path", { class: "line", d: path });
    const arrow = svg("polygon", { points: `0,0 ${-ARROW},${ARROW / 2} ${-ARROW},${-ARROW / 2}` });
    const middle = wire.points[Math.floor(wire.points.length / 2)] ?? { x: 0, y: 0 };
    const label = svg("text", { x: middle.x, y: middle.y - 7 });
    const element = svg("g", { class: "wire" }, halo, line, arrow);
    return { wire, element, halo, line, arrow, label, edges: [], shown: "" };
  }

  /** Show the state after step `place` of a sweep. */
  paint(sweeps: Sweeps, sweep: Sweep, place: number): void {
    const step = sweeps.steps[sweep][place];
    const seen = this.picture.seenIn;
    const now = step ? seen.get(step.node) : undefined;
    const working = step ? seen.get(step.equation) : undefined;
    for (const [key, drawn] of this.#boxes) {
      this.#paintRows(drawn, sweeps, sweep, place, key === now);
      const ahead = sweeps.known(sweep, drawn.box.node.id, place) === undefined;
      const shown = `${ahead ? "ahead" : ""} ${key === now ? "now" : key === working ? "at-work" : ""}`;
      if (shown === drawn.shown) continue;
      drawn.shown = shown;
      drawn.element.classList.toggle("ahead", ahead);
      drawn.element.classList.toggle("now", key === now);
      drawn.element.classList.toggle("at-work", key === working && key !== now);
    }
    for (const drawn of this.#wires) {
      if (sweep === "adjoint") paintBack(drawn, sweeps, place, step?.edge ?? null);
      else paintAhead(drawn, step?.node);
    }
  }

  #paintRows(drawn: DrawnBox, sweeps: Sweeps, sweep: Sweep, place: number, now: boolean): void {
    const reached = SWEEPS.indexOf(sweep);
    SWEEPS.forEach((row, rank) => {
      const held = drawn.rows[row];
      const last = rank < reached ? Number.POSITIVE_INFINITY : place;
      const known = rank > reached ? undefined : sweeps.known(row, drawn.box.node.id, last);
      const text = known === undefined ? "·" : entryText(known);
      const fresh = now && row === sweep;
      const shown = `${text}${fresh ? " new" : ""}`;
      if (shown === held.shown) return;
      held.shown = shown;
      held.value.textContent = text;
      held.row.classList.toggle("empty", known === undefined);
      held.row.classList.toggle("new", fresh);
    });
  }
}

function paintAhead(drawn: DrawnWire, node: number | undefined): void {
  const now = drawn.wire.members.some((member) => member.to === node);
  dressed(drawn, now ? "now" : "", now ? 2 : 1.2, "", false);
}

/** Give a wire its look, if it is not the one it has: the dashes on it then go on moving. */
function dressed(drawn: DrawnWire, look: string, width: number, label: string, back: boolean): void {
  const shown = `${look} ${width} ${label} ${back}`;
  if (shown === drawn.shown) return;
  drawn.shown = shown;
  const now = look.endsWith("now");
  drawn.element.setAttribute("class", `wire ${look}`);
  drawn.line.setAttribute("class", now ? "line flows" : "line");
  drawn.line.style.strokeWidth = String(width);
  drawn.halo.style.strokeWidth = String(width + 9);
  drawn.label.textContent = label;
  point(drawn.arrow, drawn.wire.points, back, back ? width : 1);
}

function paintBack(drawn: DrawnWire, sweeps: Sweeps, place: number, edge: number | null): void {
  const flowed = drawn.edges.filter((member) => sweeps.flowed(member, place));
  const now = edge !== null && drawn.edges.includes(edge);
  const amounts = flowed.map((member) => sweeps.data.edges[member]?.adjoint ?? null);
  const amount = Math.hypot(...amounts.map(magnitude));
  const width = flowed.length ? wireWidth(amount) : THINNEST;
  const dry = drawn.edges.length ? "" : "dry";
  const label = now ? amountText(edge === null ? null : (sweeps.data.edges[edge]?.adjoint ?? null)) : "";
  dressed(drawn, `${dry} ${flowed.length ? tone(amounts) : ""} ${now ? "now" : ""}`, width, label, flowed.length > 0);
}

function amountText(entry: Entry): string {
  const text = shortText(entry);
  return signOf(entry) > 0 ? `+${text}` : text;
}

function tone(amounts: Entry[]): string {
  const signs = new Set(amounts.map(signOf));
  if (signs.size !== 1 || signs.has(0)) return amounts.every((amount) => magnitude(amount) === 0) ? "" : "both";
  return signs.has(1) ? "plus" : "minus";
}

/** Put the arrow at the end of the edge, or at its beginning if the flow is back. */
function point(arrow: SVGPolygonElement, points: Point[], back: boolean, width = 1): void {
  const [tip, before] = back ? [points[0], points[1]] : [points.at(-1), points.at(-2)];
  if (!tip || !before) return;
  const angle = (Math.atan2(tip.y - before.y, tip.x - before.x) * 180) / Math.PI;
  const size = Math.max(1, (width + 5) / ARROW);
  arrow.setAttribute("transform", `translate(${tip.x},${tip.y}) rotate(${numberOr0(angle)}) scale(${size})`);
}

function numberOr0(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

/** A sentence for those who do not see the picture. */
export function describe(sweeps: Sweeps): string {
  const { data } = sweeps;
  const at = Object.entries(data.at).map(([name, value]) => `${name} = ${entryText(value)}`);
  const few = at.length <= 6 ? ` at ${at.join(", ")}` : "";
  const result = data.outputs.map((id) => entryText(sweeps.nodes.get(id)?.primal ?? null)).join(", ");
  return `Graph of ${data.function}${few}: ${numberText(data.nodes.length)} nodes, result ${result}.`;
}
