// Handles of a chart: what is moved by a pointer, or by arrow keys when it has the focus.

import { svg } from "../drawing/dom";
import type { Item } from "./marks";
import type { Scale } from "./scales";

export type Act = (x: number, y: number) => void;

/** Where what is moved is by now: a picture may come later than the next key. */
export type From = () => [x: number, y: number];

interface Handle {
  axis: "x" | "y" | "xy";
  onDrag: Act;
  label: string;
  says: string | null;
  from: From | null;
}

const SHARE = 100; // key presses from one end of an axis to the other
const LARGE = 10; // with Shift, or Page Up and Page Down
const GRIP = 20; // pixels around a point that a finger may miss it by

/** One key press along an axis. */
function moved(scale: Scale, value: number, steps: number): number {
  const [low, high] = scale.range;
  if (scale.log) return Math.min(Math.max(value * (high / low) ** (steps / SHARE), low), high);
  return Math.min(Math.max(value + ((high - low) * steps) / SHARE, low), high);
}

const PLACES = 6;

/** A value as ARIA has it, a decimal without an exponent: on a log axis the power of ten. */
function decimal(scale: Scale, value: number): string {
  const place = scale.log ? Math.log10(Math.max(value, Number.MIN_VALUE)) : value;
  return Math.abs(place) < 1e21 ? place.toFixed(PLACES).replace(/\.?0+$/, "") : "0";
}

export class Handles {
  readonly #handles = new Map<string, Handle>();
  readonly #elements = new Map<string, SVGGElement>();

  constructor(
    private readonly picture: SVGSVGElement,
    private readonly layer: SVGGElement,
    private readonly scales: { x: Scale; y: Scale },
  ) {}

  set(id: string, handle: Handle): void {
    this.#handles.set(id, handle);
  }

  delete(id: string): void {
    this.#handles.delete(id);
    this.#elements.get(id)?.remove();
    this.#elements.delete(id);
  }

  clear(): void {
    [...this.#handles.keys()].forEach((id) => this.delete(id));
  }

  /** Put every handle where its item is; elements stay, so that a handle keeps the focus. */
  place(items: Map<string, Item>): void {
    for (const [id, handle] of this.#handles) {
      const item = items.get(id);
      const element = this.#elements.get(id) ?? this.#made(id);
      element.setAttribute("display", item ? "inline" : "none");
      if (item?.kind === "marker") this.#put(element, handle, item.x, item.y);
      else if (item?.kind === "rule") this.#put(element, handle, item.axis === "x" ? item.at : NaN, item.axis === "y" ? item.at : NaN);
    }
  }

  #put(element: SVGGElement, handle: Handle, x: number, y: number): void {
    const viewed = this.picture.viewBox.baseVal;
    const across = Number.isNaN(x) ? viewed.width / 2 : this.scales.x.pixel(x);
    const along = Number.isNaN(y) ? viewed.height / 2 : this.scales.y.pixel(y);
    const grip = element.firstElementChild as SVGRectElement;
    const wide = Number.isNaN(x) ? viewed.width : 2 * GRIP, high = Number.isNaN(y) ? viewed.height : 2 * GRIP;
    for (const [name, value] of [["x", across - wide / 2], ["y", along - high / 2], ["width", wide], ["height", high]] as const) {
      grip.setAttribute(name, String(Number.isFinite(value) ? value : -1e4));
    }
    const scale = handle.axis === "y" ? this.scales.y : this.scales.x, now = handle.axis === "y" ? y : x;
    element.setAttribute("aria-label", handle.label);
    element.setAttribute("aria-valuemin", decimal(scale, scale.range[0]));
    element.setAttribute("aria-valuemax", decimal(scale, scale.range[1]));
    element.setAttribute("aria-valuenow", decimal(scale, now));
    element.setAttribute("aria-valuetext", handle.says ?? String(Number(now.toPrecision(6))));
    element.dataset["x"] = String(x);
    element.dataset["y"] = String(y);
  }

  #made(id: string): SVGGElement {
    const axis = this.#handles.get(id)?.axis ?? "x";
    const element = svg("g", { class: `handle handle-${axis}`, role: "slider", tabindex: 0, "data-id": id },
      svg("rect", { class: "grip", rx: 6 }));
    element.addEventListener("pointerdown", (event) => this.#grab(id, element, event));
    element.addEventListener("keydown", (event) => this.#press(id, element, event));
    this.#elements.set(id, element);
    this.layer.append(element);
    return element;
  }

  #grab(id: string, element: SVGGElement, event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const move = (now: PointerEvent): void => {
      const frame = this.picture.getBoundingClientRect();
      const { x, y } = this.scales;
      this.#tell(id, x.value(now.clientX - frame.left), y.value(now.clientY - frame.top));
    };
    const end = (): void => {
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", end);
      element.removeEventListener("pointercancel", end);
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
  }

  #press(id: string, element: SVGGElement, event: KeyboardEvent): void {
    const { axis = "x", from = null } = this.#handles.get(id) ?? {};
    const large = event.shiftKey ? LARGE : 1;
    const keys: Record<string, [number, number]> = {
      ArrowRight: [large, 0], ArrowLeft: [-large, 0], ArrowUp: [0, large], ArrowDown: [0, -large],
      PageUp: [LARGE, LARGE], PageDown: [-LARGE, -LARGE], Home: [-SHARE, -SHARE], End: [SHARE, SHARE],
    };
    let by = keys[event.key];
    if (!by) return;
    if (axis !== "xy") by = [by[0] || by[1], by[0] || by[1]]; // both pairs of arrows move along the only axis
    event.preventDefault();
    event.stopPropagation();
    const { x, y } = this.scales;
    const [across, along] = from?.() ?? [Number(element.dataset["x"]), Number(element.dataset["y"])];
    this.#tell(id, moved(x, across, by[0]), moved(y, along, by[1]));
  }

  #tell(id: string, x: number, y: number): void {
    const { x: across, y: along } = this.scales;
    const within = (value: number, scale: Scale): number => Math.min(Math.max(value, scale.range[0]), scale.range[1]);
    this.#handles.get(id)?.onDrag(within(x, across), within(y, along));
  }
}
