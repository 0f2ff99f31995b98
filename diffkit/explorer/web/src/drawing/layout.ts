// Where everything stands: visible nodes, closed groups and frames of open ones, laid out by dagre.

import { graphlib, layout as dagreLayout } from "@dagrejs/dagre";
import { operandsOf, shapeText, type Data, type DataNode } from "./data";
import { allNodes, sizeOf, type Group } from "./groups";
import { contentOf, loopTitle, stepsOf } from "./loops";
import { nested, type Arrangement } from "./nested";

export interface Point {
  x: number;
  y: number;
}
export interface Box extends Area {
  key: string;
  title: string;
  small: string;
  node: DataNode;
  group: Group | null;
  /** Whether it is a loop whose steps can be opened. */
  loop: boolean;
}
interface Area extends Point {
  width: number;
  height: number;
}
export interface Frame extends Area {
  group: Group;
}
export interface Wire {
  from: string;
  to: string;
  points: Point[];
  /** The (operand, user, place) that it stands for. */
  members: { from: number; to: number; place: number }[];
}
export interface Picture {
  width: number;
  height: number;
  boxes: Box[];
  frames: Frame[];
  wires: Wire[];
  /** For each node the key of the box in which it is seen. */
  seenIn: Map<number, string>;
}

const LETTER = 7.3; // the width of a monospaced letter at 12 px
const MOST_LETTERS = 26;
const FEWEST_LETTERS = 13; // room for −1.2345e−07
const FEWEST_OF_ARRAY = 16; // and for the bars of a norm
const PADDING = 12;
export const HEAD = 26;
export const ROW = 17;
const ROWS = 3;
const FRAME_TITLE = 16;
export const BEHIND = 8; // by how much a stack of boxes looks out behind the first
const CORNER = 12; // of a box, where no wire begins
const MANY = 150; // boxes beyond which ranks are found in linear time

const SEGMENTER = new Intl.Segmenter();

/** The text without accents that take no room of their own, cut to what fits. */
function fitted(text: string): string {
  if (text.length <= MOST_LETTERS) return text;
  const letters = [...SEGMENTER.segment(text)].map((part) => part.segment);
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS - 1).join("")}…` : text;
}

function titleOf(node: DataNode, loop: boolean): string {
  if (loop) return fitted(loopTitle(node));
  return fitted(node.formula.primal ?? node.name);
}

function widthOf(title: string, small: string, node: DataNode): number {
  const fewest = node.shape.length ? FEWEST_OF_ARRAY : FEWEST_LETTERS;
  const letters = Math.max(title.length + (small ? small.length + 2 : 0), fewest);
  return Math.min(letters, MOST_LETTERS + 8) * LETTER + 2 * PADDING;
}

export function arranged(data: Data, groups: Group[], open: ReadonlySet<string>, down: boolean): Picture {
  const nodes = new Map(data.nodes.map((node) => [node.id, node]));
  const boxes = new Map<string, Omit<Box, "x" | "y">>();
  const frames: Group[] = [];
  const parents = new Map<string, string>();
  const seenIn = new Map<number, string>();

  const addNode = (id: number, parent: string | null): void => {
    const node = nodes.get(id);
    if (!node) return;
    const key = `node${id}`;
    const loop = stepsOf(data, id).length > 0;
    const title = titleOf(node, loop), small = loop ? contentOf(data, node) : shapeText(node.shape);
    boxes.set(key, { key, title, small, node, loop, group: null, width: widthOf(title, small, node), height: HEAD + ROWS * ROW + 7 });
    if (parent) parents.set(key, parent);
    seenIn.set(id, key);
  };
  const addGroup = (group: Group, parent: string | null): void => {
    if (parent) parents.set(group.key, parent);
    if (open.has(group.key)) {
      frames.push(group);
      group.nodes.forEach((id) => addNode(id, group.key));
      group.groups.forEach((inner) => addGroup(inner, group.key));
      return;
    }
    const inside = allNodes(group);
    const node = nodes.get(leaving(inside, data) ?? inside[0] ?? -1);
    if (!node) return;
    const title = fitted(group.name), small = `${sizeOf(group)} nodes`;
    boxes.set(group.key, { key: group.key, title, small, node, group, loop: false, width: widthOf(title, small, node), height: HEAD + ROWS * ROW + 7 });
    inside.forEach((id) => seenIn.set(id, group.key));
  };
  const grouped = new Set(groups.flatMap(allNodes));
  data.nodes.forEach((node) => { if (!grouped.has(node.id)) addNode(node.id, null); });
  groups.forEach((group) => addGroup(group, null));

  const wires = wiresOf(data, seenIn);
  return placed(boxes, frames, parents, wires, seenIn, down);
}

/** The last node of a group that something outside uses (or that is an output). */
function leaving(inside: number[], data: Data): number | undefined {
  const members = new Set(inside);
  const used = new Set(data.outputs);
  for (const node of data.nodes) {
    if (!members.has(node.id)) operandsOf(node).forEach((operand) => used.add(operand.node));
  }
  return data.forward.findLast((id) => members.has(id) && used.has(id));
}

function wiresOf(data: Data, seenIn: Map<number, string>): Map<string, Wire> {
  const wires = new Map<string, Wire>();
  for (const node of data.nodes) {
    for (const { node: operand, place } of operandsOf(node)) {
      const from = seenIn.get(operand), to = seenIn.get(node.id);
      if (!from || !to || from === to) continue;
      const key = `${from}>${to}`;
      const wire = wires.get(key) ?? { from, to, points: [], members: [] };
      wire.members.push({ from: operand, to: node.id, place });
      wires.set(key, wire);
    }
  }
  return wires;
}

function placed(
  boxes: Map<string, Omit<Box, "x" | "y">>, frames: Group[], parents: Map<string, string>,
  wires: Map<string, Wire>, seenIn: Map<number, string>, down: boolean,
): Picture {
  const options = { rankdir: down ? "TB" : "LR", nodesep: frames.length ? 34 : 20, edgesep: 12,
    ranksep: down ? (frames.length ? 50 : 34) : 60, marginx: 16, marginy: 16,
    ranker: boxes.size > MANY ? "longest-path" : "network-simplex" };
  const standing = frames.length ? nested(boxes, parents, wires.values(), options)
    : together(boxes, wires, options);
  const at = (key: string) => standing.places.get(key) ?? { x: 0, y: 0, width: 0, height: 0 };
  const picture = {
    width: standing.width, height: standing.height, seenIn,
    boxes: [...boxes.values()].map((box) => ({ ...box, ...at(box.key) })),
    frames: frames.map((group) => ({ group, ...at(group.key) })),
    wires: [...wires.values()],
  };
  for (const wire of picture.wires) {
    const from = boxes.get(wire.from), { x, y, width, height } = at(wire.from);
    const behind = from?.group || from?.loop ? BEHIND : 0;
    const leaving = { x, y, width: width + (down ? 0 : behind), height: height + (down ? behind : 0) };
    wire.points = sideways(wire.points, leaving, at(wire.to), down);
  }
  if (inputsAreTurned(picture.boxes, down)) mirror(picture, down);
  return { ...picture, frames: picture.frames.map(titled) };
}

/** All at once, where no group is open. */
function together(boxes: Map<string, Omit<Box, "x" | "y">>, wires: Map<string, Wire>, options: object): Arrangement {
  const graph = new graphlib.Graph();
  graph.setGraph(options);
  graph.setDefaultEdgeLabel(() => ({}));
  boxes.forEach((box, key) => graph.setNode(key, { width: box.width, height: box.height }));
  wires.forEach((wire) => graph.setEdge(wire.from, wire.to, {}));
  dagreLayout(graph);
  const places: Arrangement["places"] = new Map();
  for (const key of graph.nodes()) {
    const { x = 0, y = 0, width = 0, height = 0 } = graph.node(key) as Partial<Frame>;
    places.set(key, { x: x - width / 2, y: y - height / 2, width, height });
  }
  for (const wire of wires.values()) {
    wire.points = (graph.edge(wire.from, wire.to) as { points?: Point[] }).points ?? [];
  }
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { width, height, places };
}

/** A wire leaves a box at the side where the flow does, and so crosses no box beside it. */
function sideways(points: Point[], from: Area, to: Area, down: boolean): Point[] {
  const inner = points.slice(1, -1);
  const first = points[0], last = points.at(-1);
  if (!first || !last || !inner.length) return points;
  const within = (value: number, low: number, size: number) => Math.min(Math.max(value, low + CORNER), low + size - CORNER);
  const begin = down ? { x: within(first.x, from.x, from.width), y: from.y + from.height }
    : { x: from.x + from.width, y: within(first.y, from.y, from.height) };
  const end = down ? { x: within(last.x, to.x, to.width), y: to.y } : { x: to.x, y: within(last.y, to.y, to.height) };
  return [begin, ...inner, end];
}

/** Whether more inputs stand in the wrong order than in the right one. */
function inputsAreTurned(boxes: Box[], down: boolean): boolean {
  const inputs = boxes.filter((box) => !box.group && box.node.primitive === "input");
  const across = inputs.map((box) => (down ? box.x : box.y));
  let order = 0;
  across.forEach((here, place) => across.slice(0, place).forEach((before) => { order += Math.sign(here - before); }));
  return order < 0;
}

/** The same picture with the first input first: a mirror image has the same crossings. */
function mirror(picture: Picture, down: boolean): void {
  const { width, height } = picture;
  for (const area of [...picture.boxes, ...picture.frames]) {
    if (down) area.x = width - area.x - area.width;
    else area.y = height - area.y - area.height;
  }
  for (const wire of picture.wires) {
    wire.points = wire.points.map(({ x, y }) => (down ? { x: width - x, y } : { x, y: height - y }));
  }
}

/** A frame with room for its title above what it holds. */
function titled(frame: Frame): Frame {
  return { ...frame, y: frame.y - FRAME_TITLE, height: frame.height + FRAME_TITLE };
}

/** A smooth path through the points of an edge. */
export function pathOf(points: Point[]): string {
  const [first, ...rest] = points;
  if (!first || !rest.length) return "";
  const parts = [`M${at(first)}`];
  for (let k = 0; k < rest.length; k += 1) {
    const here = rest[k] as Point, next = rest[k + 1];
    if (!next) parts.push(`L${at(here)}`);
    else if (k + 2 === rest.length) { parts.push(`Q${at(here)} ${at(next)}`); break; }
    else parts.push(`Q${at(here)} ${at({ x: (here.x + next.x) / 2, y: (here.y + next.y) / 2 })}`);
  }
  return parts.join("");
}

function at(point: Point): string {
  return `${point.x.toFixed(1)},${point.y.toFixed(1)} `;
}
