// The words beside the picture: the step that is shown, and the user's own text with it lit.

import { entryText, isArray, listText, type Data } from "./data";
import { html } from "./dom";
import { listingOf, type Listing } from "./source";
import type { Step, Sweep } from "./sweeps";

const MOST_SHOWN = 4; // inputs named in the title
const SPOKEN: [RegExp, string][] = [[/(\p{L}\w*?)\u0304(\w*)/gu, "$1$2 bar"], [/(\p{L}\w*?)\u0307(\w*)/gu, "$1$2 dot"]];

/** A formula as it is read aloud: ẋ1 is “x1 dot”, x̄2 is “x2 bar”. */
function spoken(text: string): string {
  return SPOKEN.reduce((words, [accent, reading]) => words.replace(accent, reading), text.normalize("NFD"))
    .replaceAll("·", " times ").replace(/−\s*/g, "minus ");
}

/** The step in large letters, and the same in words for screen readers. */
export class Told {
  readonly #formula = html("span");
  readonly #note = html("span", { class: "note" });
  readonly #arithmetic = html("p", { class: "arithmetic mono" });
  readonly #entry = html("p", { class: "note mono" });
  readonly #numbers = html("p", { class: "numbers mono" });
  readonly #live = html("p", { class: "unseen", "aria-live": "polite", "aria-atomic": "true" });
  readonly element = html("div", { class: "told" },
    html("div", { "aria-hidden": "true" }, html("p", { class: "formula mono" }, this.#formula, this.#note), this.#arithmetic, this.#numbers, this.#entry),
    this.#live);

  show(step: Step | undefined): void {
    this.#formula.textContent = step?.formula ?? "Nothing moves in this sweep";
    this.#note.textContent = step?.note ?? "";
    this.#arithmetic.textContent = step?.arithmetic ?? "";
    this.#entry.textContent = step?.entry ?? "";
    this.#numbers.textContent = step ? listText(step.value) : "";
    const where = step?.line?.at ? `, ${step.line.at}` : "";
    this.#live.textContent = step ? `${spoken(step.formula)}: ${spoken(step.arithmetic)}. ${step.note}${where}` : "Nothing moves in this sweep";
  }

  /** While playing, only the last step is spoken. */
  quiet(playing: boolean): void {
    this.#live.setAttribute("aria-live", playing ? "off" : "polite");
  }
}

/** The user's lines, or the typed text; the part at work is lit, and a click on a line goes there. */
export class Side {
  readonly #list = html("ol", { class: "source mono", tabindex: 0, "aria-label": "Source" });
  readonly element = html("div", { class: "side" }, this.#list);
  #listing: Listing = { lines: [], places: new Map() };
  #text = "";

  constructor(readonly go: (node: number) => void) {}

  get typed(): boolean {
    return this.#list.classList.contains("typed");
  }

  /** The text of other data; nothing happens if it is the same one. */
  setData(data: Data): void {
    const text = JSON.stringify([data.function, data.source, data.nodes.map((node) => [node.id, node.primitive, node.line])]);
    if (text === this.#text) return;
    this.#text = text;
    this.#listing = listingOf(data);
    const { lines, places } = this.#listing;
    const numbered = lines.some((line) => line.number !== null);
    this.#list.classList.toggle("typed", !numbered);
    this.#list.replaceChildren(...lines.map((line, place) => {
      const parts = numbered ? [html("span", {}, String(line.number ?? "")), html("span", {}, line.text)] : [html("span", {}, line.text)];
      const item = html("li", { title: line.at || null }, ...parts);
      const first = [...places].find(([, found]) => found.line === place)?.[0];
      if (first !== undefined && numbered) item.addEventListener("click", () => this.go(first));
      return item;
    }));
    this.element.hidden = lines.length === 0;
  }

  light(node: number | null): void {
    const found = node === null ? undefined : this.#listing.places.get(node);
    this.#list.querySelectorAll("li").forEach((item, place) => {
      const lit = place === found?.line;
      item.classList.toggle("lit", lit);
      const text = this.#listing.lines[place]?.text ?? "";
      const shown = item.lastElementChild;
      if (!shown) return;
      if (lit && found.from !== undefined) {
        shown.replaceChildren(text.slice(0, found.from), html("mark", {}, text.slice(found.from, found.to)), text.slice(found.to));
      } else if (shown.childElementCount) {
        shown.textContent = text;
      }
      if (lit) scrolledTo(item, this.#list);
    });
  }
}

/** Scroll a list, and nothing around it, until an item is seen. */
function scrolledTo(item: HTMLElement, list: HTMLElement): void {
  const top = item.offsetTop - list.offsetTop, bottom = top + item.offsetHeight;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

/** The function, and where it is looked at. */
export function titleOf(data: Data): (Node | string)[] {
  const at = Object.entries(data.at).slice(0, MOST_SHOWN).map(([name, value]) =>
    isArray(value) ? `${name} [${value.shape.join("×")}]` : `${name} = ${entryText(value)}`);
  const more = Object.keys(data.at).length > MOST_SHOWN ? ", …" : "";
  return [data.function, html("small", {}, `at ${at.join(", ")}${more}`)];
}

/** All steps of a sweep as a table. */
export function tableOf(steps: readonly Step[], title: string): HTMLElement {
  const head = ["step", "assignment", "numbers", "line"].map((word) => html("th", { scope: "col" }, word));
  const rows = steps.map((step, place) => html("tr", {},
    html("td", {}, String(place + 1)), html("td", { class: "mono" }, step.formula),
    html("td", { class: "mono" }, step.arithmetic), html("td", {}, step.line?.at ?? step.note)));
  const table = html("table", {}, html("caption", { class: "unseen" }, title),
    html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...rows));
  return html("div", { class: "rows", tabindex: 0, role: "region", "aria-label": "All steps" }, table);
}

/** What the letters and the edges of the picture mean, and the keys. */
export function legendOf(sweep: Sweep): Node[] {
  const keys = html("span", { class: "keys" }, "← → step · space plays · Ctrl+wheel zooms · drag moves");
  const parts = [html("span", {}, html("b", {}, "v"), " value")];
  if (sweep !== "primal") parts.push(html("span", {}, html("b", { class: "v-dot" }, "v̇"), " tangent: how it moves with the input"));
  if (sweep === "adjoint") {
    parts.push(html("span", {}, html("b", { class: "v-bar" }, "v̄"), " adjoint: what flows back"),
      html("span", {}, "an edge is as wide as its amount: ", html("b", { class: "plus" }, "positive"), ", ", html("b", { class: "minus" }, "negative")));
  }
  return [...parts, keys];
}
