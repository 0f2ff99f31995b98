// Step size: the error of differences against the step h, and the digits that a chosen h leaves.

import { button, html } from "../../drawing/dom";
import { float, pointOf, quoted } from "../code";
import type { Context, Snapshot, Tab, Table, View } from "../contract";
import { correctDigits, full, named, short, split } from "../numbers";
import { tickText } from "../scales";
import { chart, type Chart } from "../svg";
import { Question, saying } from "./asking";
import { answers, bottom, drawn, finding, LOOKS, nearest, smooth, window as errorWindow, type Look, type Steps } from "./steps_answer";

const FIRST_H = 1e-8;
const ROOT = Math.sqrt(2 ** -52), CUBE_ROOT = Math.cbrt(2 ** -52);
const EACH = 8; // points of the grid between two marks of a line
const NARROW = 560; // pixels below which labels are short
const HEIGHT = 430;
const BESIDE = 30; // times the error, where a name stands
const OVER_FLOOR = 3; // the shaded region ends so far below the predicted rounding, as in the library

const LEGEND = "Thin lines: predicted from f alone. Shaded: forbidden by rounding. Rings: the step that diffkit takes.";

class StepsView implements View {
  readonly #title = html("p", { class: "finding" }, "Trying steps …");
  readonly #where = html("p", { class: "note" });
  readonly #reading = html("div", { class: "readout" });
  readonly #chart: Chart;
  readonly #say: (text: string) => void;
  readonly #question: Question<Steps>;
  readonly #automatic = button("Automatic step", "Move h to the automatic step", () => this.#take(this.#chosenStep()));
  #found: Steps | null = null;
  #now: Snapshot | null = null;
  #h: number | null = null;

  constructor(private readonly host: HTMLElement, private readonly context: Context) {
    const picture = html("div", { class: "tab-picture" });
    this.#automatic.classList.add("button");
    host.classList.add("tab-steps");
    host.append(this.#title, html("div", { class: "tab-split" }, picture, html("div", { class: "tab-side" }, this.#reading, html("div", { class: "tab-buttons" }, this.#automatic))), this.#where);
    this.#chart = chart(picture, {
      x: { scale: "log", label: "step h" }, y: { scale: "log", label: "absolute error of the derivative" },
      label: "Errors of finite differences and of the complex step against the step h", height: HEIGHT,
    });
    this.#say = saying(context);
    this.#question = new Question(context, host, "/api/steps", (found) => this.#show(found));
  }

  update(now: Snapshot): void {
    this.#now = now;
    const said = Number(now.extras["steps.h"]), h = said > 0 ? said : null;
    if (h !== this.#h) {
      this.#h = h;
      if (this.#found) this.#hand(this.#found);
      this.#read();
    }
    this.#question.ask({ text: now.text, at: now.at, variable: now.active });
  }

  hide(): void {
    this.#question.forget();
  }

  picture(): SVGSVGElement {
    this.#chart.flush();
    return this.#chart.element;
  }

  table(): Table | null {
    const found = this.#found;
    if (!found) return null;
    const names = LOOKS.map((look) => look.name).filter((name) => found.error[name]);
    return {
      name: "steps",
      columns: ["h", ...names.map((name) => `${name} error`), ...names.map((name) => `${name} value`)],
      rows: found.h.map((h, place) => [h, ...names.map((name) => found.error[name]?.[place] ?? null), ...names.map((name) => found.value?.[name]?.[place] ?? null)]),
    };
  }

  code(): string | null {
    const now = this.#now;
    if (!now) return null;
    return [
      `found = dk.step_size(f, ${pointOf(now)}, direction=${quoted(now.active)})`,
      "print(found.table())  # steps, values and errors of each stencil",
      'h, measured, predicted = found.curve("central")',
      `finite = dk.methods.Finite(step=${float(this.#step())})`,
      `print(dk.grad(f, method=finite)(${pointOf(now)}))`,
    ].join("\n");
  }

  #chosenStep(): number | null {
    return this.#found?.chosen?.h ?? null;
  }

  /** The step under the finger; until it is moved, the automatic one. */
  #step(): number {
    return this.#h ?? this.#chosenStep() ?? FIRST_H;
  }

  #show(found: Steps): void {
    this.#found = found;
    this.#draw(found);
    this.#read();
    const now = this.#now;
    this.#title.textContent = finding(found);
    this.#chart.label(`${finding(found)} Errors of ∂f/∂${now?.active ?? "x"} against the step h, both axes logarithmic.`);
    const notes = [...(smooth(found) ? found.notes ?? [] : []), ...Object.entries(found.refused ?? {}).map(([name, reason]) => `${name} step: ${reason}`)];
    this.#where.textContent = [
      now ? `∂f/∂${named(now.active)} at ${now.variables.map((name) => `${named(name)} = ${short(now.at[name])}`).join(", ")}.` : "",
      smooth(found) ? LEGEND : "Lines: what each method answers with this h.", ...notes.map((note) => `${note.replace(/^./, (first) => first.toUpperCase())}.`),
    ].join(" ");
    this.#automatic.disabled = this.#chosenStep() === null;
  }

  #draw(found: Steps): void {
    const { h } = found, drawing = this.#chart;
    drawing.clear();
    drawing.axes({ range: [h[0] ?? 1e-16, h[h.length - 1] ?? 1] });
    if (smooth(found)) this.#errors(found);
    else this.#values(found);
    this.#hand(found);
  }

  /** At a kink or a jump there is nothing to err from: what the methods answer. */
  #values(found: Steps): void {
    this.#chart.axes({}, { scale: "linear", label: "answer", range: answers(found) });
    LOOKS.filter(({ name }) => found.value?.[name]).forEach(({ name, method, dash, shape }, rank) => {
      const values = found.value?.[name] ?? [];
      if (method === "complex") this.#chart.line("complex-wide", found.h, values, { method, class: "underneath", width: 9 });
      this.#chart.line(name, found.h, values, { method, dash });
      const place = Math.round((found.h.length * (rank + 1)) / 6), value = values[place];
      if (typeof value === "number") this.#chart.marker(`${name} name`, found.h[place] ?? 1, value, { method, shape, label: name });
    });
  }

  #errors(found: Steps): void {
    const { h } = found, drawing = this.#chart;
    drawing.axes({}, { scale: "log", label: "absolute error of the derivative", range: errorWindow(found) });
    const rounding = Math.min(...Object.values(found.stencils ?? {}).map((choice) => choice.rounding ?? Infinity));
    if (Number.isFinite(rounding)) {
      drawing.band("rounding", { xs: h, low: h.map(() => errorWindow(found)[0]), high: h.map((step) => rounding / step / OVER_FLOOR) }, { class: "forbidden" });
    }
    drawing.rule("root", "x", ROOT, "√ε", { class: "mark-root", dash: "dotted" });
    drawing.rule("cube-root", "x", CUBE_ROOT, "∛ε", { class: "mark-root", dash: "dotted" });
    LOOKS.filter((look) => found.error[look.name]).forEach((look) => this.#line(found, look));
  }

  #line(found: Steps, look: Look): void {
    const { name, method } = look, errors = drawn(found, name), drawing = this.#chart;
    if (method === "complex") drawing.line("complex-wide", found.h, errors, { method, class: "underneath", width: 9 });
    drawing.line(name, found.h, errors, { method, dash: look.dash, width: method === "complex" ? 2 : 1.5, class: "measured" });
    const predicted = found.predicted?.[name];
    if (predicted?.length === found.h.length) drawing.line(`${name} predicted`, found.h, predicted, { class: "predicted", width: 1 });
    errors.forEach((error, place) => {
      if (place % EACH === EACH / 2 && error !== null) drawing.marker(`${name} ${place}`, found.h[place] ?? 1, error, { method, shape: look.shape, class: "small" });
    });
    this.#best(found, look, errors);
  }

  /** The automatic step as a ring, with the name of the line. */
  #best(found: Steps, { name, method }: Look, errors: (number | null)[]): void {
    if (method === "complex") {
      const place = Math.round(found.h.length / 6);
      this.#chart.marker("complex-name", found.h[place] ?? 1, (errors[place] ?? 1) * 2, { method, shape: "none", label: this.host.clientWidth < NARROW ? "complex" : "complex step" });
      return;
    }
    const place = bottom(found, name);
    if (place === null) return;
    const step = found.stencils?.[name]?.step ?? found.h[place] ?? 1;
    const error = Math.max(found.stencils?.[name]?.true_error ?? errors[place] ?? 0, errorWindow(found)[0] * 4);
    this.#chart.marker(`${name} best`, step, error, { shape: "ring", class: "chosen" });
    const beneath = error / BESIDE > errorWindow(found)[0];
    this.#chart.marker(`${name} name`, step, beneath ? error / BESIDE : error * BESIDE ** (name === "central" ? 1.7 : 0.8), { shape: "none", method, label: name });
  }

  /** The step under the finger: a rule, and a point on each line. */
  #hand(found: Steps): void {
    const place = nearest(found, this.#step()), h = found.h[place] ?? FIRST_H;
    this.#chart.rule("h", "x", h, "h", { class: "hand", dash: "solid", width: 2 });
    this.#chart.draggable("h", "x", (x) => this.#take(x), { label: "step h", says: `h = ${tickText(h, true)}`, from: () => [this.#step(), NaN] });
    for (const { name, method, shape } of LOOKS) {
      const error = smooth(found) ? drawn(found, name)[place] : found.value?.[name]?.[place];
      if (error === null || error === undefined) this.#chart.remove(`${name} now`);
      else this.#chart.marker(`${name} now`, h, error, { method, shape, class: "now" });
    }
  }

  #take(h: number | null): void {
    const found = this.#found;
    if (!found || h === null) return;
    const step = found.h[nearest(found, h)] ?? h;
    if (step === this.#h) return;
    this.#h = step;
    this.#hand(found);
    this.#read();
    this.context.setExtra("steps.h", String(step));
    const central = found.value?.["central"]?.[nearest(found, step)];
    this.#say(`h = ${tickText(step, true)}${typeof central === "number" ? `: central difference ${short(central)}` : ""}`);
  }

  #read(): void {
    const found = this.#found;
    if (!found) return;
    const place = nearest(found, this.#step()), h = found.h[place] ?? FIRST_H;
    const rows = LOOKS.flatMap((look) => (found.error[look.name] ? [row(found, look, place)] : []));
    const exact = found.exact ?? null;
    this.#reading.replaceChildren(
      html("p", { class: "hand-h" }, "h = ", html("output", { "data-h": h }, tickText(Number(h.toPrecision(3)), true))),
      html("dl", { class: "digits" }, ...rows.flat(), ...(exact === null ? [] : [html("dt", { class: "method-symbolic" }, html("b", {}, "truth")), html("dd", {}, html("code", {}, full(exact)))])),
    );
  }
}

/** A difference's value, its wrong digits underlined, and how many are right. */
function row(found: Steps, look: Look, place: number): HTMLElement[] {
  const value = found.value?.[look.name]?.[place] ?? null, exact = found.exact ?? null;
  const title = html("dt", { class: `method-${look.method}` }, html("b", {}, look.name === "complex" ? "complex step" : look.name), html("small", {}, look.formula));
  const error = found.error[look.name]?.[place] ?? null;
  if (value === null) return [title, html("dd", {}, error === null ? "no number" : `error ${short(error, 2)}`)];
  const { right, wrong } = split(value, exact);
  const digits = correctDigits(value, exact);
  const bar = html("meter", { min: 0, max: 16, value: digits ?? 0, "aria-label": `${look.name}: correct digits`, class: `method-${look.method}` });
  return [title, html("dd", { "data-method": look.name },
    html("code", {}, right, wrong ? html("u", { class: "wrong", title: "wrong digits" }, wrong) : ""),
    html("span", { class: "kept" }, digits === null ? "" : bar, html("small", {}, digits === null ? "" : `${digits.toFixed(digits > 15.5 ? 0 : 1)} digits`)))];
}

export const steps: Tab = {
  id: "steps",
  title: "Step size",
  mount: (host, context) => new StepsView(host, context),
};
