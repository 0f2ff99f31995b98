// The dialog that gives the page away: a link, a command, pictures, tables and Python code.

import { html } from "../drawing/dom";
import type { Snapshot, Table } from "./contract";
import { command, program } from "./code";
import { copied, csv, json, png, save, svgText } from "./files";

export interface Offer {
  now: Snapshot;
  link: string;
  pictures: { name: string; picture: SVGSVGElement | HTMLCanvasElement | null }[];
  tables: (Table | null)[];
  code: string | null;
  /** A function from the command line: its file is not the page's to give away. */
  own: boolean;
}

const SHOWN_MS = 1600;

export class Share {
  readonly element = html("dialog", { class: "share", "aria-labelledby": "share-title" });

  constructor(private readonly offer: () => Offer, private readonly announce: (text: string) => void) {
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close();
    });
  }

  open(): void {
    const { now, link, pictures, tables, code, own } = this.offer();
    const close = html("button", { type: "button", class: "button", "aria-label": "Close" }, "✕");
    close.addEventListener("click", () => this.element.close());
    const title = html("h2", { id: "share-title" }, "Share and export");
    this.element.replaceChildren(html("div", { class: "share-in" },
      html("div", { class: "share-top" }, title, close),
      this.#text("Link", "Opens this very page, on this computer, while the server runs.", link, "link"),
      own ? "" : this.#text("Command", "Opens the same function at the same point on any computer with diffkit.", command(now), "command"),
      html("h3", {}, "Pictures and tables"),
      html("div", { class: "downloads" }, ...pictures.flatMap(({ name, picture }) => (picture ? [this.#picture(name, picture)] : [])),
        ...tables.flatMap((table) => (table?.rows.length ? [this.#table(table, now)] : []))),
      own ? "" : this.#text("Python", "The same numbers, in a script or a notebook.", program(now, code), "code")));
    this.element.showModal();
  }

  #text(title: string, says: string, text: string, id: string): HTMLElement {
    const shown = html("pre", { class: "copied", tabindex: 0, role: "group", "data-id": id, "aria-label": title }, text);
    const copy = html("button", { type: "button", class: "button", "data-copy": id }, "Copy");
    copy.setAttribute("aria-label", `Copy: ${title}`);
    copy.addEventListener("click", () => void copied(text).then((done) => {
      if (!done) getSelection()?.selectAllChildren(shown);
      this.#say(copy, done ? "Copied" : "Press Ctrl+C");
    }));
    return html("section", {}, html("h3", {}, title, html("span", { class: "says" }, says)), html("div", { class: "copy-row" }, shown, copy));
  }

  #picture(name: string, picture: SVGSVGElement | HTMLCanvasElement): HTMLElement {
    const file = name.toLowerCase().replaceAll(" ", "-");
    const vector = picture instanceof SVGSVGElement
      ? [this.#button(`${name} as SVG`, "SVG", () => save(`${file}.svg`, new Blob([svgText(picture)], { type: "image/svg+xml" })))] : [];
    const bitmap = this.#button(`${name} as PNG`, "PNG", () => void png(picture).then((blob) => save(`${file}.png`, blob)).catch((error: unknown) => this.announce(String(error))));
    return html("div", { class: "download" }, html("span", {}, name), ...vector, bitmap);
  }

  #table(table: Table, now: Snapshot): HTMLElement {
    const about = { function: now.text, at: now.at };
    const name = `${table.name.charAt(0).toUpperCase()}${table.name.slice(1)}`, file = table.name.toLowerCase().replaceAll(" ", "-");
    return html("div", { class: "download" }, html("span", {}, `${name}, numbers`),
      this.#button(`${name} as CSV`, "CSV", () => save(`${file}.csv`, new Blob([csv(table)], { type: "text/csv" }))),
      this.#button(`${name} as JSON`, "JSON", () => save(`${file}.json`, new Blob([json(table, about)], { type: "application/json" }))));
  }

  #button(label: string, text: string, act: () => void): HTMLButtonElement {
    const made = html("button", { type: "button", class: "button", "aria-label": label }, text);
    made.addEventListener("click", () => {
      act();
      this.announce(`${label}: saved`);
    });
    return made;
  }

  #say(where: HTMLButtonElement, text: string): void {
    where.textContent = text;
    this.announce(text);
    setTimeout(() => { where.textContent = "Copy"; }, SHOWN_MS);
  }
}
