// The point: a slider and an editable number for each variable, and which one the curve is over.

import { html } from "../drawing/dom";
import { full, named } from "./numbers";
import { aimed, type Window } from "./windows";

const KEY_STEPS = 100; // arrow presses from end to end
const LARGE = 10; // Page Up and Page Down

export interface PointEvents {
  moved(name: string, value: number): void;
  chosen(name: string): void;
}

interface Row {
  element: HTMLElement;
  pick: HTMLButtonElement;
  slider: HTMLInputElement;
  number: HTMLInputElement;
}

export class Point {
  readonly #rows = new Map<string, Row>();
  #windows: Record<string, Window> = {};

  constructor(private readonly host: HTMLElement, private readonly events: PointEvents) {}

  show(variables: string[], at: Record<string, number>, active: string, windows: Record<string, Window>): void {
    this.#windows = windows;
    if (variables.join() !== [...this.#rows.keys()].join()) this.#build(variables);
    for (const [name, row] of this.#rows) {
      const value = at[name] ?? NaN, [low, high] = windows[name] ?? [0, 1];
      row.slider.min = String(low);
      row.slider.max = String(high);
      row.slider.valueAsNumber = value;
      row.slider.setAttribute("aria-valuetext", `${named(name)} = ${full(value)}`);
      row.slider.style.setProperty("--share", String(Math.min(Math.max((value - low) / (high - low), 0), 1)));
      if (document.activeElement !== row.number) row.number.value = full(value).replace("−", "-");
      row.pick.setAttribute("aria-pressed", String(name === active));
      row.element.classList.toggle("active", name === active);
    }
  }

  focus(name: string): void {
    this.#rows.get(name)?.slider.focus();
  }

  #build(variables: string[]): void {
    this.#rows.clear();
    this.host.replaceChildren(...variables.map((name) => this.#row(name)));
    this.host.classList.toggle("many", variables.length > 4);
  }

  #row(name: string): HTMLElement {
    const shown = named(name);
    const pick = html("button", { type: "button", class: "pick", title: `Draw over ${shown}`, "aria-label": `Draw over ${shown}` }, shown);
    const slider = html("input", { type: "range", step: "any", "aria-label": shown });
    const number = html("input", { type: "text", inputmode: "decimal", class: "field number", spellcheck: "false", autocomplete: "off", "aria-label": `${shown}, as a number` });
    const element = html("div", { class: "slider" }, pick, slider, number);
    const window = (): Window => this.#windows[name] ?? [0, 1];
    pick.addEventListener("click", () => this.events.chosen(name));
    slider.addEventListener("focus", () => this.events.chosen(name));
    slider.addEventListener("input", () => this.events.moved(name, aimed(slider.valueAsNumber, window())));
    number.addEventListener("focus", () => number.select());
    number.addEventListener("input", () => this.#typed(name, number));
    number.addEventListener("blur", () => this.#left(name, number));
    number.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: LARGE, PageDown: -LARGE }[event.key];
      const [low, high] = window();
      if (!steps) return;
      event.preventDefault();
      const typed = numberOf(number.value), value = Number.isNaN(typed) ? slider.valueAsNumber : typed;
      const next = aimed(value + ((high - low) * steps) / KEY_STEPS, window());
      number.value = String(next);
      this.events.moved(name, next);
    });
    this.#rows.set(name, { element, pick, slider, number });
    return element;
  }

  #typed(name: string, number: HTMLInputElement): void {
    const value = numberOf(number.value), wrong = !Number.isFinite(value);
    if (!wrong) this.events.moved(name, value);
    this.#mark(number, wrong);
  }

  /** What is no number stays as long as it can be mended. */
  #left(name: string, number: HTMLInputElement): void {
    if (!Number.isFinite(numberOf(number.value))) number.value = full(this.#rows.get(name)?.slider.valueAsNumber ?? 0).replace("−", "-");
    this.#mark(number, false);
  }

  #mark(number: HTMLInputElement, wrong: boolean): void {
    number.toggleAttribute("data-wrong", wrong);
    number.setAttribute("aria-invalid", String(wrong));
    number.title = wrong ? "A number, such as 1.5, −2 or 1e-3" : "";
  }
}

/** A number as people write it, NaN where it is none. */
const numberOf = (text: string): number => (text.trim() === "" ? NaN : Number(text.replace("−", "-").replace(",", ".")));
