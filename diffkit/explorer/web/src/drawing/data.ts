// What `dk.explain(...).to_dict()` gives (schema 1), and how its numbers are written.

import type { LoopStep } from "./loops";

export interface ArrayEntry {
  shape: number[];
  norm: number | null;
  min: number | null;
  max: number | null;
  first: (number | null)[];
  value: unknown;
}
export type Entry = number | boolean | null | ArrayEntry;

export interface Line {
  at: string;
  number: number | null;
  text: string;
}

export type Operand = { node: number; name: string } | { literal: Entry };

export interface DataNode {
  id: number;
  name: string;
  primitive: string;
  parameters: Record<string, unknown>;
  operands: Operand[];
  line: Line | null;
  shape: number[];
  dtype: string;
  primal: Entry;
  tangent: Entry;
  adjoint: Entry;
  formula: { primal?: string; tangent?: string };
  arithmetic: { primal?: string; tangent?: string };
  entry: { primal?: string; tangent?: string };
  note: string;
}

export interface DataEdge {
  from: number;
  to: number;
  operand: number;
  adjoint: Entry;
}

export interface ReverseStep {
  node: number;
  equation: number | null;
  edge: number | null;
  total: Entry;
  formula: string;
  arithmetic: string;
  entry?: string;
  note: string;
}

export interface NamedGroup {
  name: string;
  nodes: number[];
}

export interface Data {
  schema: number;
  function: string;
  at: Record<string, Entry>;
  gradient: Record<string, Entry>;
  inputs: number[];
  outputs: number[];
  nodes: DataNode[];
  edges: DataEdge[];
  forward: number[];
  reverse: ReverseStep[];
  /** The first steps of each loop, by the node that the loop is. */
  loops?: Record<string, LoopStep[]>;
  groups?: NamedGroup[];
  source?: string[];
  note?: string;
}

const DIGITS = 5;
const SHORT_DIGITS = 3;
const MOST_LISTED = 12;
const SMALLEST_PLAIN = 1e-4;
const LARGEST_PLAIN = 1e5;

/** A number to five digits, as Python's `.5g` writes it, with a true minus sign. */
export function numberText(value: number | boolean | null): string {
  if (value === null) return "not finite";
  if (typeof value === "boolean") return value ? "True" : "False";
  const size = Math.abs(value);
  const rounded = Number(value.toPrecision(DIGITS));
  const plain = size === 0 || (Math.abs(rounded) >= SMALLEST_PLAIN && Math.abs(rounded) < LARGEST_PLAIN);
  if (plain) return String(rounded).replace("-", "−");
  const [digits = "", power = "0"] = value.toExponential(DIGITS - 1).split("e");
  const sign = power.startsWith("-") ? "−" : "+";
  const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
  return `${short.replace("-", "−")}e${sign}${power.slice(1).padStart(2, "0")}`;
}

export function isArray(entry: Entry): entry is ArrayEntry {
  return typeof entry === "object" && entry !== null;
}

/** A number as it is; an array as its norm. */
export function entryText(entry: Entry): string {
  return isArray(entry) ? `‖${numberText(entry.norm)}‖` : numberText(entry);
}

/** The same in at most three digits, for a label between two boxes. */
export function shortText(entry: Entry): string {
  const short = (value: number | null) => numberText(value === null ? null : Number(value.toPrecision(SHORT_DIGITS)));
  if (isArray(entry)) return `‖${short(entry.norm)}‖`;
  return typeof entry === "number" ? short(entry) : numberText(entry);
}

/** The numbers of a small array, row by row; empty for others. */
export function listText(entry: Entry): string {
  if (!isArray(entry) || !entry.value || entry.shape.length > 2) return "";
  const size = entry.shape.reduce((product, length) => product * length, 1);
  if (!size || size > MOST_LISTED) return "";
  const row = (numbers: unknown): string => (numbers as (number | null)[]).map(numberText).join("  ");
  return entry.shape.length === 2 ? `[${(entry.value as unknown[]).map(row).join("; ")}]` : `[${row(entry.value)}]`;
}

/** How much flows: the size of a number, the norm of an array; NaN where it is not finite. */
export function magnitude(entry: Entry): number {
  if (isArray(entry)) return entry.norm ?? Number.NaN;
  return entry === null ? Number.NaN : Math.abs(Number(entry));
}

/** −1, 0 or 1 for a number; 0 for an array, which has no one sign. */
export function signOf(entry: Entry): number {
  return isArray(entry) || entry === null ? 0 : Math.sign(Number(entry));
}

/** The operands of a node that are nodes, each with its place. */
export function operandsOf(node: DataNode): { node: number; place: number }[] {
  return node.operands.flatMap((operand, place) =>
    "node" in operand ? [{ node: operand.node, place }] : [],
  );
}

export function shapeText(shape: number[]): string {
  return shape.length ? `[${shape.join(",")}]` : "";
}
