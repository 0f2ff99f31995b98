// Work that follows a moving finger: one request at a time, and after it the newest state, so that
// the picture neither queues up behind old requests nor starves while the finger moves.  What comes
// second to the picture rests between two requests, or the picture would wait behind it.

import { isOutdated } from "./api";

/** Between two requests of what comes second to the picture, in milliseconds: two of its frames. */
export const SECOND_MS = 50;

export class Latest<T> {
  #running = false;
  #next: { what: T } | null = null;
  #generation = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(
    private readonly work: (what: T, current: () => boolean) => Promise<void>,
    private readonly failed: (error: unknown, what: T) => void,
    private readonly pause = 0, // milliseconds between two requests
  ) {}

  /** Do this as soon as what is under way has ended, unless something newer comes. */
  want(what: T): void {
    this.#next = { what };
    if (!this.#running) void this.#run();
  }

  /** When what is under way has ended. */
  get settled(): Promise<void> {
    return this.#work;
  }

  /** Forget what waits, and the answer to what is under way. */
  drop(): void {
    this.#next = null;
    this.#generation += 1;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#next) {
      const { what } = this.#next, generation = this.#generation;
      this.#next = null;
      const current = (): boolean => generation === this.#generation;
      this.#work = this.work(what, current).catch((error: unknown) => {
        if (current() && !isOutdated(error)) this.failed(error, what);
      });
      await this.#work;
      if (this.pause) await after(this.pause);
    }
    this.#running = false;
  }
}

export const after = (time: number): Promise<unknown> => new Promise((done) => setTimeout(done, time));

/** After the next frame, or `time` milliseconds where no frame comes (a page in the background). */
export const framed = (time: number): Promise<unknown> =>
  Promise.race([new Promise((done) => requestAnimationFrame(() => setTimeout(done))), after(time)]);

/** Call `act` when nothing has been asked for `time` milliseconds. */
export function rested(act: () => void, time: number): { later(): void; cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    later: () => {
      clearTimeout(timer);
      timer = setTimeout(act, time);
    },
    cancel: () => clearTimeout(timer),
  };
}
