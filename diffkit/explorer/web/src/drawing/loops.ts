// A loop is one node; its first steps are graphs of their own, each with its three sweeps.

import type { Data, DataEdge, DataNode, ReverseStep } from "./data";

/** One step of a loop, as `dk.explain` gives it: `step` counts from 0. */
export interface LoopStep {
  step: number;
  nodes: DataNode[];
  edges: DataEdge[];
  forward: number[];
  reverse: ReverseStep[];
}

/** The steps of the loop that a node is, as far as they can be opened. */
export function stepsOf(data: Data, node: number): LoopStep[] {
  return data.loops?.[String(node)] ?? [];
}

const NAMELESS = "step"; // the body of a loop that is a lambda, or was not written as a function

/** How often a loop runs, and what its body is called; empty if it has no name of its own. */
export function lengthOf(node: DataNode): number {
  return Number(node.parameters["length"]) || 0;
}
export function bodyOf(node: DataNode): string {
  const name = String(node.parameters["body"] ?? NAMELESS);
  return name === NAMELESS ? "" : name;
}

/** `h = 20 steps of cell`, or `h = loop of 20 steps`. */
export function loopTitle(node: DataNode): string {
  const length = lengthOf(node), body = bodyOf(node);
  return `${node.name} = ${body ? `${length} steps of ${body}` : `loop of ${length} steps`}`;
}

/** What is inside a closed loop, in few words: the operations of one step. */
export function contentOf(data: Data, node: DataNode): string {
  const [first] = stepsOf(data, node.id);
  if (!first) return "";
  const count = first.nodes.filter((inner) => inner.primitive !== "input").length;
  return `${count} op${count === 1 ? "" : "s"} each`;
}

/** One step of a loop as data that can be drawn. */
export function insideOf(data: Data, loop: DataNode, step: LoopStep): Data {
  const used = new Set(step.nodes.flatMap((node) =>
    node.operands.flatMap((operand) => ("node" in operand ? [operand.node] : []))));
  const inputs = step.nodes.filter((node) => node.primitive === "input");
  const outputs = step.nodes.filter((node) => node.primitive !== "input" && !used.has(node.id));
  return {
    schema: data.schema,
    function: `${bodyOf(loop) || loop.name}, step ${step.step + 1} of ${lengthOf(loop)}`,
    at: Object.fromEntries(inputs.map((node) => [node.name, node.primal])),
    gradient: Object.fromEntries(inputs.map((node) => [node.name, node.adjoint])),
    inputs: inputs.map((node) => node.id),
    outputs: outputs.map((node) => node.id),
    nodes: step.nodes, edges: step.edges, forward: step.forward, reverse: step.reverse,
  };
}
