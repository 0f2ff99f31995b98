// Numbers as people read them, and which of their digits are right.

const FULL = 17; // significant digits that tell any two doubles apart
const SHORT = 7;
export const ALL_DIGITS = 15.95; // −log₁₀ 2⁻⁵³: what a double can hold

/** A number in few digits, with a real minus: for reading, not for computing. */
export function short(value: number | null | undefined, digits = SHORT): string {
  if (value === null || value === undefined) return "undefined";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e7 || size < 1e-4) ? value.toExponential(digits - 1) : value.toPrecision(digits);
  return neat(text.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, ""));
}

const neat = (text: string): string => text.replaceAll("-", "−").replace("e+", "e");

const PREFIXES: [number, string][] = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];

export function seconds(time: number | null | undefined): string {
  if (time === null || time === undefined || !Number.isFinite(time)) return "–";
  const [unit, name] = PREFIXES.find(([unit]) => time >= unit) ?? [1e-9, "ns"];
  return `${Number((time / unit).toPrecision(3))} ${name}`;
}

/** Correct significant digits, from 0 to what a double can hold; null where that has no sense. */
export function correctDigits(value: number | null | undefined, truth: number | null | undefined): number | null {
  if (typeof value !== "number" || typeof truth !== "number" || !Number.isFinite(truth)) return null;
  if (!Number.isFinite(value)) return 0;
  if (value === truth) return ALL_DIGITS;
  const error = Math.abs(value - truth) / Math.max(Math.abs(truth), Number.MIN_VALUE);
  return Math.min(Math.max(-Math.log10(error), 0), ALL_DIGITS);
}

/** A number in full, cut where its digits begin to differ from the truth's. */
export function split(value: number, truth: number | null): { right: string; wrong: string } {
  const text = full(value);
  if (truth === null || !Number.isFinite(truth) || value === truth) return { right: text, wrong: "" };
  const same = agreeing(value, truth);
  if (same === 0) return { right: "", wrong: text };
  let seen = 0, cut = 0, started = false;
  for (const sign of text.replace(/e.*$/, "")) {
    if (/[1-9]/.test(sign)) started = true;
    if (started && /\d/.test(sign)) seen += 1;
    if (seen > same) break;
    cut += 1;
  }
  const tail = text.match(/e.*$/)?.[0] ?? "";
  const wrong = text.slice(cut, text.length - tail.length);
  return { right: text.slice(0, cut) + (wrong ? "" : tail), wrong: wrong ? wrong + tail : "" };
}

/** The shortest text that reads back as the same number. */
export function full(value: number): string {
  if (!Number.isFinite(value)) return short(value);
  const size = Math.abs(value);
  return neat(size !== 0 && (size >= 1e10 || size < 1e-3) ? value.toExponential() : String(value));
}

/** How many leading digits are right: the error is under half a unit of the last of them. */
function agreeing(value: number, truth: number): number {
  const error = Math.abs(value - truth), size = Math.floor(Math.log10(Math.abs(truth) || 1));
  for (let digits = FULL; digits > 0; digits -= 1) {
    if (error <= 0.5 * 10 ** (size - digits + 1)) return digits;
  }
  return 0;
}

/** The lowered digits of a name: x1 as x₁, as SymPy's LaTeX has it. */
export function named(name: string): string {
  return name.replace(/_?(\d+)$/, (_, digits: string) => [...digits].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join(""));
}
