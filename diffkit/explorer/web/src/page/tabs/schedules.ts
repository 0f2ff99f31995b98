// Schedules: the learning rate over the steps of a training, several side by side.

import { html } from "../../drawing/dom";
import { quoted } from "../code";
import type { Context, Snapshot, Tab, Table, View } from "../contract";
import { rested } from "../latest";
import { chart, type Chart } from "../svg";
import { field, numberInput, Question, series, spoken } from "./asking";

export interface Schedules {
  step: number[];
  rates: Record<string, (number | null)[]>;
  formula: Record<string, string>;
  /** The schedules as Python writes them. */
  made?: Record<string, string>;
  available: string[];
}

const FIRST = ["step", "exponential", "cosine", "one-cycle"];
const RATE = 0.1, STEPS = 200, MOST_STEPS = 10_000;
const REST_MS = 120; // after the last key
const HEIGHT = 340;
const ROOM = 1.06; // above the highest rate
const DASHES = ["solid", "dashed", "dotted", "dashdot"] as const;

class SchedulesView implements View {
  readonly #title = html("p", { class: "finding" });
  readonly #list = html("fieldset", { class: "schedule-list" }, html("legend", {}, "Schedules"));
  readonly #rate = numberInput(RATE, { min: 0, step: "any" });
  readonly #steps = numberInput(STEPS, { min: 2, max: MOST_STEPS, step: 1 });
  readonly #chart: Chart;
  readonly #question: Question<Schedules>;
  readonly #rested = rested(() => this.#typed(), REST_MS);
  readonly #trouble = html("div", { class: "trouble" });
  #names: string[] = FIRST;
  #found: Schedules | null = null;
  #available = "";

  constructor(host: HTMLElement, private readonly context: Context) {
    const picture = html("div", { class: "tab-picture" });
    host.classList.add("tab-schedules");
    const inputs = html("div", { class: "tab-controls" }, field("Rate η₀", this.#rate), field("Steps", this.#steps));
    host.append(this.#trouble, this.#title, html("div", { class: "tab-split" }, picture, html("div", { class: "tab-side" }, inputs, this.#list)));
    this.#chart = chart(picture, {
      x: { scale: "linear", label: "step t" }, y: { scale: "linear", label: "learning rate" },
      label: "Learning rates against the step", height: HEIGHT,
    });
    this.#question = new Question(context, this.#trouble, "/api/schedules", (found) => this.#show(found));
    for (const input of [this.#rate, this.#steps]) input.addEventListener("input", () => this.#rested.later());
  }

  update(now: Snapshot): void {
    const { "schedules.names": names = FIRST.join(), "schedules.rate": rate = String(RATE), "schedules.steps": steps = String(STEPS) } = now.extras;
    if (names !== this.#names.join()) this.#choose(names.split(",").filter(Boolean));
    for (const [input, said] of [[this.#rate, rate], [this.#steps, steps]] as const) {
      if (document.activeElement !== input && Number(said) !== Number(input.value)) input.value = said; // not what is being typed
    }
    this.#ask();
  }

  hide(): void {
    this.#rested.cancel();
    this.#question.forget();
  }

  picture(): SVGSVGElement {
    this.#chart.flush();
    return this.#chart.element;
  }

  table(): Table | null {
    const found = this.#found;
    if (!found) return null;
    const names = this.#names.filter((name) => found.rates[name]);
    return { name: "schedules", columns: ["step", ...names], rows: found.step.map((step, place) => [step, ...names.map((name) => found.rates[name]?.[place] ?? null)]) };
  }

  code(): string | null {
    const made = this.#found?.made;
    if (!made) return null;
    const rows = this.#names.flatMap((name) => (made[name] ? [`    ${quoted(name)}: ${made[name]},`] : []));
    const classes = new Set(rows.join("").match(/\b[A-Z]\w*(?=\()/g));
    return [
      "import numpy as np", ...(classes.size ? [`from diffkit.optim.schedules import ${[...classes].sort().join(", ")}`] : []), "",
      "schedules = {", ...rows, "}", "for name, schedule in schedules.items():", `    print(name, schedule(np.arange(${this.#asked().steps})))`,
    ].join("\n");
  }

  #choose(names: string[]): void {
    this.#names = names;
    if (!this.#found) return;
    this.#boxes(this.#found);
    this.#draw(this.#found);
  }

  #asked(): { names: string[]; rate: number; steps: number } {
    return { names: this.#found?.available ?? this.#names, rate: Number(this.#rate.value), steps: Number(this.#steps.value) };
  }

  #ask(): void {
    const body = this.#asked();
    const wrong = !(body.rate > 0) ? "The rate is a number above 0, such as 0.1." : !(Number.isInteger(body.steps) && body.steps >= 2 && body.steps <= MOST_STEPS) ? "The steps are a whole number from 2 to 10,000." : null;
    this.context.fail(this.#trouble, wrong === null ? null : new Error(wrong));
    if (wrong) return;
    this.#question.ask(body);
  }

  #typed(): void {
    this.#ask();
    this.context.setExtra("schedules.rate", this.#rate.value);
    this.context.setExtra("schedules.steps", this.#steps.value);
  }

  #show(found: Schedules): void {
    this.#found = found;
    this.#names = this.#names.filter((name) => found.available.includes(name));
    this.#boxes(found);
    this.#draw(found);
    this.#ask(); // once more, for the formulas of all of them
  }

  #draw(found: Schedules): void {
    const drawing = this.#chart;
    drawing.clear();
    const names = this.#names.filter((name) => found.rates[name]);
    const most = Math.max(...names.flatMap((name) => found.rates[name]?.map((rate) => rate ?? 0) ?? []), Number.MIN_VALUE);
    drawing.axes({ range: [0, found.step.length] }, { range: [0, most * ROOM] });
    for (const name of names) {
      const place = found.available.indexOf(name);
      drawing.line(name, found.step, found.rates[name] ?? [], { class: series(place), dash: DASHES[Math.floor(place / 8) % DASHES.length] ?? "solid", label: spoken(name), width: 2.2 });
    }
    const said = finding(found, names);
    this.#title.textContent = said;
    drawing.label(`${said} Learning rates of ${names.map(spoken).join(", ")} against the step.`);
  }

  /** A check box for each schedule, with its formula. */
  #boxes(found: Schedules): void {
    const available = JSON.stringify([found.available, found.formula]);
    if (available === this.#available) {
      for (const box of this.#list.querySelectorAll("input")) box.checked = this.#names.includes(box.value);
      return;
    }
    this.#available = available;
    this.#list.replaceChildren(html("legend", {}, "Schedules"), ...found.available.map((name, place) => {
      const box = html("input", { type: "checkbox", value: name, checked: this.#names.includes(name) });
      box.addEventListener("change", () => this.#toggle(name, box.checked));
      return html("label", { class: `schedule ${series(place)}` }, box, html("span", { class: "schedule-name" }, spoken(name)), html("code", {}, (found.formula[name] ?? "").replaceAll("`", "")));
    }));
  }

  #toggle(name: string, on: boolean): void {
    this.#names = (this.#found?.available ?? [name]).filter((other) => (other === name ? on : this.#names.includes(other)));
    this.context.announce(`${spoken(name)} ${on ? "shown" : "hidden"}`);
    if (this.#found) this.#draw(this.#found);
    this.context.setExtra("schedules.names", this.#names.join(","));
  }
}

/** Where each schedule ends, as a share of its highest rate. */
function finding(found: Schedules, names: string[]): string {
  if (!names.length) return "Choose schedules to compare.";
  const ends = names.map((name) => {
    const rates = (found.rates[name] ?? []).filter((rate): rate is number => rate !== null);
    return { name, share: (rates[rates.length - 1] ?? 0) / (Math.max(...rates) || 1) };
  }).sort((a, b) => a.share - b.share);
  const low = ends[0], high = ends[ends.length - 1];
  if (!low || !high || ends.length === 1) return low ? `${capital(spoken(low.name))} ends at ${percent(low.share)} of its highest rate.` : "";
  return `At the end ${spoken(low.name)} is down to ${percent(low.share)} of its highest rate, ${spoken(high.name)} to ${percent(high.share)}.`;
}

const capital = (text: string): string => text.replace(/^./, (first) => first.toUpperCase());
const percent = (share: number): string => `${share === 0 || share >= 0.1 ? Math.round(100 * share) : Number((100 * share).toPrecision(2))} %`;

export const schedules: Tab = {
  id: "schedules",
  title: "Schedules",
  mount: (host, context) => new SchedulesView(host, context),
};
