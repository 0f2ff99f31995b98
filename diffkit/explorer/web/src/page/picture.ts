// The picture of f: its curve over one variable, or contours over two, with the window zoomed.

import { button, html } from "../drawing/dom";
import type { Api, Snapshot } from "./contract";
import { Contours, type GridData } from "./contours";
import { Curve, type CurveData } from "./curve";
import { Latest } from "./latest";
import type { Comparison } from "./methods";
import { aimed, zoomed, type Window } from "./windows";

const POINTS = 241, GRID = 65;
const ZOOM = 1.6;
const FLAT = 4; // how unlike two windows may be and still share a scale

const LATE_MS = 250; // a picture of something else is dimmed when it has stood for so long

interface Drawn {
  window: Window;
  other: { name: string; window: Window };
}

interface Wanted {
  asked: string;
  now: Snapshot;
  window: Window;
  other: { name: string; window: Window } | null;
}

export class Picture {
  readonly #curve: Curve;
  readonly #contours: Contours;
  readonly #hosts: [HTMLElement, HTMLElement];
  readonly #asking: Latest<Wanted>;
  readonly #kinds: [HTMLButtonElement, HTMLButtonElement];
  #flat: boolean | null = null; // contours, if the reader chose
  #asked = "";
  #drawn = ""; // what the data in the picture were asked as
  #held: Drawn | null = null; // the windows stay while a finger is on the contours
  #late: ReturnType<typeof setTimeout> | undefined;
  #now: Snapshot | null = null;
  #windows: Record<string, Window> = {};
  #known: Comparison | null = null;

  constructor(
    host: HTMLElement,
    private readonly api: Api,
    private readonly events: { moved(at: Record<string, number>): void; zoomed(name: string, window: Window): void; failed(error: unknown): void; drawn(): void },
  ) {
    this.#hosts = [html("div", { class: "drawn" }), html("div", { class: "drawn", hidden: true })];
    this.#kinds = [button("curve", "Curve over one variable", () => this.#choose(false), "picture-kind"), button("contours", "Contours over two variables", () => this.#choose(true), "picture-kind")];
    const kinds = html("div", { class: "segmented kinds", role: "group", "aria-label": "Picture" }, ...this.#kinds);
    const zoom = html("div", { class: "segmented", role: "group", "aria-label": "Zoom" },
      button("−", "Zoom out", () => this.#zoom(ZOOM)), button("+", "Zoom in", () => this.#zoom(1 / ZOOM)));
    host.append(html("div", { class: "picture-tools" }, kinds, zoom), ...this.#hosts);
    // What is drawn may be behind what is asked for: its variables move, from where they are by now.
    const now = (name: string): number => this.#now?.at[name] ?? NaN;
    const moved = (at: Record<string, number>): void =>
      events.moved(Object.fromEntries(Object.entries(at).map(([name, value]) => [name, this.#aimed(name, value)])));
    this.#curve = new Curve(this.#hosts[0], (name, x) => moved({ [name]: x }), now);
    this.#contours = new Contours(this.#hosts[1], moved, now);
    this.#hosts[1].addEventListener("pointerdown", () => {
      if (this.#pair()) this.#held = this.#alike(...this.#pair() as [string, string]);
    });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => this.#release()); // wherever that is
    this.#asking = new Latest((wanted, current) => this.#fetch(wanted, current), (error) => {
      this.#asked = "";
      this.#clear();
      events.failed(error);
    });
  }

  get element(): SVGSVGElement {
    return this.flat ? this.#contours.chart.element : this.#curve.chart.element;
  }

  get flat(): boolean {
    return (this.#now?.variables.length ?? 0) > 1 && (this.#flat ?? this.#now?.variables.length === 2);
  }

  /** How the picture is chosen, for the address: "" is as it comes. */
  get choice(): string | null {
    return this.#flat === null ? null : this.#flat ? "contours" : "curve";
  }

  set choice(said: string | null) {
    this.#flat = said === null ? null : said === "contours";
  }

  /** When the picture that is asked for is there, or cannot be. */
  get settled(): Promise<void> {
    return this.#asking.settled;
  }

  update(now: Snapshot, windows: Record<string, Window>, known: Comparison | null): void {
    this.#now = now;
    this.#windows = windows;
    this.#known = known;
    const flat = this.flat, pair = this.#pair();
    this.#hosts[0].hidden = flat;
    this.#hosts[1].hidden = !flat;
    this.#kinds.forEach((one, place) => one.setAttribute("aria-pressed", String(flat === (place === 1))));
    this.#kinds[0].parentElement?.toggleAttribute("hidden", now.variables.length < 2);
    const [x, y] = pair ?? [now.active, ""];
    const fixed = Object.entries(now.at).filter(([name]) => (flat ? name !== x && name !== y : name !== now.active));
    const shown = flat ? (this.#held ?? this.#alike(x, y)) : { window: windows[now.active] ?? ([0, 1] as Window), other: null };
    const asked = JSON.stringify([now.text, flat ? [x, y] : now.active, fixed, shown.window, shown.other]);
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#asking.want({ asked, now, ...shown });
      this.#late ??= this.#dimmed();
    } else if (asked === this.#drawn) this.#place(now, flat);
  }

  #release(): void {
    if (!this.#held) return;
    this.#held = null;
    if (this.#now) this.update(this.#now, this.#windows, this.#known);
  }

  #dimmed(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#hosts.forEach((host) => host.classList.add("late")), LATE_MS);
  }

  #clear(): void {
    clearTimeout(this.#late);
    this.#late = undefined;
    this.#hosts.forEach((host) => host.classList.remove("late"));
  }

  /** The point moved, or the methods have answered for it: it is put into the picture that is its own. */
  #place(now: Snapshot, flat: boolean): void {
    const pair = flat ? this.#pairOf(now) : null;
    const known = this.#known && this.#known.function === now.text && Object.entries(now.at).every(([name, value]) => this.#known?.at[name] === value) ? this.#known : null;
    const found = known?.methods.reverse ?? known?.methods.forward, derivative = found?.derivative;
    if (pair) {
      const gradient = derivative ? [derivative[pair[0]], derivative[pair[1]]] : null;
      const whole = gradient && gradient.every((value) => typeof value === "number") ? (gradient as [number, number]) : null;
      this.#contours.point({ names: pair, x: now.at[pair[0]] ?? 0, y: now.at[pair[1]] ?? 0, value: found?.value, gradient: whole });
    } else {
      this.#curve.point({ name: now.active, x: now.at[now.active] ?? 0, value: found?.value, slope: derivative?.[now.active] });
    }
    this.events.drawn();
  }

  async #fetch({ asked, now, window, other }: Wanted, current: () => boolean): Promise<void> {
    if (other) {
      const [x, y] = this.#pairOf(now);
      const found = await this.api.post<GridData>("/api/curve", { text: now.text, at: now.at, x, y, window: [window, other.window], points: GRID }, "curve");
      if (!current()) return;
      this.#contours.data(found, [window, other.window], [x, y]);
    } else {
      const found = await this.api.post<CurveData>("/api/curve", { text: now.text, at: now.at, x: now.active, window, points: POINTS }, "curve");
      if (!current()) return;
      this.#curve.data(found, window, now.active, now.at[now.active] ?? 0);
    }
    this.#drawn = asked;
    const newest = asked === this.#asked;
    this.#clear();
    if (!newest) this.#late = this.#dimmed();
    this.#place(newest ? (this.#now ?? now) : now, other !== null);
  }

  #pair(): [string, string] | null {
    return this.#now && this.flat ? this.#pairOf(this.#now) : null;
  }

  /** The first two variables, or the active one and its neighbour. */
  #pairOf({ variables, active }: Snapshot): [string, string] {
    const place = Math.max(variables.indexOf(active), 0), first = Math.min(place, variables.length - 2);
    return [variables[first] ?? "", variables[first + 1] ?? ""];
  }

  /** Both windows at one scale, where they are not too unlike: a gradient is then at right angles to the contours. */
  #alike(x: string, y: string): Drawn {
    const across: Window = this.#windows[x] ?? [0, 1], along: Window = this.#windows[y] ?? [0, 1];
    const drawn = this.#contours.chart, pixels = (scale: { range: Window; pixel(value: number): number }): number => Math.abs(scale.pixel(scale.range[1]) - scale.pixel(scale.range[0])) || 1;
    const wide = (across[1] - across[0]) / pixels(drawn.x), high = (along[1] - along[0]) / pixels(drawn.y);
    const ratio = wide / high;
    const grown = ([low, high]: Window, times: number): Window => {
      const middle = (low + high) / 2, half = ((high - low) / 2) * times;
      return [Number((middle - half).toPrecision(8)), Number((middle + half).toPrecision(8))];
    };
    if (ratio > FLAT || ratio < 1 / FLAT) return { window: across, other: { name: y, window: along } };
    return { window: ratio < 1 ? grown(across, 1 / ratio) : across, other: { name: y, window: ratio > 1 ? grown(along, ratio) : along } };
  }

  #aimed(name: string, value: number): number {
    return aimed(value, this.#windows[name] ?? [0, 1]);
  }

  #choose(flat: boolean): void {
    this.#flat = flat;
    if (this.#now) this.update(this.#now, this.#windows, this.#known);
    this.events.drawn();
  }

  #zoom(times: number): void {
    const now = this.#now;
    if (!now) return;
    for (const name of this.#pair() ?? [now.active]) {
      this.events.zoomed(name, zoomed(this.#windows[name] ?? [0, 1], now.at[name] ?? 0, times));
    }
  }
}
