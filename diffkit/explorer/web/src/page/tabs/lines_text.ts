// The expression as it was typed, each character underlined as badly as the operation it belongs to.

import { html } from "../../drawing/dom";

export interface Span {
  start: number;
  end: number;
  /** Decimal digits that are lost there. */
  lost: number;
}

const MOST = 16; // digits of a double
const LEVELS = 4; // strengths of the underline

/** The strength of an underline: 0 for none, up to `LEVELS`. */
export function level(lost: number): number {
  return lost < 1 ? 0 : Math.min(Math.ceil((lost / MOST) * LEVELS), LEVELS);
}

/** The digits lost at each character, by the smallest operation around it. */
export function losses(length: number, spans: Span[]): number[] {
  const found = new Array<number>(length).fill(0);
  const outward = [...spans].sort((a, b) => b.end - b.start - (a.end - a.start) || a.lost - b.lost);
  for (const { start, end, lost } of outward) found.fill(lost, start, end);
  return found;
}

/** The text in pieces of one strength each; `lit` is the operation that is pointed at. */
export function pieces(text: string, spans: Span[], lit: Span | null): (HTMLElement | string)[] {
  const lost = losses(text.length, spans);
  const key = (place: number): string => `${level(lost[place] ?? 0)}${lit && place >= lit.start && place < lit.end ? " lit" : ""}`;
  const found: (HTMLElement | string)[] = [];
  for (let start = 0; start < text.length;) {
    let end = start + 1;
    while (end < text.length && key(end) === key(start)) end += 1;
    const part = text.slice(start, end), strength = key(start);
    found.push(strength === "0" ? part : html("mark", { class: `lost-${strength}` }, part));
    start = end;
  }
  return found;
}

/** The end of a call such as `cos(x + 1)` that begins at this character; null where none does. */
export function endOfCall(text: string, start: number): number | null {
  const name = /^[A-Za-z_]\w*\s*\(/.exec(text.slice(start));
  if (!name) return null;
  let open = 0;
  for (let place = start + name[0].length - 1; place < text.length; place += 1) {
    if (text[place] === "(") open += 1;
    if (text[place] === ")") open -= 1;
    if (open === 0) return place + 1;
  }
  return null;
}

/** The call, name or sign that a place such as "vjp of cos, character 6" is about. */
export function placed(text: string, line: string): { start: number; end: number } | null {
  const character = /character (\d+)/.exec(line)?.[1];
  if (!character) return null;
  const start = Number(character) - 1;
  const word = /^[\w.]+/.exec(text.slice(start))?.[0].length ?? 1;
  return start < text.length ? { start, end: endOfCall(text, start) ?? start + word } : null;
}
