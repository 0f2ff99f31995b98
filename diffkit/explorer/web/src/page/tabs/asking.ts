// What the tabs share: a question that is asked again only when it changed, and small parts.

import { html } from "../../drawing/dom";
import type { Context } from "../contract";
import { Latest, rested } from "../latest";

/** A question to the server: one request at a time, then the newest; what is not wanted is dropped. */
export class Question<T> {
  readonly #latest: Latest<unknown>;
  #asked = "";

  constructor(context: Context, host: HTMLElement, path: string, shown: (answer: T) => void) {
    this.#latest = new Latest(
      async (body, current) => {
        const answer = await context.api.post<T>(path, body, path);
        if (!current()) return;
        context.fail(host, null);
        host.dataset["answered"] = "";
        shown(answer);
      },
      (error) => {
        this.#asked = "";
        context.fail(host, error);
      },
    );
  }

  /** Ask, unless that is what was asked last. */
  ask(body: unknown): void {
    const asked = JSON.stringify(body);
    if (asked === this.#asked) return;
    this.#asked = asked;
    this.#latest.want(body);
  }

  forget(): void {
    this.#asked = "";
    this.#latest.drop();
  }
}

const SAY_MS = 600; // without a change, before something is said

/** Says what changed when it has come to rest, not at every step of a finger. */
export function saying(context: Context): (text: string) => void {
  let said = "";
  const speak = rested(() => context.announce(said), SAY_MS);
  return (text) => {
    said = text;
    speak.later();
  };
}

/** A label around its control. */
export function field(label: string, control: HTMLElement): HTMLLabelElement {
  return html("label", { class: "field tab-field" }, html("span", {}, label), control);
}

export function numberInput(value: number, attributes: { min?: number; max?: number; step?: number | "any" } = {}): HTMLInputElement {
  return html("input", { type: "number", value, inputmode: "decimal", ...attributes });
}

export function choice(options: { name: string; title?: string }[], chosen: string): HTMLSelectElement {
  const made = html("select", {}, ...options.map(({ name, title }) => html("option", { value: name }, title ?? spoken(name))));
  made.value = chosen;
  if (made.selectedIndex < 0) made.selectedIndex = 0; // an address may name what there is not
  return made;
}

/** A name of the library as words: "two-moons" as "two moons". */
export function spoken(name: string): string {
  return name.replaceAll(/[-_]/g, " ");
}

const COUNTS = new Intl.NumberFormat("en");

/** 60,463. */
export const counted = (value: number): string => COUNTS.format(value);

/** The class of the k-th of several things that are not methods. */
export const series = (place: number): string => `series-${place % 8}`;

/** From a power of ten to a power of ten. */
export function wholeDecades(values: (number | null)[]): [number, number] {
  const known = values.filter((value): value is number => value !== null && value > 0);
  if (!known.length) return [1e-3, 1];
  const low = Math.floor(Math.log10(Math.min(...known))), high = Math.ceil(Math.log10(Math.max(...known)));
  return [10 ** low, 10 ** Math.max(high, low + 1)];
}
