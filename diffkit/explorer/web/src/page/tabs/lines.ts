// Error by line: which operation loses the digits, how many, and what to write instead.

import { button, html } from "../../drawing/dom";
import { pointOf } from "../code";
import type { Context, Snapshot, Tab, Table, View } from "../contract";
import { short } from "../numbers";
import { Bars, type Bar } from "./bars";
import { Question, saying } from "./asking";
import { endOfCall, pieces, placed, type Span } from "./lines_text";

type Digits = Record<"value" | "gradient", number | null>;

export interface Finding {
  kind: string;
  severity: "wrong" | "careful" | "note";
  line: string;
  message: string;
  digits_lost: number | null;
  remedy: string | null;
  digits: { before: Digits; after: Digits } | null;
  start?: number | null;
  end?: number | null;
}

interface Line {
  line: string;
  start?: number | null;
  end?: number | null;
  operation: string;
  text: string;
  digits_lost: number | null;
  value_lost?: number | null;
}

export interface Diagnosis {
  ok: boolean;
  findings: Finding[];
  lines: Line[];
  digits: Digits;
  value: number | null;
}

const MOST = 16;
const FEWEST = 0.05; // digits of which a bar is worth its row
const ROWS = 8;
const MARKS = { wrong: "✗", careful: "!", note: "·" };

class LinesView implements View {
  readonly #title = html("p", { class: "finding" }, "Looking at every operation …");
  readonly #text = html("p", { class: "typed-text" });
  readonly #bars: Bars;
  readonly #barsHost = html("div", { class: "tab-picture", hidden: true });
  readonly #findings = html("ol", { class: "findings" });
  readonly #note = html("p", { class: "note" });
  readonly #say: (text: string) => void;
  readonly #question: Question<Diagnosis>;
  #found: Diagnosis | null = null;
  #now: Snapshot | null = null;
  /** The text that the answer is about: the page may already be further. */
  #about = "";

  constructor(host: HTMLElement, private readonly context: Context) {
    host.classList.add("tab-lines");
    host.append(this.#title, this.#text, this.#barsHost, this.#findings, this.#note);
    this.#bars = new Bars(this.#barsHost, {
      scale: "linear", range: [0, MOST], unit: "decimal digits lost, of 16", ticks: () => [0, 4, 8, 12, 16],
    });
    this.#say = saying(context);
    this.#question = new Question(context, host, "/api/diagnose", (found) => this.#show(found));
  }

  update(now: Snapshot): void {
    this.#now = now;
    this.#question.ask({ text: now.text, at: now.at });
  }

  hide(): void {
    this.#question.forget();
  }

  picture(): SVGSVGElement | null {
    return this.#barsHost.hidden ? null : this.#bars.element;
  }

  table(): Table | null {
    const found = this.#found;
    if (!found) return null;
    return {
      name: "error-by-line",
      columns: ["text", "operation", "digits lost of the derivative", "digits lost of the value"],
      rows: found.lines.map((line) => [line.text, line.operation, line.digits_lost, line.value_lost ?? null]),
    };
  }

  code(): string | null {
    const now = this.#now;
    if (!now) return null;
    return `print(dk.diagnose(f, ${pointOf(now)}).table())  # each finding with its place, its loss and its remedy`;
  }

  #show(found: Diagnosis): void {
    const first = this.#found === null;
    this.#found = found;
    this.#about = this.#now?.text ?? "";
    const said = summary(this.#about, found);
    this.#title.textContent = said;
    this.#mark(null);
    const rows = found.lines.filter((line) => lossOf(line) >= FEWEST).slice(0, ROWS);
    this.#barsHost.hidden = rows.length === 0;
    if (rows.length) this.#bars.show(rows.map((line, rank) => barOf(this.#about, line, rank)), said);
    this.#findings.replaceChildren(...found.findings.map((finding, place) => this.#told(finding, place)));
    this.#note.textContent = noteOf(found);
    if (!first) this.#say(said);
  }

  #mark(lit: Span | null): void {
    const { lines, findings } = this.#found ?? { lines: [], findings: [] };
    const spans = [...lines.flatMap((line) => spanOf(this.#about, line) ?? []), ...findings.flatMap((finding) => placeOf(this.#about, finding) ?? [])];
    this.#text.replaceChildren(...pieces(this.#about, spans, lit));
  }

  #told(finding: Finding, place: number): HTMLElement {
    const span = placeOf(this.#about, finding);
    const part = span ? this.#about.slice(span.start, span.end) : "";
    const item = html("li", { class: `told-${finding.severity}`, "data-place": place },
      html("p", { class: "kind" }, html("span", { class: "sign", "aria-hidden": "true" }, MARKS[finding.severity]), html("b", {}, KINDS[finding.kind] ?? finding.kind), part ? html("code", {}, part) : ""),
      html("p", {}, stopped(begun(finding.message))), ...this.#remedy(finding));
    item.addEventListener("pointerenter", () => this.#mark(span));
    item.addEventListener("pointerleave", () => this.#mark(null));
    item.addEventListener("focusin", () => this.#mark(span));
    item.addEventListener("focusout", () => this.#mark(null));
    return item;
  }

  #remedy({ remedy, digits }: Finding): HTMLElement[] {
    if (!remedy) return [];
    const copy = button("Copy", `Copy the remedy: ${remedy}`, () => {
      void navigator.clipboard.writeText(remedy).then(() => this.context.announce("copied"));
    }, "button small-button");
    const gained = digits ? ` Tried: ${gain(digits)}.` : "";
    return [html("p", { class: "remedy" }, "Write ", html("code", {}, remedy), " instead.", html("span", {}, gained), copy)];
  }
}

const digitsText = (digits: number | null): string => (digits === null ? "no" : digits.toFixed(1).replace(/\.0$/, ""));

/** What a remedy brings, where it brings most. */
function gain({ before, after }: NonNullable<Finding["digits"]>): string {
  const gained = (key: keyof Digits): number => (after[key] ?? 0) - (before[key] ?? 0);
  const [key, name] = gained("gradient") >= gained("value") ? (["gradient", "derivative"] as const) : (["value", "value"] as const);
  return `the ${name} has ${digitsText(before[key])} right digits now, ${digitsText(after[key])} then`;
}

const stopped = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

// Operations that a reader knows by a sign.
const WORDS: Record<string, string> = { add: "The sum", sub: "The difference", mul: "The product", div: "The quotient" };

/** A message as a sentence's beginning; a name of a function keeps its letters. */
function begun(message: string): string {
  const word = /^\w+/.exec(message)?.[0] ?? "";
  if (WORDS[word]) return message.replace(word, WORDS[word]);
  return /^\w+(\(| is| =)/.test(message) ? message : message.replace(/^./, (first) => first.toUpperCase());
}

/** The characters of a finding: of the function itself where it names one. */
function placeOf(text: string, finding: Finding): Span | null {
  const { start, end, message, line } = finding, lost = finding.kind.includes("kink") ? 1 : finding.digits_lost ?? MOST;
  if (typeof start !== "number" || typeof end !== "number") return spanned(placed(text, line), lost);
  const call = endOfCall(text, start), word = /^\w+/.exec(message)?.[0] ?? "";
  return { start, end: call !== null && text.slice(start).startsWith(word) ? call : end, lost };
}

function spanOf(text: string, line: Line): Span | null {
  const { start, end } = line;
  return spanned(typeof start === "number" && typeof end === "number" ? { start, end } : placed(text, line.line), lossOf(line));
}

const spanned = (place: { start: number; end: number } | null, lost: number): Span | null => place && { ...place, lost };

/** What an operation costs, value or derivative. */
const lossOf = (line: Line): number => Math.min(Math.max(line.digits_lost ?? MOST, line.value_lost ?? 0), MOST);

function nameOf(text: string, line: Line): string {
  if (line.text) return clipped(line.text);
  const place = placed(text, line.line);
  return place ? `${clipped(text.slice(place.start, place.end))}, backwards` : line.operation;
}

function barOf(text: string, line: Line, rank: number): Bar {
  const gradient = line.digits_lost ?? MOST, value = line.value_lost ?? 0, lost = lossOf(line);
  const of = (digits: number, what: string): string[] => (digits >= FEWEST ? [`${digits.toFixed(1)} of ${what}`] : []);
  const words = [...of(gradient, "∂f"), ...of(value, "f")];
  return { name: nameOf(text, line), value: lost, text: words.join(", "), class: rank === 0 && lost >= 1 ? "lost worst" : "lost" };
}

const LONGEST = 28;
const clipped = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

function summary(text: string, { findings, lines, digits }: Diagnosis): string {
  const worst = lines[0], lost = worst ? lossOf(worst) : 0;
  if (worst && lost >= 1) {
    const what = (worst.digits_lost ?? MOST) >= (worst.value_lost ?? 0) ? (["derivative", "gradient"] as const) : (["value", "value"] as const);
    const left = digits[what[1]];
    return `${nameOf(text, worst)} loses ${lost.toFixed(1)} of 16 digits of the ${what[0]}${left === null ? "" : `; ${left < FEWEST ? "none" : digitsText(left)} are left`}.`;
  }
  if (findings.some(({ kind }) => kind === "kink")) return "No derivative here: the point is exactly on a kink. Move it to either side.";
  const first = findings[0];
  if (first) return stopped(`${KINDS[first.kind] ?? first.kind.replace(/^./, (letter) => letter.toUpperCase())}: ${first.message}`);
  return "Every operation keeps its digits here.";
}

const KINDS: Record<string, string> = { nan: "NaN" };

function noteOf({ digits, findings, value }: Diagnosis): string {
  const left = `Predicted right digits: value ${digitsText(digits.value)}, derivative ${digitsText(digits.gradient)}.`;
  if (value === null) return "The value is not finite here, so no digits can be counted.";
  return findings.length ? left : `${left} Move the point, or try (1 - cos(x))/x**2 near 0, to see an operation that cancels. f is ${short(value)} here.`;
}

export const lines: Tab = {
  id: "lines",
  title: "Error by line",
  mount: (host, context) => new LinesView(host, context),
};
