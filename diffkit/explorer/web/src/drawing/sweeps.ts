// The three sweeps as lists of steps, and what is known after each of them.

import type { Data, DataNode, Entry, Line } from "./data";

export type Sweep = "primal" | "tangent" | "adjoint";
export const SWEEPS: readonly Sweep[] = ["primal", "tangent", "adjoint"];

export interface Step {
  /** The node that gets a number. */
  node: number;
  /** The equation at work: the node itself, or the one that sends back. */
  equation: number;
  /** The edges at work, as places in `data.edges` (adjoint) or none. */
  edge: number | null;
  value: Entry;
  formula: string;
  arithmetic: string;
  entry: string;
  note: string;
  line: Line | null;
}

export class Sweeps {
  readonly nodes: Map<number, DataNode>;
  readonly steps: Record<Sweep, Step[]>;
  /** For each node its steps in each sweep, in order. */
  readonly #visits: Record<Sweep, Map<number, number[]>>;
  readonly #edgeSteps: Map<number, number>;

  constructor(readonly data: Data) {
    this.nodes = new Map(data.nodes.map((node) => [node.id, node]));
    this.steps = {
      primal: data.forward.flatMap((id) => this.#ahead(id, "primal")),
      tangent: data.forward.flatMap((id) => this.#ahead(id, "tangent")),
      adjoint: data.reverse.map((step) => ({
        node: step.node,
        equation: step.equation ?? step.node,
        edge: step.edge,
        value: step.total,
        formula: step.formula,
        arithmetic: step.arithmetic,
        entry: step.entry ?? "",
        note: step.note,
        line: this.nodes.get(step.equation ?? step.node)?.line ?? null,
      })),
    };
    this.#visits = { primal: new Map(), tangent: new Map(), adjoint: new Map() };
    for (const sweep of SWEEPS) {
      this.steps[sweep].forEach((step, place) => {
        const seen = this.#visits[sweep].get(step.node);
        if (seen) seen.push(place);
        else this.#visits[sweep].set(step.node, [place]);
      });
    }
    this.#edgeSteps = new Map();
    data.reverse.forEach((step, place) => {
      if (step.edge !== null) this.#edgeSteps.set(step.edge, place);
    });
  }

  #ahead(id: number, sweep: "primal" | "tangent"): Step[] {
    const node = this.nodes.get(id);
    const formula = node?.formula[sweep];
    if (!node || formula === undefined) return [];
    const { arithmetic, entry, line, note } = node;
    return [{ node: id, equation: id, edge: null, value: node[sweep], formula, line, note,
      arithmetic: arithmetic[sweep] ?? "", entry: entry[sweep] ?? "" }];
  }

  /** The number a node has after step `place`; undefined if it has none yet. */
  known(sweep: Sweep, node: number, place: number): Entry | undefined {
    const visits = this.#visits[sweep].get(node);
    const last = visits?.findLast((visit) => visit <= place);
    return last === undefined ? undefined : this.steps[sweep][last]?.value;
  }

  /** The steps in which a node gets a number. */
  visits(sweep: Sweep, node: number): readonly number[] {
    return this.#visits[sweep].get(node) ?? [];
  }

  /** Whether an amount has flowed back along an edge by step `place` of the adjoint sweep. */
  flowed(edge: number, place: number): boolean {
    const step = this.#edgeSteps.get(edge);
    return step !== undefined && step <= place;
  }
}
