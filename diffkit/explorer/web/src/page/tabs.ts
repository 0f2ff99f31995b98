// The frame of the tabs: one is shown, each is mounted when it is first opened.

import { html } from "../drawing/dom";
import type { Context, Snapshot, Tab, View } from "./contract";
import { fail } from "./failure";

export class Tabs {
  readonly #buttons: HTMLButtonElement[];
  readonly #panels: HTMLElement[];
  readonly #views = new Map<string, View>();
  #shown = "";

  constructor(
    host: HTMLElement,
    private readonly tabs: Tab[],
    private readonly context: Context,
    private readonly chosen: (id: string) => void,
  ) {
    this.#buttons = tabs.map(({ id, title }) => {
      const made = html("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, class: "tab" }, title);
      made.addEventListener("click", () => chosen(id));
      return made;
    });
    this.#panels = tabs.map(({ id }) => html("div", { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, class: "panel", hidden: true }));
    const list = html("div", { role: "tablist", class: "tablist", "aria-label": "Views" }, ...this.#buttons);
    list.addEventListener("keydown", (event) => this.#press(event));
    host.append(list, ...this.#panels);
  }

  get shown(): string {
    return this.#shown;
  }

  get view(): View | undefined {
    return this.#views.get(this.#shown);
  }

  get title(): string {
    return this.tabs.find((tab) => tab.id === this.#shown)?.title ?? "";
  }

  has(id: string): boolean {
    return this.tabs.some((tab) => tab.id === id);
  }

  show(now: Snapshot): void {
    const other = now.tab !== this.#shown;
    if (other) {
      this.view?.hide();
      this.#shown = now.tab;
      this.tabs.forEach(({ id }, place) => {
        const here = id === now.tab, made = this.#buttons[place], panel = this.#panels[place];
        made?.setAttribute("aria-selected", String(here));
        if (made) made.tabIndex = here ? 0 : -1;
        if (panel) panel.hidden = !here;
        if (here && made) reveal(made);
      });
    }
    const place = this.tabs.findIndex((tab) => tab.id === now.tab);
    const tab = this.tabs[place], panel = this.#panels[place];
    if (!tab || !panel) return;
    try {
      let view = this.#views.get(tab.id);
      if (!view) {
        view = tab.mount(panel, this.context);
        this.#views.set(tab.id, view);
      }
      view.update(now);
    } catch (error) {
      fail(panel, error);
    }
  }

  #press(event: KeyboardEvent): void {
    const here = this.tabs.findIndex((tab) => tab.id === this.#shown), last = this.tabs.length - 1;
    const next = { ArrowRight: here === last ? 0 : here + 1, ArrowLeft: here === 0 ? last : here - 1, Home: 0, End: last }[event.key];
    const tab = next === undefined ? undefined : this.tabs[next];
    if (!tab || next === undefined) return;
    event.preventDefault();
    this.chosen(tab.id);
    this.#buttons[next]?.focus();
  }
}

/** Scrolls the row of tabs alone, so that the page stays where it is. */
function reveal(made: HTMLElement): void {
  const list = made.parentElement;
  if (!list) return;
  const here = made.getBoundingClientRect(), around = list.getBoundingClientRect();
  list.scrollLeft += Math.min(here.left - around.left, 0) + Math.max(here.right - around.right, 0);
}
