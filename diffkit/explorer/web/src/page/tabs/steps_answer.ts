// What the server says of a step: errors and values of each difference against h, and what to
// draw of them.

import type { Mark, Style } from "../marks";
import { short } from "../numbers";

type Numbers = (number | null)[];

export interface Steps {
  h: number[];
  /** Absolute errors by difference, along h. */
  error: Record<string, Numbers>;
  /** The derivatives themselves. */
  value?: Record<string, Numbers>;
  predicted?: Record<string, Numbers>;
  exact?: number | null;
  chosen?: { h: number | null; error: number | null; stencil?: string } | null;
  stencils?: Record<string, { step?: number | null; error?: number | null; true_error?: number | null; rounding?: number | null }>;
  kink?: [number, number] | null;
  jump?: boolean;
  notes?: string[];
  refused?: Record<string, string>;
}

export interface Look {
  name: string;
  /** The difference in a formula. */
  formula: string;
  dash: NonNullable<Style["dash"]>;
  shape: Mark;
  method: "finite" | "complex";
}

export const LOOKS: Look[] = [
  { name: "forward", formula: "(f(x+h) − f(x)) / h", dash: "dotted", shape: "down", method: "finite" },
  { name: "central", formula: "(f(x+h) − f(x−h)) / 2h", dash: "dashed", shape: "square", method: "finite" },
  { name: "five-point", formula: "(f(x−2h) − 8f(x−h) + 8f(x+h) − f(x+2h)) / 12h", dash: "solid", shape: "diamond", method: "finite" },
  { name: "complex", formula: "Im f(x + ih) / h", dash: "dashed", shape: "up", method: "complex" },
];

const EXACT_ULPS = 0.25; // where errors of nothing are drawn, as in the library's pictures
const PAST = 30; // times the derivative where the picture ends
const HALF_ULP = 2 ** -53;

/** The error that is drawn for an exact result: a quarter of an ulp of the derivative. */
export const floorOf = (found: Steps): number => (Math.abs(found.exact ?? 0) || 1) * HALF_ULP * 2 * EXACT_ULPS;

/** The errors of a picture: the least is the floor. */
export function drawn(found: Steps, name: string): Numbers {
  const floor = floorOf(found);
  return (found.error[name] ?? []).map((error) => (error === null ? null : Math.max(error, floor)));
}

/** From below the floor to above the derivative's own size. */
export function window(found: Steps): [number, number] {
  return [floorOf(found) / 4, (Math.abs(found.exact ?? 0) || 1) * PAST];
}

/** The step of the grid that is nearest. */
export function nearest(found: Steps, h: number): number {
  let best = 0;
  found.h.forEach((step, place) => {
    if (Math.abs(Math.log(step / h)) < Math.abs(Math.log((found.h[best] ?? 1) / h))) best = place;
  });
  return best;
}

/** The place in the grid where a difference errs least, left and right neighbours smoothed away. */
export function bottom(found: Steps, name: string): number | null {
  const step = found.stencils?.[name]?.step;
  if (step) return nearest(found, step);
  const errors = found.error[name] ?? [];
  let best: number | null = null;
  errors.forEach((error, place) => {
    if (error !== null && (best === null || error < (errors[best] ?? Infinity))) best = place;
  });
  return best;
}

/** Whether f has a derivative here at all, so that there is something to err from. */
export const smooth = (found: Steps): boolean => !found.kink && !found.jump;

/** Around what methods answer at a kink: the slopes to both sides, and nothing far away. */
export function answers(found: Steps): [number, number] {
  const slopes = found.kink ?? LOOKS.flatMap(({ name }) => found.value?.[name] ?? []).filter((value): value is number => value !== null);
  const low = Math.min(0, ...slopes), high = Math.max(0, ...slopes), room = (high - low || 1) / 4;
  return [low - room, high + room];
}

/** What the picture shows, in a sentence. */
export function finding(found: Steps): string {
  if (found.kink) return `A kink: the slope is ${short(found.kink[0], 4)} to the left and ${short(found.kink[1], 4)} to the right, so no step gives a derivative here.`;
  if (found.jump) return "f jumps here, so that it has no derivative: smaller steps only make it worse.";
  const size = Math.abs(found.exact ?? 0);
  const digits = (error: number | null | undefined): number | null =>
    error === null || error === undefined || !size ? null : Math.min(Math.max(-Math.log10(error / size), 0), 15.95);
  const name = found.chosen?.stencil ?? "five-point";
  const best = digits(found.chosen?.error ?? found.stencils?.[name]?.true_error);
  const complex = found.refused?.["complex"] ? null : digits(Math.min(...(found.error["complex"] ?? []).map((error) => error ?? Infinity)));
  if (best === null) return "Smaller steps help, until they don't.";
  const left = `At its best step the ${name} difference keeps ${best.toFixed(1)} of 16 digits`;
  return complex !== null && complex > best + 0.5 ? `${left}; the complex step keeps ${complex > 15.5 ? "them all" : complex.toFixed(1)}.` : `${left}.`;
}
