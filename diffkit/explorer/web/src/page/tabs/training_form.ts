// The controls of a training: what it is made of before it starts, its rate while it runs.

import { html } from "../../drawing/dom";
import { choice, field, numberInput, spoken } from "./asking";
import { named, type Choices, type Wish } from "./training_data";

const SELECTS = [["dataset", "Data set"], ["net", "Net"], ["loss", "Loss"], ["optimizer", "Optimizer"], ["schedule", "Schedule"]] as const;
const NUMBERS = [["batch", "Batch size"], ["epochs", "Epochs"], ["seed", "Seed"]] as const;
const LISTS = { dataset: "datasets", net: "nets", loss: "losses", optimizer: "optimizers", schedule: "schedules" } as const;

const DECADES: [number, number] = [-5, 1]; // of the rate's slider
const PER_DECADE = 20;

export class Form {
  readonly element = html("form", { class: "tab-controls training-form", "aria-label": "What the training is made of" });
  readonly rate = html("input", { type: "range", min: DECADES[0] * PER_DECADE, max: DECADES[1] * PER_DECADE, step: 1, "aria-label": "Learning rate" });
  readonly #rateText = html("output", {});
  readonly #controls: Partial<Record<keyof Wish, HTMLInputElement | HTMLSelectElement>> = {};

  constructor(choices: Choices, wish: Wish, changed: () => void, rated: (rate: number) => void) {
    for (const [key, label] of SELECTS) {
      this.#controls[key] = choice(choices[LISTS[key]].map(named), wish[key]);
      this.element.append(field(label, this.#controls[key]));
    }
    for (const [key, label] of NUMBERS) {
      this.#controls[key] = numberInput(wish[key], { min: key === "seed" ? 0 : 1, step: 1 });
      this.element.append(field(label, this.#controls[key]));
    }
    const [dataset, loss] = [this.#controls.dataset, this.#controls.loss] as HTMLSelectElement[];
    const fitting = (): void => offer(loss, choices.datasets.map(named).find(({ name }) => name === dataset?.value)?.losses);
    fitting();
    dataset?.addEventListener("change", fitting);
    this.setRate(wish.rate);
    this.element.append(html("label", { class: "field tab-field rate-field" }, html("span", {}, "Rate ", this.#rateText), this.rate));
    this.element.addEventListener("change", (event) => event.target !== this.rate && changed());
    this.element.addEventListener("submit", (event) => event.preventDefault());
    this.rate.addEventListener("input", () => {
      this.#sayRate();
      rated(this.#rate());
    });
    this.rate.addEventListener("change", changed);
  }

  /** What is asked for now, or a sentence on what is wrong with it. */
  wish(): Wish | string {
    const text = (key: keyof Wish): string => this.#controls[key]?.value ?? "";
    for (const [key, label] of NUMBERS) {
      const value = Number(text(key));
      if (text(key) === "" || !Number.isInteger(value) || value < (key === "seed" ? 0 : 1)) return `${label} is a whole number from ${key === "seed" ? 0 : 1}.`;
    }
    return {
      dataset: text("dataset"), net: text("net"), loss: text("loss"), optimizer: text("optimizer"), schedule: text("schedule"),
      batch: Number(text("batch")), epochs: Number(text("epochs")), seed: Number(text("seed")), rate: this.#rate(),
    };
  }

  setRate(rate: number): void {
    this.rate.value = String(Math.round(Math.log10(rate) * PER_DECADE));
    this.#sayRate();
  }

  /** While it runs only the rate can be changed. */
  lock(running: boolean): void {
    for (const control of Object.values(this.#controls)) control.disabled = running;
  }

  #rate(): number {
    return Number((10 ** (Number(this.rate.value) / PER_DECADE)).toPrecision(3));
  }

  #sayRate(): void {
    this.#rateText.textContent = String(this.#rate());
    const [low, high] = DECADES;
    this.rate.style.setProperty("--share", String((Number(this.rate.value) / PER_DECADE - low) / (high - low)));
    this.rate.setAttribute("aria-valuetext", `learning rate ${this.#rate()}`);
  }
}

/** Only the losses that fit a data set. */
function offer(select: HTMLSelectElement | undefined, losses: string[] | undefined): void {
  if (!select || !losses) return;
  const chosen = losses.includes(select.value) ? select.value : losses[0] ?? "";
  select.replaceChildren(...losses.map((name) => html("option", { value: name }, spoken(name))));
  select.value = chosen;
}
