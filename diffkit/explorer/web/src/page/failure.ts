// An error where it belongs: one sentence and what to do about it; the picture stays, dimmed.

import { html } from "../drawing/dom";
import { ApiFailure, isOutdated } from "./api";

export function fail(host: HTMLElement, error: unknown): void {
  if (isOutdated(error)) return;
  host.querySelector(":scope > .failure")?.remove();
  host.classList.toggle("stale", error !== null);
  if (error === null) return;
  const said = error instanceof ApiFailure ? error.error : error instanceof Error ? error.message : String(error);
  const hint = error instanceof ApiFailure ? error.hint : null;
  host.prepend(html("p", { class: "failure", role: "status" }, sentence(said), hint ? html("span", { class: "hint" }, ` ${sentence(hint)}`) : ""));
}

/** With a capital, unless a function's name comes first, and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim().replace(/^step_size: /, "").replace(/^(?!\w+(?::| is a function))\p{Ll}(?=\p{Ll}| )/u, (letter) => letter.toUpperCase());
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
