// Windows: from where to where a variable is drawn, and its slider goes.

export type Window = [number, number];

const KEPT = 3; // digits that a slider gives, of its window
const KEY = "in."; // of a window in the address: in.x=-2:2

const NARROWEST = 1e-9; // of a window, beside its edges: its samples differ then in five digits
const HUGE = Number.MAX_VALUE / 8; // beyond it a window about a value has no width

/** Whether something can be drawn over it. */
export const isWindow = ([low, high]: Window): boolean =>
  low < high && Number.isFinite(high - low) && high - low > NARROWEST * Math.max(Math.abs(low), Math.abs(high));

/** A window about a value, wide enough to see something. */
export function windowAround(value: number): Window {
  if (Math.abs(value) > HUGE) return value > 0 ? [value / 4, Math.min(1.5 * value, Number.MAX_VALUE)] : [Math.max(1.5 * value, -Number.MAX_VALUE), value / 4];
  const half = Math.max(1, 1.5 * Math.abs(value));
  const unit = 10 ** Math.floor(Math.log10(half));
  const round = (edge: number): number => Number((Math.round((edge / unit) * 2) / 2 * unit).toPrecision(6));
  return [round(value - half), round(value + half)];
}

/** A window so many times as wide about a value, as round as its width allows; the old one where there is none. */
export function zoomed(window: Window, value: number, times: number): Window {
  const at = Math.min(Math.max(value, window[0]), window[1]);
  const wide = (window[1] - window[0]) * times;
  const unit = 10 ** (Math.floor(Math.log10(wide)) - KEPT);
  const edge = (side: number, outwards: (x: number) => number): number => {
    const to = at + (side - at) * times, round = Number((outwards(to / unit) * unit).toPrecision(15));
    return Number.isFinite(round) ? round : to;
  };
  const found: Window = [Math.min(edge(window[0], Math.floor), value), Math.max(edge(window[1], Math.ceil), value)];
  return isWindow(found) ? found : window;
}

/** As many digits as a finger can aim at. */
export function aimed(value: number, [low, high]: Window): number {
  const places = KEPT - Math.floor(Math.log10(Math.max(high - low, Number.MIN_VALUE)));
  return places < 0 ? Math.round(value) : Number(value.toFixed(Math.min(places, 100))) || 0;
}

/** The windows that an address names. */
export function windowsIn(extras: Record<string, string>): Record<string, Window> {
  const found = Object.entries(extras).filter(([key]) => key.startsWith(KEY)).map(([key, value]) => [key.slice(KEY.length), value.split(":").map(Number)] as const);
  return Object.fromEntries(found.map(([name, [low = NaN, high = NaN]]) => [name, [low, high] as Window] as const).filter(([, window]) => isWindow(window)));
}

/** What an address says besides the point, with the windows that are not as they come. */
export function withWindows(extras: Record<string, string>, windows: Record<string, Window>, at: Record<string, number>): Record<string, string> {
  const said = Object.fromEntries(Object.entries(extras).filter(([key]) => !key.startsWith(KEY)));
  for (const [name, window] of Object.entries(windows)) {
    if (Object.hasOwn(at, name) && window.join() !== windowAround(at[name] ?? 0).join()) said[KEY + name] = window.join(":");
  }
  return said;
}
