// Swell: how many operations a derivative takes, by the way it is written down, and how that grows
// when the expression is put into itself.

import { html } from "../../drawing/dom";
import type { Context, Snapshot, Tab, Table, View } from "../contract";
import type { Method } from "../marks";
import { chart, type Chart } from "../svg";
import { Bars, decades, type Bar } from "./bars";
import { counted, Question, saying, wholeDecades } from "./asking";

interface Count {
  operations?: number | null;
  refused?: string | null;
}

interface Growth {
  sizes: number[];
  function: Record<string, number>;
  methods: Record<string, Record<string, Count>>;
}

export interface Swell {
  rows: ({ what: string } & Count)[];
  growth?: Growth | null;
  note?: string | null;
}

interface Form {
  name: string;
  /** Of a bar. */
  class: string;
  method: Method;
  line: string;
  says: string;
}

const FORMS: Record<string, Form> = {
  function: { name: "f itself", class: "of-f", method: "symbolic", line: "f itself", says: "the expression" },
  tree: { name: "formula, written out", class: "method-symbolic", method: "symbolic", line: "written out", says: "what is used twice counts twice" },
  shared: { name: "formula, equal parts once", class: "method-symbolic part", method: "symbolic", line: "equal parts once", says: "parts that are exactly equal are computed once" },
  cse: { name: "formula after sympy.cse", class: "method-symbolic hollow", method: "symbolic", line: "after cse", says: "differentiate first, then eliminate common parts" },
  joint: { name: "formula and value after cse", class: "method-symbolic hollow", method: "symbolic", line: "with f, after cse", says: "value and derivative together" },
  symbolic: { name: "symbolic on the graph", class: "method-symbolic pale", method: "symbolic", line: "on the graph", says: "SymPy's partials, chained on the shared graph" },
  reverse: { name: "reverse mode", class: "method-reverse", method: "reverse", line: "reverse mode", says: "value and all derivatives in one sweep" },
  forward: { name: "forward mode", class: "method-forward", method: "forward", line: "forward mode", says: "value and tangent, a sweep for each variable" },
  finite: { name: "finite differences", class: "method-finite", method: "finite", line: "finite differences", says: "f again for each variable" },
};
const LINES = { tree: "solid", cse: "dashed", forward: "solid", reverse: "solid" } as const;
const FEW = 1.3; // times as large: hardly more
const HEIGHT = 300;

class SwellView implements View {
  readonly #title = html("p", { class: "finding" }, "Counting operations …");
  readonly #picture = html("div", { class: "tab-picture", hidden: true });
  readonly #bars: Bars;
  readonly #growthTitle = html("p", { class: "finding small" });
  readonly #growthHost = html("div", { class: "tab-picture" });
  readonly #growthPart: HTMLElement;
  readonly #chart: Chart;
  readonly #note = html("p", { class: "note" });
  readonly #say: (text: string) => void;
  readonly #question: Question<Swell>;
  #found: Swell | null = null;

  constructor(host: HTMLElement, context: Context) {
    const picture = this.#picture;
    this.#growthPart = html("section", { class: "tab-section", hidden: true, "aria-label": "Growth" }, this.#growthTitle, this.#growthHost);
    host.classList.add("tab-swell");
    host.append(this.#title, picture, this.#growthPart, this.#note);
    this.#bars = new Bars(picture, { scale: "log", range: [1, null], unit: "operations of the derivative (all variables)", ticks: decades });
    this.#chart = chart(this.#growthHost, {
      x: { scale: "linear", label: "f put into itself: f, f∘f, f∘f∘f, …" },
      y: { scale: "log", label: "operations" }, label: "Operations against the number of iterates", height: HEIGHT,
    });
    this.#say = saying(context);
    this.#question = new Question(context, host, "/api/swell", (found) => this.#show(found));
  }

  update(now: Snapshot): void {
    this.#question.ask({ text: now.text, at: now.at });
  }

  hide(): void {
    this.#question.forget();
  }

  picture(): SVGSVGElement {
    return this.#bars.element;
  }

  table(): Table | null {
    const found = this.#found;
    if (!found) return null;
    const rows = found.rows.map(({ what, operations }) => [what, 1, operations ?? null]);
    const growth = found.growth;
    const more = growth ? Object.entries(growth.methods).flatMap(([form, bySize]) => growth.sizes.map((n) => [form, n, bySize[String(n)]?.operations ?? null])) : [];
    return { name: "swell", columns: ["form", "iterates", "operations"], rows: growth ? [...rows.filter(([form]) => !(String(form) in growth.methods)), ...more] : rows };
  }

  code(): string | null {
    return 'print(dk.swell({"f": f}).table())  # operations of the derivative in every form';
  }

  #show(found: Swell): void {
    const first = this.#found === null;
    this.#found = found;
    this.#picture.hidden = false;
    const own = found.rows.find((row) => row.what === "function")?.operations ?? null;
    const said = finding(found.rows, own);
    this.#title.textContent = said;
    this.#bars.show(found.rows.map((row) => barOf(row, own)), said);
    this.#note.textContent = found.note ? `Given up: ${found.note}.` : "";
    if (!first) this.#say(said);
    this.#grow(found.growth ?? null);
  }

  #grow(growth: Growth | null): void {
    this.#growthPart.hidden = !growth;
    this.#chart.clear();
    if (!growth) return;
    this.#chart.axes({}, { range: wholeDecades(Object.values(growth.methods).flatMap((counts) => Object.values(counts).map(({ operations }) => operations ?? null))) });
    for (const form of Object.keys(LINES) as (keyof typeof LINES)[]) {
      const look = FORMS[form], counts = growth.methods[form];
      if (!look || !counts) continue;
      const ys = growth.sizes.map((n) => counts[String(n)]?.operations ?? null);
      const hollow = form === "cse" ? "hollow" : "";
      this.#chart.line(form, growth.sizes, ys, { method: look.method, dash: LINES[form], label: look.line });
      growth.sizes.forEach((n, place) => {
        const count = ys[place];
        if (typeof count === "number") this.#chart.marker(`${form} ${n}`, n, count, { method: look.method, shape: form === "forward" ? "square" : form === "reverse" ? "diamond" : "circle", class: `small ${hollow}` });
      });
    }
    const said = growthFinding(growth);
    this.#growthTitle.textContent = said;
    this.#chart.label(said);
  }
}

function barOf({ what, operations, refused }: { what: string } & Count, own: number | null): Bar {
  const form = FORMS[what];
  const known = typeof operations === "number";
  const over = known && own && what !== "function" ? `  ${times(operations / own)} f` : "";
  return {
    name: form?.name ?? what, class: form?.class ?? "", value: known ? operations : null,
    text: known ? `${counted(operations)}${over}` : refused ? "given up" : "unknown",
  };
}

const times = (ratio: number): string => `${ratio >= 100 ? counted(Math.round(ratio)) : ratio.toFixed(1)} ×`;

function finding(rows: Swell["rows"], own: number | null): string {
  const of = (what: string): number | null => rows.find((row) => row.what === what)?.operations ?? null;
  const tree = of("tree"), cse = of("cse"), reverse = of("reverse");
  if (!own) return "There is nothing to compute here: write an operation, such as x*(1-x).";
  if (reverse === null) return "The operations of the derivative, by the way it is written.";
  if (tree === null) return `The formula was given up; reverse mode takes ${counted(reverse)} operations, ${times(reverse / own)} those of f.`;
  if (tree <= reverse * FEW) {
    return `No swell here: the formula takes ${counted(tree)} operations, reverse mode ${counted(reverse)}, which compute f, too.`;
  }
  const eliminated = cse === null ? "" : cse <= reverse ? ` Elimination brings it down to ${counted(cse)}.` : ` After elimination ${counted(cse)} are left.`;
  return `Written out, the derivative takes ${counted(tree)} operations; reverse mode takes ${counted(reverse)}, f included.${eliminated}`;
}

/** By which factor the written formula grows with an iterate, and what reverse mode adds. */
function growthFinding({ sizes, methods }: Growth): string {
  const counts = (form: string): number[] => sizes.flatMap((n) => methods[form]?.[String(n)]?.operations ?? []);
  const tree = counts("tree"), reverse = counts("reverse");
  const last = tree[tree.length - 1], before = tree[tree.length - 2];
  const step = (reverse[reverse.length - 1] ?? 0) - (reverse[reverse.length - 2] ?? 0);
  if (!last || !before) return "What becomes of it when f is put into itself.";
  const given = tree.length < sizes.length ? `, and SymPy gives up after ${tree.length}` : "";
  return `Put into itself once more, the written formula grows ${Number((last / before).toFixed(1))}-fold${given}; reverse mode adds ${counted(step)} operations.`;
}

export const swell: Tab = {
  id: "swell",
  title: "Swell",
  mount: (host, context) => new SwellView(host, context),
};
