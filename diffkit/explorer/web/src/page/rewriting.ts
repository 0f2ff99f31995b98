// What is pasted from other notations, as an expression of the parser's: x^2 as x**2, 2x as 2*x,
// \frac{a}{b} as ((a)/(b)). These are guesses: one is offered only when the server can read it.

const FUNCTIONS = "sin|cos|tan|exp|log|ln|sqrt|abs|sinh|cosh|tanh|arcsin|arccos|arctan";
const CAPITALS = new RegExp(`(?<!\\w)(?:${FUNCTIONS})(?=\\s*\\()`, "gi"); // Sin(x), EXP(x)
const MOST = 400; // characters of a text that is looked at

const REWRITES: readonly (readonly [RegExp, string])[] = [
  [/^\s*(?:\$+|\\\(|\\\[)|(?:\$+|\\\)|\\\]|;)\s*$/g, ""],
  [/^\s*\p{L}\w*\s*(?:\([^()]*\))?\s*=(?!=)/u, ""], // y = …, f(x) = …
  [/\s+d\p{L}\s*$/u, ""], // under an integral
  [/\\(?:left|right|,|;|!)/g, ""],
  [/\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, "(($1)/($2))"],
  [/\\(?:cdot|times)(?!\p{L})/gu, "*"],
  [/\\(?=\p{L})/gu, ""],
  [/\{/g, "("],
  [/\}/g, ")"],
  [/(?<!\w)(?:np|numpy|math|sp|sympy|jnp|torch)\./g, ""],
  [/√\s*(?=\()/g, "sqrt"],
  [/√\s*([\p{L}\d_.]+)/gu, "sqrt($1)"],
  [/\|([^|]+)\|/g, "abs($1)"],
  [/½/g, "(1/2)"],
  [/∞/g, "inf"],
  [/\^/g, "**"],
  [new RegExp(`(?<!\\w)(${FUNCTIONS})\\s*(?:\\*\\*\\s*2|²)\\s*\\(([^()]*)\\)`, "g"), "$1($2)**2"],
  [new RegExp(`(?<!\\w)(${FUNCTIONS})\\s+([\\p{L}\\d_.]+)`, "gu"), "$1($2)"],
  [/(?<![\p{L}\d_.])(\d+(?:\.\d+)?)\s*(?![eE][+-]?\d|[jJ](?!\w))(?=[\p{L}(])/gu, "$1*"],
  [/\)\s*(?=[\p{L}\d(])/gu, ")*"],
  [/(?<![\p{L}\d_])(\p{L})\s*(?=\()/gu, "$1*"],
  [/([\p{L}\d_])\s+(?=[\p{L}\d_(])/gu, "$1*"],
];

/** The text with its open brackets closed. */
function closed(text: string): string {
  let open = 0;
  for (const sign of text) open = Math.max(open + (sign === "(" ? 1 : sign === ")" ? -1 : 0), 0);
  return text + ")".repeat(open);
}

/** What may have been meant by a text that cannot be read; null without a guess. */
export function rewritten(text: string, hint: string | null): string | null {
  if (text.length > MOST || /\b(?:if|else|and|or|not|lambda)\b/.test(text)) return null;
  const meant = hint?.match(/did you mean (\w+)\?/i)?.[1];
  let found = text.replace(CAPITALS, (name) => name.toLowerCase());
  if (meant) found = found.replace(new RegExp(`(?<!\\w)${meant}(?!\\w)`, "gi"), meant);
  for (const [from, to] of REWRITES) found = found.replace(from, to);
  found = closed(found.trim());
  return found && found !== text.trim() ? found : null;
}
