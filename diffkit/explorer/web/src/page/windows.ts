// Windows: from where to where a variable is drawn, and its slider goes.

export type Window = [number, number];

const KEPT = 3; // digits that a slider gives, of its window
const KEY = "in."; // of a window in the address: in.x=-2:2

/** A window about a value, wide enough to see something. */
export function windowAround(value: number): Window {
  const half = Math.max(1, 1.5 * Math.abs(value));
  const unit = 10 ** Math.floor(Math.log10(half));
  const round = (edge: number): number => Number((Math.round((edge / unit) * 2) / 2 * unit).toPrecision(6));
  return [round(value - half), round(value + half)];
}

/** As many digits as a finger can aim at. */
export function aimed(value: number, [low, high]: Window): number {
  const places = KEPT - Math.floor(Math.log10(Math.max(high - low, Number.MIN_VALUE)));
  return places < 0 ? Math.round(value) : Number(value.toFixed(Math.min(places, 100))) || 0;
}

/** The windows that an address names. */
export function windowsIn(extras: Record<string, string>): Record<string, Window> {
  const found = Object.entries(extras).filter(([key]) => key.startsWith(KEY)).map(([key, value]) => [key.slice(KEY.length), value.split(":").map(Number)] as const);
  return Object.fromEntries(found.filter(([, [low = NaN, high = NaN]]) => low < high).map(([name, [low = 0, high = 1]]) => [name, [low, high] as Window]));
}

/** What an address says besides the point, with the windows that are not as they come. */
export function withWindows(extras: Record<string, string>, windows: Record<string, Window>, at: Record<string, number>): Record<string, string> {
  const said = Object.fromEntries(Object.entries(extras).filter(([key]) => !key.startsWith(KEY)));
  for (const [name, window] of Object.entries(windows)) {
    if (name in at && window.join() !== windowAround(at[name] ?? 0).join()) said[KEY + name] = window.join(":");
  }
  return said;
}
