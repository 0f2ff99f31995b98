// The layout of a picture with open groups: every group by itself, and then as one box of the level
// above. So layers stand side by side, whatever is inside them; and a layout of everything at once
// takes time that grows faster than the square of the boxes. A wire into a group enters at a port
// at its side, and from there finds its way between the boxes.

import { graphlib, layout as dagreLayout } from "@dagrejs/dagre";
import type { Point, Wire } from "./layout";

interface Size {
  width: number;
  height: number;
}
type Place = Point & Size;

/** A part of a wire, within one level. */
interface Piece {
  from: string;
  to: string;
  points: Point[];
}

export interface Arrangement extends Size {
  places: Map<string, Place>;
}

const AROUND = 14;
const TITLE = 16;
const ROOT = "";
const PORT: Size = { width: 1, height: 1 };
const entry = (level: string) => `${level} in`;
const exit = (level: string) => `${level} out`;

/** The boxes, groups and pieces of wires of each level, from the parents of each box. */
class Levels {
  readonly children = new Map<string, Set<string>>();
  readonly pieces = new Map<string, Map<string, Piece>>();
  readonly routes = new Map<Wire, Piece[]>();
  readonly #chains = new Map<string, string[]>();

  constructor(boxes: Iterable<string>, readonly parents: ReadonlyMap<string, string>, wires: Iterable<Wire>) {
    for (const key of boxes) {
      const chain = [key];
      for (let above = parents.get(key); above !== undefined; above = parents.get(above)) chain.unshift(above);
      this.#chains.set(key, chain);
      chain.forEach((inner, depth) => this.#add(chain[depth - 1] ?? ROOT, inner));
    }
    for (const wire of wires) this.routes.set(wire, this.#route(wire));
  }

  #add(level: string, key: string): void {
    const known = this.children.get(level);
    if (known) known.add(key);
    else this.children.set(level, new Set([key]));
  }

  /** Out of the groups that hold its beginning alone, across, and into those that hold its end. */
  #route(wire: Wire): Piece[] {
    const from = this.#chains.get(wire.from) ?? [wire.from], to = this.#chains.get(wire.to) ?? [wire.to];
    const depth = from.findIndex((key, place) => key !== to[place]);
    const out = from.slice(depth + 1).map((key, place) => {
      const level = from[depth + place] ?? ROOT;
      return this.#piece(level, key, exit(level));
    });
    const across = this.#piece(from[depth - 1] ?? ROOT, from[depth] ?? wire.from, to[depth] ?? wire.to);
    const into = to.slice(depth + 1).map((key, place) => {
      const level = to[depth + place] ?? ROOT;
      return this.#piece(level, entry(level), key);
    });
    return [...out.reverse(), across, ...into];
  }

  /** The piece between two places of a level; wires share it. */
  #piece(level: string, from: string, to: string): Piece {
    this.#add(level, from);
    this.#add(level, to);
    const known = this.pieces.get(level) ?? new Map<string, Piece>();
    this.pieces.set(level, known);
    const key = `${from}>${to}`;
    const piece = known.get(key) ?? { from, to, points: [] };
    known.set(key, piece);
    return piece;
  }
}

/** Where every box and frame stands; the points of the wires are set. */
export function nested(
  boxes: ReadonlyMap<string, Size>, parents: ReadonlyMap<string, string>, wires: Iterable<Wire>, options: object,
): Arrangement {
  const levels = new Levels(boxes.keys(), parents, wires);
  const places = new Map<string, Place>();
  const arrange = (level: string): Size => {
    const graph = new graphlib.Graph();
    graph.setGraph({ ...options, marginx: AROUND, marginy: AROUND });
    graph.setDefaultEdgeLabel(() => ({}));
    const inside = levels.children.get(level) ?? [];
    const pieces = [...(levels.pieces.get(level)?.values() ?? [])];
    for (const key of inside) {
      const { width, height } = levels.children.has(key) ? arrange(key) : (boxes.get(key) ?? PORT);
      graph.setNode(key, { width, height });
    }
    pieces.forEach(({ from, to }) => graph.setEdge(from, to, {}));
    pinned(graph, entry(level), exit(level));
    dagreLayout(graph);
    for (const key of inside) {
      const { x = 0, y = 0, width = 0, height = 0 } = graph.node(key) as Partial<Place>;
      places.set(key, { x: x - width / 2, y: y - height / 2, width, height });
    }
    for (const piece of pieces) {
      piece.points = (graph.edge(piece.from, piece.to) as { points?: Point[] }).points ?? [];
    }
    const { width = 0, height = 0 } = graph.graph() as Partial<Size>;
    return { width, height };
  };
  const { width, height } = arrange(ROOT);
  moved(ROOT, { x: 0, y: TITLE }, levels, places);
  for (const [wire, pieces] of levels.routes) wire.points = joined(pieces);
  return { width, height: height + TITLE, places };
}

/** Ports stand at the sides: nothing begins before the one, or ends after the other. */
function pinned(graph: graphlib.Graph, first: string, last: string): void {
  const free = { weight: 0 };
  const begins = graph.hasNode(first) ? graph.sources().filter((key) => key !== first && key !== last) : [];
  const ends = graph.hasNode(last) ? graph.sinks().filter((key) => key !== first && key !== last) : [];
  begins.forEach((key) => graph.setEdge(first, key, { ...free }));
  ends.forEach((key) => graph.setEdge(key, last, { ...free }));
}

/** Places within a level become places in the picture. */
function moved(level: string, by: Point, levels: Levels, places: Map<string, Place>): void {
  for (const key of levels.children.get(level) ?? []) {
    const place = places.get(key);
    if (!place) continue;
    place.x += by.x;
    place.y += by.y;
    if (levels.children.has(key)) moved(key, place, levels, places);
  }
  for (const piece of levels.pieces.get(level)?.values() ?? []) {
    piece.points = piece.points.map(({ x, y }) => ({ x: x + by.x, y: y + by.y }));
  }
}

/** One line: where two pieces meet, the port counts, and not the middle of the group's side. */
function joined(pieces: Piece[]): Point[] {
  const across = pieces.findIndex((piece) => !isPort(piece.from) && !isPort(piece.to));
  return pieces.flatMap(({ points }, place) => {
    const first = place > 0 && place <= across ? 1 : 0;
    const last = place < pieces.length - 1 && place >= across ? points.length - 1 : points.length;
    return points.slice(first, last);
  });
}

function isPort(key: string): boolean {
  return key.endsWith(" in") || key.endsWith(" out");
}
