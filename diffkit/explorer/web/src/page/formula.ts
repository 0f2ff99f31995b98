// f and its gradient as formulas, by KaTeX; the gradient follows when SymPy has it.

import type katex from "katex";
import { html } from "../drawing/dom";
import { named } from "./numbers";

type Katex = typeof katex;

const LONGEST = 4000; // characters of LaTeX; longer ones take KaTeX long and nobody reads them
const ALL_SHOWN = 3;

let loading: Promise<Katex> | null = null;

/** KaTeX is a file of its own, asked for when the page has been drawn. */
export function loadKatex(): Promise<Katex> {
  loading ??= import("./katex.js" as string).then((module: { default: Katex }) => module.default);
  return loading;
}

export class Formula {
  readonly #f = html("div", { class: "formula", tabindex: 0, role: "group", "aria-label": "f" });
  readonly #gradient = html("div", { class: "gradient", role: "group", "aria-label": "Gradient of f" });
  #latex: Record<string, string> | null = null;
  #shown = "";

  constructor(host: HTMLElement) {
    host.append(this.#f, this.#gradient);
  }

  f(latex: string, variables: number): void {
    this.#gradient.style.setProperty("--lines", String(variables <= ALL_SHOWN ? variables : 1)); // the room they will take
    void typeset(this.#f, `f = ${latex}`, "f");
  }

  /** The formulas of the gradient: while they are computed `null`, or why there are none. */
  gradient(latex: Record<string, string> | null, active: string, why = ""): void {
    this.#latex = latex;
    this.#gradient.classList.toggle("waiting", latex === null && why === "");
    if (!latex) {
      if (why) this.#gradient.replaceChildren(html("p", { class: "note" }, why));
      this.#shown = "";
      return;
    }
    this.choosing(active);
  }

  choosing(active: string): void {
    const latex = this.#latex;
    if (!latex) return;
    const names = Object.keys(latex);
    const shown = names.length <= ALL_SHOWN ? names : names.filter((name) => name === active);
    const key = JSON.stringify([shown, latex]);
    if (key === this.#shown) {
      this.#mark(active);
      return;
    }
    this.#shown = key;
    this.#gradient.replaceChildren(...shown.map((name) => {
      const line = html("div", { class: "formula", tabindex: 0, role: "group", "aria-label": `∂f/∂${named(name)}`, "data-name": name });
      void typeset(line, `\\frac{\\partial f}{\\partial ${subscripted(name)}} = ${latex[name] ?? ""}`, latex[name] ?? "");
      return line;
    }));
    this.#mark(active);
  }

  #mark(active: string): void {
    for (const line of this.#gradient.querySelectorAll<HTMLElement>(".formula")) line.classList.toggle("active", line.dataset["name"] === active);
  }
}

async function typeset(host: HTMLElement, latex: string, plain: string): Promise<void> {
  host.dataset["latex"] = latex;
  if (latex.length > LONGEST) {
    host.replaceChildren(html("p", { class: "note" }, `A formula of ${latex.length.toLocaleString("en")} characters of LaTeX: too long to set, and to read.`));
    return;
  }
  const { render } = await loadKatex();
  if (host.dataset["latex"] !== latex) return;
  const set = html("span");
  try {
    render(latex, set, { displayMode: false, throwOnError: true, strict: "ignore", trust: false, output: "htmlAndMathml" });
    host.replaceChildren(set);
  } catch {
    host.replaceChildren(html("code", {}, plain));
  }
}

/** A variable's name as LaTeX: x1 is x with an index, alpha a Greek letter, longer words upright. */
export function subscripted(name: string): string {
  const [, stem = name, index = ""] = name.match(/^(.+?)_?(\d+)$/) ?? [];
  const greek = GREEK.has(stem) ? `\\${stem}` : stem.length > 1 ? `\\mathrm{${stem.replaceAll("_", "\\_")}}` : stem;
  return index ? `${greek}_{${index}}` : greek;
}

const GREEK = new Set("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega".split(" "));
