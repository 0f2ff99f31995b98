// The curves of a training: loss, learning signal of each layer, rate.

import { html } from "../../drawing/dom";
import { short } from "../numbers";
import { chart, type Chart } from "../svg";
import { series, spoken, wholeDecades } from "./asking";
import type { Told } from "./training_data";

const HEIGHT = 214, LOW = 132;
const FEW_EPOCHS = 5; // of the axis, so that the first epochs do not jump

export class Charts {
  readonly #loss: Chart;
  readonly #signal: Chart;
  readonly #rate: Chart;

  constructor(host: HTMLElement, rates: HTMLElement) {
    const epochs = { scale: "linear", label: "epoch" } as const;
    const made = (place: HTMLElement, title: string, y: { scale: "linear" | "log"; label: string }, height: number): Chart => {
      const part = html("div", { class: "training-chart" }, html("p", { class: "chart-title" }, title));
      place.append(part);
      return chart(part, { x: epochs, y, label: title, height });
    };
    this.#loss = made(host, "Loss", { scale: "log", label: "loss" }, HEIGHT);
    this.#signal = made(host, "Learning signal of each layer", { scale: "log", label: "‖∂L/∂a‖" }, HEIGHT);
    this.#rate = made(rates, "Learning rate", { scale: "linear", label: "rate" }, LOW);
  }

  get loss(): SVGSVGElement {
    return this.#loss.element;
  }

  show(told: Told | null): void {
    for (const drawing of [this.#loss, this.#signal, this.#rate]) drawing.clear();
    const epochs = told?.epochs ?? [], last = told?.last;
    if (!told || !last) return;
    const xs = epochs.map(({ epoch }) => epoch), range: [number, number] = [xs[0] ?? 0, Math.max(last.epoch, FEW_EPOCHS)];
    for (const drawing of [this.#loss, this.#signal, this.#rate]) drawing.axes({ range });
    this.#loss.axes({}, { range: wholeDecades(epochs.map(({ loss }) => loss)) });
    this.#loss.line("loss", xs, epochs.map(({ loss }) => loss), { class: "loss", width: 2.4 });
    this.#loss.label(`Loss against the epoch: ${short(last.loss, 3)} after ${last.epoch}`);
    this.#signal.axes({}, { range: wholeDecades(epochs.flatMap(({ signal }) => Object.values(signal))) });
    told.layers.forEach((layer, place) => {
      this.#signal.line(layer, xs, epochs.map(({ signal }) => signal[layer] ?? null), { class: series(place), label: spoken(layer), width: 1.6 });
    });
    this.#signal.label(`Norm of the cotangent of each layer: ${told.layers.map((layer) => `${layer} ${short(last.signal[layer], 2)}`).join(", ")}`);
    const rates = epochs.map(({ rate }) => rate);
    this.#rate.axes({}, { range: [0, Math.max(...rates.map((rate) => rate ?? 0)) * 1.15 || 1] });
    this.#rate.line("rate", xs, rates, { class: "rate", width: 2 });
    this.#rate.label(`Learning rate: ${short(last.rate, 3)}`);
  }
}
