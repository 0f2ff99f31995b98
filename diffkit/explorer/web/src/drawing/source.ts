// Which part of the user's text an operation is: its line in a file, or its characters in a typed
// expression (the operation is known by its first character and its kind).

import type { Data, DataNode } from "./data";

export interface Listing {
  lines: { text: string; number: number | null; at: string }[];
  /** For each node the line and, in typed text, the characters. */
  places: Map<number, { line: number; from?: number; to?: number }>;
}

const CHARACTER = /^character (\d+)$/;

export function listingOf(data: Data): Listing {
  const typed = data.nodes.some((node) => node.line && CHARACTER.test(node.line.at));
  return typed ? typedListing(data) : fileListing(data);
}

function fileListing(data: Data): Listing {
  const found = new Map<string, Listing["lines"][number]>();
  for (const node of data.nodes) {
    if (node.line && !found.has(node.line.at)) {
      found.set(node.line.at, { text: node.line.text, number: node.line.number, at: node.line.at });
    }
  }
  const file = (at: string) => at.replace(/:\d+$/, "");
  const given = data.source?.map((text, place) => ({ text, number: place + 1, at: `line ${place + 1}` }));
  const lines = given ?? [...found.values()].sort((a, b) =>
    file(a.at) === file(b.at) ? (a.number ?? 0) - (b.number ?? 0) : 0);
  const places: Listing["places"] = new Map();
  for (const node of data.nodes) {
    const here = node.line;
    if (!here) continue;
    const line = lines.findIndex((line) => (given ? line.number === here.number : line.at === here.at));
    if (line >= 0) places.set(node.id, { line });
  }
  return { lines, places };
}

function typedListing(data: Data): Listing {
  const text = data.source?.join(" ") ?? data.function;
  const spans = spansOf(text);
  const taken = new Set<Span>();
  const places: Listing["places"] = new Map();
  for (const node of data.nodes) {
    const from = Number(node.line?.at.match(CHARACTER)?.[1] ?? 0) - 1;
    if (from < 0) continue;
    const fits = spans.filter((span) => span.from === from && !taken.has(span) && isKind(span.kind, node));
    const span = fits[0] ?? spans.find((other) => other.from === from);
    if (span) taken.add(span);
    places.set(node.id, { line: 0, from, to: span?.to ?? from + 1 });
  }
  return { lines: [{ text, number: null, at: "" }], places };
}

interface Span {
  from: number;
  to: number;
  kind: string;
}

const KINDS: Record<string, string> = {
  add: "+", sub: "-", mul: "*", div: "/", pow: "**", square: "**", neg: "u-", sqrt: "call",
};

function isKind(kind: string, node: DataNode): boolean {
  return (KINDS[node.primitive] ?? "call") === kind;
}

const TOKENS = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|(\*\*|\^|[-+*/(),]|.))/gyu;
const BINDS: Record<string, number> = { "+": 1, "-": 1, "*": 2, "/": 2, "**": 4, "^": 4 };
const SIGN_BINDS = 3;

/** Every operation of an expression with its first and last character, the inner ones first. */
export function spansOf(text: string): Span[] {
  const tokens = [...text.matchAll(TOKENS)].map((match) => {
    const word = match[1] ?? match[2] ?? match[3] ?? "";
    const from = (match.index ?? 0) + match[0].length - word.length;
    return { word, from, to: from + word.length, name: match[2] !== undefined };
  });
  const spans: Span[] = [];
  let place = 0;
  const peek = () => tokens[place]?.word ?? "";
  const end = () => tokens[Math.max(place - 1, 0)]?.to ?? 0;
  const start = () => tokens[place]?.from ?? text.length;

  const list = (): void => {
    place += 1;
    while (place < tokens.length && peek() !== ")") {
      expression(0);
      if (peek() !== ")") place += 1;
    }
    place += 1;
  };
  const atom = (): number => {
    const from = start();
    if (peek() === "-" || peek() === "+") {
      const kind = `u${peek()}`;
      place += 1;
      expression(SIGN_BINDS);
      spans.push({ from, to: end(), kind });
    } else if (peek() === "(") {
      list();
    } else {
      const call = tokens[place]?.name && tokens[place + 1]?.word === "(";
      place += 1;
      if (call) {
        list();
        spans.push({ from, to: end(), kind: "call" });
      }
    }
    return from;
  };
  const expression = (least: number): void => {
    // An operation begins where its first operand does, bracket included, as in Python's ast.
    const from = atom();
    for (let binds = BINDS[peek()] ?? 0; binds > least; binds = BINDS[peek()] ?? 0) {
      const kind = peek() === "^" ? "**" : peek();
      place += 1;
      expression(kind === "**" ? binds - 1 : binds);
      spans.push({ from, to: end(), kind });
    }
  };
  while (place < tokens.length) {
    expression(0);
    if (place < tokens.length) place += 1;
  }
  return spans;
}
