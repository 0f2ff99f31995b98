// The expression box: text with a caret under what is wrong, and chips with examples.

import { html } from "../drawing/dom";
import { ApiFailure } from "./api";
import { EXAMPLES, type Example } from "./examples";
import { sentence } from "./failure";

export interface ExpressionEvents {
  typed(text: string): void;
  chosen(example: Example): void;
}

export class Expression {
  readonly #box: HTMLTextAreaElement;
  readonly #echo: HTMLElement;
  readonly #error: HTMLElement;
  readonly #lesson: HTMLElement;
  readonly #offer: HTMLButtonElement;
  readonly #chips: HTMLButtonElement[];

  constructor(host: HTMLElement, events: ExpressionEvents) {
    this.#box = html("textarea", { id: "text", class: "text", rows: 1, spellcheck: "false", autocapitalize: "off", autocomplete: "off", autocorrect: "off", "aria-label": "Expression", "aria-describedby": "error lesson", maxlength: 10_000 });
    this.#echo = html("div", { class: "echo", "aria-hidden": "true" });
    this.#error = html("p", { id: "error", class: "error", role: "status" });
    this.#lesson = html("p", { id: "lesson", class: "lesson" });
    this.#offer = html("button", { type: "button", class: "button offer", hidden: true });
    this.#offer.addEventListener("click", () => this.#accept(events));
    this.#chips = EXAMPLES.map((example) => {
      const chip = html("button", { type: "button", class: "chip", "aria-pressed": "false", title: example.text }, example.name);
      chip.addEventListener("click", () => events.chosen(example));
      return chip;
    });
    const chips = html("div", { class: "chips", role: "group", "aria-label": "Examples" }, ...this.#chips);
    host.append(html("div", { class: "editor" }, html("span", { class: "f", "aria-hidden": "true" }, "f ="), html("div", { class: "stack" }, this.#echo, this.#box)), this.#error, this.#offer, chips, this.#lesson);
    this.#box.addEventListener("input", () => {
      // One line: what is pasted with line breaks stays one expression.
      if (/[\r\n]/.test(this.#box.value)) this.#box.value = this.#box.value.replace(/[\r\n]+/g, " ");
      this.#mark(null);
      this.offer(null);
      events.typed(this.#box.value);
    });
    this.#box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (!this.#offer.hidden) this.#accept(events);
    });
  }

  /** Show a text that did not come from the box itself, and whose lesson it is. */
  show(text: string): void {
    if (this.#box.value !== text) this.#box.value = text;
    this.#mark(null);
    this.lesson(text);
  }

  lesson(text: string): void {
    const example = EXAMPLES.find((one) => one.text === text);
    this.#chips.forEach((chip, place) => chip.setAttribute("aria-pressed", String(EXAMPLES[place] === example)));
    this.#lesson.textContent = example?.lesson ?? "";
    this.#lesson.hidden = !example;
  }

  lock(reason: string): void {
    this.#box.readOnly = true;
    this.#chips.forEach((chip) => chip.remove());
    this.#lesson.hidden = false;
    this.#lesson.textContent = reason;
  }

  wrong(error: unknown): void {
    const said = error instanceof ApiFailure ? error.error : String(error);
    const hint = error instanceof ApiFailure ? error.hint : null;
    this.#error.replaceChildren(sentence(said.replace(/\n[^]*$/, "")), hint ? html("span", { class: "hint" }, ` ${sentence(hint)}`) : "");
    this.#box.setAttribute("aria-invalid", "true");
    this.#mark(error instanceof ApiFailure ? error.position : null);
  }

  /** What may have been meant, for one click or Enter. */
  offer(text: string | null): void {
    this.#offer.hidden = text === null;
    this.#offer.dataset["text"] = text ?? "";
    this.#offer.replaceChildren(...(text === null ? [] : ["Write ", html("code", {}, text), " instead (Enter)"]));
  }

  #accept(events: ExpressionEvents): void {
    this.#box.value = this.#offer.dataset["text"] ?? "";
    this.offer(null);
    this.#mark(null);
    this.#box.focus();
    events.typed(this.#box.value);
  }

  fine(): void {
    this.offer(null);
    this.#error.replaceChildren();
    this.#box.removeAttribute("aria-invalid");
  }

  get value(): string {
    return this.#box.value;
  }

  focus(): void {
    this.#box.focus();
  }

  /** The same text behind the box, with a caret under one character; it also gives the box its height. */
  #mark(position: number | null): void {
    const text = this.#box.value;
    if (position === null) {
      this.#echo.replaceChildren(`${text} `);
      return;
    }
    const place = Math.min(Math.max(position, 0), text.length);
    this.#echo.replaceChildren(text.slice(0, place), html("mark", { class: "caret" }, text.slice(place, place + 1) || " "), `${text.slice(place + 1)} `);
  }
}
