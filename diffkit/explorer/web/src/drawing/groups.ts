// Large graphs in named groups: those that are given, layers that a probe closes, rounds of a loop,
// runs of one source line. A group is a contiguous stretch of the order of computation, so that the
// graph of groups has no cycle either.

import { operandsOf, type Data, type DataNode } from "./data";

export interface Group {
  key: string;
  name: string;
  /** Nodes and groups directly inside. */
  nodes: number[];
  groups: Group[];
}

export const MOST_NODES = 100;
const FEWEST_NODES = 20; // smaller graphs are read whole, also with named layers
const MOST_PARTS = 24;

/** All groups of a graph, the outermost first; a small graph has those that somebody named. */
export function groupsOf(data: Data): Group[] {
  if (data.groups?.length) {
    return data.groups.map((group, place) => leaf(`given${place}`, group.name, group.nodes));
  }
  const large = data.nodes.length > MOST_NODES;
  if (data.nodes.length < FEWEST_NODES) return [];
  const ids = new Set(data.inputs);
  const equations = data.nodes.filter((node) => !ids.has(node.id));
  const parts = byProbe(equations) ?? (large ? byLine(equations) : []);
  return gathered(withInputs(parts, data), "").filter((group) => sizeOf(group) > 1);
}

export function sizeOf(group: Group): number {
  return group.nodes.length + group.groups.reduce((sum, inner) => sum + sizeOf(inner), 0);
}

export function allNodes(group: Group): number[] {
  return [...group.nodes, ...group.groups.flatMap(allNodes)];
}

/** Groups, and all groups within them. */
export function everyGroup(groups: Group[]): Group[] {
  return groups.flatMap((group) => [group, ...everyGroup(group.groups)]);
}

function leaf(key: string, name: string, nodes: number[]): Group {
  return { key, name, nodes: [...nodes], groups: [] };
}

/** Layers: each probe closes the equations since the one before; null without probes. */
function byProbe(equations: DataNode[]): Group[] | null {
  if (!equations.some((node) => node.primitive === "probe")) return null;
  const found: Group[] = [];
  let open: number[] = [];
  for (const node of equations) {
    open.push(node.id);
    if (node.primitive === "probe") {
      found.push(leaf(`n${open[0]}`, String(node.parameters["name"] ?? node.name), open));
      open = [];
    }
  }
  if (open.length) found.push(leaf(`n${open[0]}`, "after the layers", open));
  return found.flatMap(halved);
}

/** Rounds of a loop where lines repeat, else runs of one line; long runs in equal parts. */
function byLine(equations: DataNode[]): Group[] {
  const runs: { line: number | null; at: string; nodes: DataNode[] }[] = [];
  for (const node of equations) {
    const last = runs.at(-1);
    const at = node.line?.at ?? "";
    if (last && last.at === at) last.nodes.push(node);
    else runs.push({ line: node.line?.number ?? null, at, nodes: [node] });
  }
  if (runs.length <= MOST_PARTS) {
    return runs.flatMap((run) => inParts(run.nodes, lineName([run.line])));
  }
  const rounds: (typeof runs)[] = [];
  for (const run of runs) {
    const before = rounds.at(-1)?.at(-1);
    const goesBack = !before || (run.line ?? 0) <= (before.line ?? 0);
    if (goesBack) rounds.push([run]);
    else rounds.at(-1)?.push(run);
  }
  return rounds.flatMap((round, place) => {
    const name = lineName(round.map((run) => run.line));
    return inParts(round.flatMap((run) => run.nodes), rounds.length > 1 ? `${name}, round ${place + 1}` : name);
  });
}

function lineName(lines: (number | null)[]): string {
  const known = lines.filter((line) => line !== null);
  if (!known.length) return "operations";
  const low = Math.min(...known), high = Math.max(...known);
  return low === high ? `line ${low}` : `lines ${low}–${high}`;
}

/** A long stretch in equal parts, each a whole number of its repeating pattern. */
function inParts(nodes: DataNode[], name: string): Group[] {
  const ids = nodes.map((node) => node.id);
  if (nodes.length <= MOST_NODES / 2) return [leaf(`n${ids[0]}`, name, ids)];
  const period = periodOf(nodes.map((node) => node.primitive));
  const rounds = Math.ceil(nodes.length / period);
  const parts = Math.ceil(Math.sqrt(rounds));
  const each = Math.ceil(rounds / parts);
  const found: Group[] = [];
  for (let first = 0; first < rounds; first += each) {
    const inside = ids.slice(first * period, (first + each) * period);
    const last = Math.min(first + each, rounds);
    const unit = period > 1 ? "rounds" : "steps";
    found.push(leaf(`n${inside[0]}`, `${name}, ${unit} ${first + 1}–${last}`, inside));
  }
  return found;
}

/** The shortest pattern that repeats from the beginning to the end. */
function periodOf(words: string[]): number {
  const longest = Math.min(MOST_PARTS, Math.floor(words.length / 3));
  for (let period = 1; period <= longest; period += 1) {
    if (words.every((word, place) => place < period || word === words[place - period])) return period;
  }
  return 1;
}

function halved(group: Group): Group[] {
  if (group.nodes.length <= MOST_NODES) return [group];
  const count = Math.ceil(group.nodes.length / (MOST_NODES / 2));
  const each = Math.ceil(group.nodes.length / count);
  return Array.from({ length: count }, (_, part) => {
    const inside = group.nodes.slice(part * each, (part + 1) * each);
    return leaf(`n${inside[0]}`, `${group.name}, part ${part + 1}`, inside);
  });
}

/** Inputs that one group alone uses, such as the weights of a layer, stand in that group. */
function withInputs(groups: Group[], data: Data): Group[] {
  const home = new Map(groups.flatMap((group) => group.nodes.map((id) => [id, group] as const)));
  const users = new Map<number, Set<Group | undefined>>();
  for (const node of data.nodes) {
    for (const operand of operandsOf(node)) {
      const seen = users.get(operand.node) ?? new Set();
      users.set(operand.node, seen.add(home.get(node.id)));
    }
  }
  for (const input of [...data.inputs].reverse()) {
    const [only, ...others] = users.get(input) ?? [];
    if (only && !others.length && data.inputs.length > 2) only.nodes.unshift(input);
  }
  return groups;
}

/** Many groups in groups of groups. */
function gathered(groups: Group[], prefix: string): Group[] {
  if (groups.length <= MOST_PARTS) return groups;
  const each = Math.ceil(Math.sqrt(groups.length));
  const found: Group[] = [];
  for (let first = 0; first < groups.length; first += each) {
    const inside = groups.slice(first, first + each);
    const name = `${inside[0]?.name} … ${inside.at(-1)?.name}`;
    found.push({ key: `g${prefix}${first}`, name, nodes: [], groups: inside });
  }
  return found;
}
