// Which values a curve is drawn between: what would flatten all the rest leaves the picture.

import type { Window } from "./windows";

const RARE = 0.02; // the share of values that may leave the picture when a pole would flatten the rest
const POLE = 12; // times as high as the rest: a pole
const ROOM = 0.1;

// Around a point on a steep curve, as exp(x²), whose tangent would look flat:
const NEAR = 0.1; // of the samples, to both sides of the point
const STEEP = 25; // times as high as what is near
const SHOWN = 6; // times what is near, above and below the point
const MOST = 0.6; // of the samples stay in the picture
const TAIL = 0.5; // of the highest: half of what leaves is below, or it would be a plateau

const known = (values: (number | null)[]): number[] => values.filter((value): value is number => value !== null && Number.isFinite(value));

/** The values that deserve to be seen: all, or without the few of a pole. */
export function rangeOf(values: (number | null)[]): Window {
  const sorted = known(values).sort((a, b) => a - b);
  if (!sorted.length) return [-1, 1];
  const at = (share: number): number => sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? 0;
  let [low, high] = [at(0), at(1)];
  const [inner, outer] = [at(RARE * 2), at(1 - RARE * 2)], middle = outer - inner;
  if (middle > 0 && high - low > POLE * middle) {
    [low, high] = [Math.max(low, inner - middle), Math.min(high, outer + middle)];
  }
  const room = (high - low || Math.abs(low) || 1) * ROOM;
  return [low - room, high + room];
}

/** The range, cut to what is around a sample where a tail would flatten its surroundings. */
export function aroundPoint([low, high]: Window, values: (number | null)[], here: number): Window {
  const at = values[here], reach = Math.round(values.length * NEAR);
  if (at === null || at === undefined) return [low, high];
  const far = (value: number): number => Math.abs(value - at);
  const spread = SHOWN * Math.max(...known(values.slice(Math.max(here - reach, 0), here + reach + 1)).map(far));
  const all = known(values), beyond = all.map(far).filter((distance) => distance > spread).sort((a, b) => a - b);
  const tail = (beyond[Math.floor(beyond.length / 2)] ?? 0) < TAIL * (beyond.at(-1) ?? 0);
  if (!(spread > 0) || (high - low) * SHOWN < STEEP * spread || beyond.length > (1 - MOST) * all.length || !tail) return [low, high];
  const shown = all.filter((value) => far(value) <= spread), [bottom, top] = [Math.min(...shown), Math.max(...shown)];
  const room = (top - bottom) * ROOM;
  return [Math.max(low, Math.min(...all) < bottom ? at - spread : bottom - room), Math.min(high, Math.max(...all) > top ? at + spread : top + room)];
}
