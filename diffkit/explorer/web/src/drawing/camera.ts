// Zoom and pan of a picture: wheel with Ctrl, two fingers, dragging, and methods for buttons.

const CLOSEST = 3;
const SMALLEST_FIT = 0.05;
const LARGEST_FIT = 1.25;
const STEP = 1.25;
export const LEGIBLE = 0.85; // letters of 10 px
const MARGIN = 24;

interface Size {
  width: number;
  height: number;
}
interface Area extends Size {
  x: number;
  y: number;
}

/** Where a content begins that is centred if it fits, and else leaves no empty room at its ends. */
function inside(begin: number, content: number, room: number): number {
  return content <= room ? (room - content) / 2 : Math.min(0, Math.max(room - content, begin));
}

export class Camera {
  #scale = 1;
  #x = 0;
  #y = 0;
  #content: Size = { width: 1, height: 1 };
  #moved = false;
  readonly #pointers = new Map<number, PointerEvent>();
  readonly #ends = new AbortController();

  constructor(readonly canvas: HTMLElement, readonly layer: SVGGElement) {
    const options = { signal: this.#ends.signal };
    canvas.addEventListener("wheel", this.#onWheel, { ...options, passive: false });
    canvas.addEventListener("pointerdown", this.#onDown, options);
    canvas.addEventListener("pointermove", this.#onMove, options);
    for (const name of ["pointerup", "pointercancel", "pointerleave"] as const) {
      canvas.addEventListener(name, this.#onUp, options);
    }
  }

  /** Whether the last press was a drag, so that its click means nothing. */
  get moved(): boolean {
    return this.#moved;
  }

  destroy(): void {
    this.#ends.abort();
  }

  /** Show a content of this size whole. */
  fit(content: Size = this.#content): void {
    this.#content = content;
    this.#scale = this.fitting;
    const { width, height } = this.#window();
    this.#x = (width - content.width * this.#scale) / 2;
    this.#y = (height - content.height * this.#scale) / 2;
    this.#apply(false);
  }

  zoom(closer: boolean): void {
    const { width, height } = this.#window();
    this.#zoomAt(width / 2, height / 2, closer ? STEP : 1 / STEP);
  }

  pan(x: number, y: number): void {
    this.#x += x;
    this.#y += y;
    this.#apply(true);
  }

  /** Glide so that an area is seen, large enough to be read. */
  show(area: Area): void {
    const { width, height } = this.#window();
    const scale = Math.max(this.#scale, Math.min(LEGIBLE, width / area.width));
    const grown = scale !== this.#scale;
    this.#scale = scale;
    const left = this.#x + area.x * scale, top = this.#y + area.y * scale;
    const right = left + area.width * scale, bottom = top + area.height * scale;
    if (grown || left < MARGIN || right > width - MARGIN) {
      this.#x = width / 2 - (area.x + area.width / 2) * scale;
    }
    if (grown || top < 0 || bottom > height) {
      this.#y = height / 2 - (area.y + area.height / 2) * scale;
    }
    this.#x = inside(this.#x, this.#content.width * scale, width);
    this.#y = inside(this.#y, this.#content.height * scale, height);
    this.#apply(true);
  }

  #window(): Size {
    return { width: this.canvas.clientWidth || 1, height: this.canvas.clientHeight || 1 };
  }

  /** The scale at which the content is seen whole. */
  get fitting(): number {
    const { width, height } = this.#window();
    const whole = Math.min(width / this.#content.width, height / this.#content.height);
    return Math.min(Math.max(whole, SMALLEST_FIT), LARGEST_FIT);
  }

  #zoomAt(x: number, y: number, factor: number): void {
    const least = Math.min(this.fitting, 1) * 0.8;
    const scale = Math.min(Math.max(this.#scale * factor, least), CLOSEST);
    const ratio = scale / this.#scale;
    this.#x = x - (x - this.#x) * ratio;
    this.#y = y - (y - this.#y) * ratio;
    this.#scale = scale;
    this.#apply(false);
  }

  #apply(gliding: boolean): void {
    this.layer.classList.toggle("gliding", gliding);
    this.layer.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
    this.canvas.classList.toggle("zoomed", this.#scale > this.fitting * 1.01);
  }

  #onWheel = (event: WheelEvent): void => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    const frame = this.canvas.getBoundingClientRect();
    this.#zoomAt(event.clientX - frame.left, event.clientY - frame.top, Math.exp(-event.deltaY / 300));
  };

  #onDown = (event: PointerEvent): void => {
    this.#moved = false;
    this.#pointers.set(event.pointerId, event);
  };

  #onUp = (event: PointerEvent): void => {
    this.#pointers.delete(event.pointerId);
  };

  #onMove = (event: PointerEvent): void => {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.#pointers.values()].filter((other) => other.pointerId !== event.pointerId);
    const x = event.clientX - before.clientX, y = event.clientY - before.clientY;
    if (Math.hypot(x, y) < 3 && !this.#moved) return;
    this.#moved = true;
    this.#pointers.set(event.pointerId, event);
    const other = others[0];
    if (other) {
      const frame = this.canvas.getBoundingClientRect();
      const gap = (from: PointerEvent) => Math.hypot(from.clientX - other.clientX, from.clientY - other.clientY);
      const middle = { x: (event.clientX + other.clientX) / 2, y: (event.clientY + other.clientY) / 2 };
      this.#zoomAt(middle.x - frame.left, middle.y - frame.top, gap(event) / Math.max(gap(before), 1));
      return;
    }
    this.#x += x;
    this.#y += y;
    this.#apply(false);
  };
}
