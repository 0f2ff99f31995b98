// The way back out of a loop, and from one of its steps to the next.

import type { Data, DataNode } from "./data";
import { button, html } from "./dom";
import { bodyOf, lengthOf, stepsOf } from "./loops";

export class Trail {
  readonly element = html("div", { class: "trail", role: "group", "aria-label": "Inside a loop", hidden: true });

  constructor(readonly go: (place: number | null) => void) {}

  /** Outside of every loop there is no way back. */
  hide(): void {
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  show(whole: Data, loop: DataNode, place: number): void {
    const steps = stepsOf(whole, loop.id), length = lengthOf(loop);
    const back = button(`← ${whole.function}`, `Leave the loop: back to ${whole.function} (Escape)`, () => this.go(null));
    const choices = steps.map((step, here) => {
      const made = button(`step ${step.step + 1}`, `Step ${step.step + 1} of ${length}`, () => this.go(here));
      made.setAttribute("aria-pressed", String(here === place));
      return made;
    });
    const rest = steps.length < length ? `of ${length}; the later ones stay closed` : `of ${length}`;
    this.element.replaceChildren(back, html("b", {}, bodyOf(loop) || loop.name), ...choices, html("span", {}, rest));
    this.element.hidden = false;
  }
}
