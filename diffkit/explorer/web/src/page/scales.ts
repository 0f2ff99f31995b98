// From numbers to pixels: linear and logarithmic scales, their ticks and how ticks are written.

export interface Axis {
  scale: "linear" | "log";
  label: string;
  /** From the data unless given. */
  range?: [number, number];
}

export interface Scale {
  range: [number, number];
  log: boolean;
  pixel(value: number): number;
  value(pixel: number): number;
}

const PADDING = 0.06; // of the range, beyond the data
const TINY = Number.MIN_VALUE;

export function scaleOf(axis: Axis, data: [number, number], from: number, to: number): Scale {
  const log = axis.scale === "log";
  const range = axis.range ?? padded(data, log);
  const [low, high] = log ? [Math.log10(Math.max(range[0], TINY)), Math.log10(Math.max(range[1], TINY))] : range;
  const span = high - low || 1;
  return {
    range,
    log,
    pixel: (value) => {
      const place = log ? (value > 0 ? Math.log10(value) : low - span) : value;
      return from + ((place - low) / span) * (to - from);
    },
    value: (pixel) => {
      const place = low + ((pixel - from) / (to - from)) * span;
      return log ? 10 ** place : place;
    },
  };
}

function padded([low, high]: [number, number], log: boolean): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return log ? [1e-3, 1] : [0, 1];
  if (log) return low === high ? [low / 10, high * 10] : [low, high];
  if (low === high) {
    const room = Math.abs(low) || 1;
    return [low - room / 2, high + room / 2];
  }
  const room = (high - low) * PADDING;
  return [low - room, high + room];
}

/** The least and greatest number that an axis can show. */
export function extent(values: Iterable<number | null>, log: boolean): [number, number] {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value === null || !Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** About `count` round numbers within the range (1, 2 or 5 times a power of ten; decades on a log axis). */
export function ticks({ range: [low, high], log }: Scale, count: number): number[] {
  return log ? decades(low, high, count) : steps(low, high, count);
}

function steps(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((times) => times * power >= rough * 0.999) ?? 10) * power;
  const found: number[] = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) found.push(place * step || 0);
  return found;
}

function decades(low: number, high: number, count: number): number[] {
  const first = Math.ceil(Math.log10(Math.max(low, TINY)) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first < 1) return steps(low, high, count).filter((value) => value > 0);
  const each = Math.max(1, Math.ceil((last - first + 1) / Math.max(count, 1)));
  const found: number[] = [];
  for (let power = Math.ceil(first / each) * each; power <= last; power += each) found.push(Number(`1e${power}`));
  return found;
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (power: number): string =>
  `${power < 0 ? "⁻" : ""}${[...String(Math.abs(power))].map((digit) => RAISED[Number(digit)]).join("")}`;

const DIGITS = 3, PLAIN_DIGITS = 6; // of a tick with a power of ten, and of one without
const MOST_DIGITS = 15, MOST_PLAIN = 1e7; // of a double; beyond this there is a power of ten

/** A tick as a person writes it: 0.25, −3, 10⁻⁸, 2·10⁶; with as many digits as tell ticks a `step` apart. */
export function tickText(value: number, log = false, step = NaN): string {
  if (value === 0) return "0";
  const size = Math.abs(value), sign = value < 0 ? "−" : "";
  const needed = step > 0 ? Math.max(Math.ceil(Math.log10(size / step)) + 1, 1) : 1;
  if (needed > DIGITS && size < MOST_PLAIN && size >= 1e-3) {
    return `${sign}${size.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))}`;
  }
  const [front = 0, power = 0] = size.toExponential(Math.min(Math.max(needed, DIGITS), MOST_DIGITS) - 1).split("e").map(Number);
  if ((log && (power < -2 || power > 3)) || size >= 1e5 || size < 1e-3) {
    return `${sign}${front === 1 ? "" : `${front}·`}10${raised(power)}`;
  }
  return `${sign}${Number(size.toPrecision(PLAIN_DIGITS))}`;
}

/** The texts of an axis's ticks. */
export function tickTexts(found: number[], log: boolean): string[] {
  const step = log ? NaN : Math.min(...found.slice(1).map((value, place) => value - (found[place] ?? 0)));
  return found.map((value) => tickText(value, log, Number.isFinite(step) ? step : NaN));
}
