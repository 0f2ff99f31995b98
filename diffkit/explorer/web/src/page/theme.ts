// Light, dark, or as the system is: the choice is kept in this browser, the result on <html>.

import { button } from "../drawing/dom";

type Choice = "auto" | "light" | "dark";

const KEY = "diffkit-theme";
const NEXT: Record<Choice, Choice> = { auto: "light", light: "dark", dark: "auto" };
const SIGNS: Record<Choice, string> = { auto: "◐", light: "☀", dark: "☾" };
const system = matchMedia("(prefers-color-scheme: dark)");

function kept(): Choice {
  try {
    const said = localStorage.getItem(KEY);
    return said === "light" || said === "dark" ? said : "auto";
  } catch {
    return "auto"; // storage may be forbidden
  }
}

export class Theme {
  #choice = kept();

  constructor(private readonly changed: () => void) {
    system.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  get dark(): boolean {
    return this.#choice === "auto" ? system.matches : this.#choice === "dark";
  }

  /** The button that goes from one choice to the next. */
  toggle(): HTMLButtonElement {
    const made = button("", "", () => {
      this.#choice = NEXT[this.#choice];
      try {
        localStorage.setItem(KEY, this.#choice);
      } catch {
        // the choice then lasts as long as the page
      }
      this.#apply();
      paint();
    }, "button tool");
    const paint = (): void => {
      const says = `Theme: ${this.#choice === "auto" ? "as the system" : this.#choice}`;
      made.replaceChildren(SIGNS[this.#choice]);
      made.setAttribute("aria-label", says);
      made.title = says;
    };
    paint();
    return made;
  }

  #apply(): void {
    document.documentElement.dataset["theme"] = this.dark ? "dark" : "light";
    this.changed();
  }
}
