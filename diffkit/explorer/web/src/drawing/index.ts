// The drawing module: a graph with the numbers of its three sweeps, stepped through one operation
// at a time. One file serves the explorer, the pages of gallery and lessons, and notebooks.
//
//   const stepper = diffkitDrawing.mount(element, data, { mode: "auto", start: { sweep: "adjoint" } })

import type { Data } from "./data";
import { Stepper, type Options } from "./stepper";
import type { Sweep } from "./sweeps";

export { spansOf } from "./source";
export { numberText } from "./data";
export { wireWidth } from "./scene";
export type { Data, Options, Sweep };

export interface Handle {
  next(): void;
  previous(): void;
  play(): void;
  pause(): void;
  show(sweep: Sweep, step: number): void;
  setData(data: Data): void;
  destroy(): void;
}

/** Put a stepper into an element; what is returned drives it. */
export function mount(element: HTMLElement, data: Data, options: Options = {}): Handle {
  const stepper = new Stepper(element, data, options);
  return {
    next: () => stepper.move(1),
    previous: () => stepper.move(-1),
    play: () => stepper.play(),
    pause: () => stepper.pause(),
    show: (sweep, step) => stepper.show(sweep, step),
    setData: (other) => stepper.setData(other),
    destroy: () => stepper.destroy(),
  };
}

/** Mount a stepper in every element with `data-stepper`, the id of a script element with its data. */
export function mountAll(root: ParentNode = document): Handle[] {
  return [...root.querySelectorAll<HTMLElement>("[data-stepper]")].flatMap((element) => {
    const script = document.getElementById(element.dataset["stepper"] ?? "");
    if (!script?.textContent || element.shadowRoot) return [];
    const { sweep, mode } = element.dataset;
    const options: Options = { mode: (mode ?? "auto") as NonNullable<Options["mode"]> };
    if (sweep) options.start = { sweep: sweep as Sweep };
    return [mount(element, JSON.parse(script.textContent) as Data, options)];
  });
}
