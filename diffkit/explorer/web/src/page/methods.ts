// A row per method: its number with the wrong digits marked, how many are right, and what it cost.

import { html, svg } from "../drawing/dom";
import type { Table } from "./contract";
import { ALL_DIGITS, correctDigits, named, seconds, short, split } from "./numbers";
import type { Mark, Method } from "./marks";

export interface MethodResult {
  value?: number | null;
  derivative?: Record<string, number | null>;
  max_ulp?: number | null;
  rel_error?: number | null;
  operations?: number | null;
  evaluations?: number | null;
  time?: number | null;
  time_over_f?: number | null;
  memory?: number | null;
  note?: string | null;
  refused?: string;
  /** These are numbers of the point before: the method has not answered for this one. */
  late?: boolean;
}

export interface Comparison {
  function: string;
  at: Record<string, number>;
  truth: { value: number | null; derivative: Record<string, number | null>; how?: string; note?: string } | null;
  methods: Partial<Record<Method, MethodResult>>;
}

const METHODS: { id: Method; name: string; mark: Mark; path: string; tells: string }[] = [
  { id: "symbolic", name: "symbolic", mark: "circle", path: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", tells: "SymPy's formula, evaluated" },
  { id: "forward", name: "forward mode", mark: "square", path: "M-4.5-4.5h9v9h-9z", tells: "autodiff with tangents, a sweep for each variable" },
  { id: "reverse", name: "reverse mode", mark: "diamond", path: "M0-6L6 0L0 6L-6 0z", tells: "autodiff with adjoints, one sweep for all variables" },
  { id: "complex", name: "complex step", mark: "up", path: "M0-5.6L5.2 4H-5.2z", tells: "Im f(x + ih)/h with h = 10⁻¹⁰⁰" },
  { id: "finite", name: "finite differences", mark: "down", path: "M0 5.6L5.2-4H-5.2z", tells: "central differences with a chosen step" },
];

const NOTHING: Comparison = { function: "", at: {}, truth: null, methods: {} };

const cell = (className: string, ...children: (Node | string)[]): HTMLElement => html("div", { class: className, role: "cell" }, ...children);

export class Methods {
  readonly #rows: HTMLElement;
  readonly #truth: HTMLElement;
  readonly #pick: HTMLElement;
  #known: Comparison | null = null;
  #early: Comparison | null = null; // the symbolic method's answer, when it came before the others'
  #active = "";

  constructor(host: HTMLElement, private readonly choose: (name: string) => void) {
    this.#truth = html("p", { class: "truth" });
    this.#pick = html("div", { class: "picks", role: "group", "aria-label": "Derivative with respect to" });
    const head = html("div", { class: "row head", role: "row" }, ...["method", "derivative", "correct digits", "operations", "evaluations", "time"].map((word, place) =>
      html("div", { role: "columnheader", class: ["name", "digits", "bar", "count", "count", "count"][place] ?? "" }, word)));
    this.#rows = html("div", { role: "rowgroup", class: "rows" });
    host.append(html("div", { class: "methods-top" }, this.#pick, this.#truth), html("div", { class: "methods", role: "table", "aria-label": "Methods compared" }, html("div", { role: "rowgroup" }, head), this.#rows));
    this.#rows.append(...METHODS.map((method) => this.#row(method, NOTHING, null))); // so that nothing moves when the numbers come
  }

  get known(): Comparison | null {
    return this.#known;
  }

  /** New numbers; what they lack (a time that was not measured anew, the formula) is kept if the text is the same. */
  show(found: Comparison, active: string): void {
    const before = this.#known?.function === found.function ? this.#known : null;
    const methods = { ...found.methods };
    for (const { id } of METHODS) {
      const old = before?.methods[id], now = methods[id];
      if (now && old && (now.time ?? null) === null) {
        methods[id] = { ...now, time: old.time ?? null, time_over_f: old.time_over_f ?? null };
      }
    }
    if (before?.methods.symbolic && !methods.symbolic) {
      methods.symbolic = samePoint(before.at, found.at) ? before.methods.symbolic : { ...before.methods.symbolic, late: true };
    }
    if (this.#early && about(this.#early, found)) Object.assign(methods, this.#early.methods);
    this.#known = { ...found, truth: found.truth ?? null, methods };
    this.#active = active;
    this.#draw();
  }

  /** The symbolic method answers later than the others. */
  add(found: Comparison): void {
    const known = this.#known;
    if (!known || !about(known, found)) {
      this.#early = found;
      return;
    }
    this.#known = { ...known, truth: known.truth ?? found.truth, methods: { ...known.methods, ...found.methods } };
    this.#draw();
  }

  choosing(active: string): void {
    this.#active = active;
    if (this.#known) this.#draw();
  }

  table(): Table | null {
    const known = this.#known;
    if (!known) return null;
    const names = Object.keys(known.at);
    const rows = METHODS.flatMap(({ id }) => {
      const one = known.methods[id];
      return one ? [[id, one.value ?? null, ...names.map((name) => one.derivative?.[name] ?? null), one.max_ulp ?? null, one.rel_error ?? null, one.operations ?? null, one.evaluations ?? null, one.time ?? null, one.refused ?? one.note ?? null]] : [];
    });
    const truth = known.truth ? [["truth", known.truth.value, ...names.map((name) => known.truth?.derivative[name] ?? null), 0, 0, null, null, null, known.truth.how ?? null]] : [];
    return { name: "methods", columns: ["method", "value", ...names.map((name) => `d/d${name}`), "max_ulp", "rel_error", "operations", "evaluations", "seconds", "note"], rows: [...rows, ...truth] };
  }

  #draw(): void {
    const known = this.#known;
    if (!known) return;
    const names = Object.keys(known.at), truth = known.truth?.derivative[this.#active] ?? null;
    if (this.#pick.dataset["names"] !== names.join()) {
      this.#pick.dataset["names"] = names.join();
      this.#pick.replaceChildren(...names.map((name) => {
        const one = html("button", { type: "button", class: "pick", "data-name": name }, `∂f/∂${named(name)}`);
        one.addEventListener("click", () => this.choose(name));
        return one;
      }));
    }
    for (const one of this.#pick.querySelectorAll<HTMLElement>("button")) one.setAttribute("aria-pressed", String(one.dataset["name"] === this.#active));
    const answered = known.methods.reverse ?? known.methods.forward, value = answered ? answered.value : known.truth?.value;
    const kink = KINK.test(known.methods.reverse?.note ?? ""), lost = value === null, said = truth === null || kink || lost ? "none here" : split(truth, truth).right;
    this.#truth.replaceChildren(html("span", {}, "f = ", html("b", { class: "mono" }, lost ? "NaN or ∞" : short(value, 10))), known.truth
      ? html("span", {}, "truth ", html("b", { class: "mono" }, said), lost ? ": f has no value" : kink ? ": a kink" : "")
      : "no truth here: the digits cannot be judged");
    const late = known.truth?.how === "none" ? known.truth.note?.split(";")[0] : undefined;  // more than its seconds
    if (late) this.#truth.lastElementChild?.replaceChildren(late);
    this.#truth.title = known.truth?.how ?? "";
    this.#rows.replaceChildren(...METHODS.map((method) => this.#row(method, known, truth)));
  }

  #row({ id, name, path, tells }: (typeof METHODS)[number], known: Comparison, truth: number | null): HTMLElement {
    const found = known.methods[id], mark = svg("svg", { class: "mark", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, svg("path", { d: path }));
    const label = html("div", { class: "name", role: "rowheader", title: tells }, mark, name);
    const row = (...cells: HTMLElement[]): HTMLElement => html("div", { class: `row method-${id}`, role: "row", "data-method": id, "data-late": found?.late ?? null }, label, ...cells);
    if (!found) return row(cell("digits waiting", id === "symbolic" ? "the formula follows …" : "…"), cell("bar"), cell("count"), cell("count"), cell("count"));
    if (found.refused) return row(html("div", { class: "digits refused", role: "cell", "aria-colspan": 5 }, found.refused));
    const value = found.derivative?.[this.#active] ?? null;
    const undefinedHere = KINK.test(found.note ?? "");
    const digits = value === null ? cell("digits bad", "NaN or ∞") : digitsOf(value, undefinedHere ? null : truth);
    const right = undefinedHere ? null : value === null ? 0 : correctDigits(value, truth);
    const note = remark(found.note ?? null);
    if (note) digits.append(html("small", { class: "note" }, note));
    const count = (number: number | null | undefined, unit: string): HTMLElement => cell("count", number === null || number === undefined ? "–" : number.toLocaleString("en").replaceAll(",", " "), html("small", {}, ` ${unit}`));
    const time = cell("count time", seconds(found.time));
    if (found.time_over_f) time.title = `${Number(found.time_over_f.toPrecision(2))} times as long as f alone`;
    return row(digits, barOf(right, undefinedHere), count(found.operations, "operations"), count(found.evaluations, "evaluations"), time);
  }
}

function digitsOf(value: number, truth: number | null): HTMLElement {
  const { right, wrong } = split(value, truth);
  const said = html("span", { class: "mono" }, right);
  if (wrong) said.append(html("span", { class: "wrong" }, wrong));
  const spoken = wrong ? html("span", { class: "unseen" }, `, wrong from ${wrong}`) : "";
  return cell("digits", said, spoken);
}

function barOf(right: number | null, kink: boolean): HTMLElement {
  if (right === null) return cell("bar", html("span", { class: "note" }, kink ? "no derivative" : "–"));
  const bar = svg("svg", { class: "meter", viewBox: "0 0 16 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "ground", width: 16, height: 1 }), svg("rect", { class: "fill", width: (right / ALL_DIGITS) * 16, height: 1 }));
  const text = right >= ALL_DIGITS - 0.5 ? "all" : short(Math.floor(right * 10) / 10, 3);
  return cell("bar", bar, html("span", { class: "amount" }, text, html("span", { class: "unseen" }, " correct digits")));
}

/** What a note says beyond "null stands for NaN", in one line. */
function remark(note: string | null): string {
  if (!note) return "";
  const parts = note.split("; ").filter((part) => !/^null stands for/.test(part));
  if (/is the declared choice/.test(note)) return "the declared choice at a kink";
  if (/is a mean over it/.test(note)) return "the mean of both sides of a kink";
  if (/do not meet as the step/.test(note)) return "the two sides do not meet as the step shrinks";
  const first = parts.find((part) => !/^undefined/.test(part)) ?? "";
  if (/^the derivative is NaN/.test(first)) return "stepped outside the domain, or overflowed";
  return first;
}

/** Whether two answers are about the same function at the same point. */
const about = (one: Comparison, other: Comparison): boolean => one.function === other.function && samePoint(one.at, other.at);

const KINK = /^undefined: /;
const samePoint = (one: Record<string, number>, other: Record<string, number>): boolean =>
  Object.keys(one).every((name) => one[name] === other[name]);
