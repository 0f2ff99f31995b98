// What a training is made of, and what the server tells while it runs.

export interface Named {
  name: string;
  title?: string;
  /** Of a data set: the losses that fit it, the usual one first. */
  losses?: string[];
}

export interface Choices {
  datasets: (Named | string)[];
  nets: (Named | string)[];
  losses: (Named | string)[];
  optimizers: (Named | string)[];
  schedules: (Named | string)[];
  defaults: Wish;
}

export interface Wish {
  dataset: string;
  net: string;
  loss: string;
  optimizer: string;
  schedule: string;
  batch: number;
  rate: number;
  seed: number;
  epochs: number;
}

export type Extent = [number, number, number, number];

export interface Start {
  /** Inputs of one or two numbers, and the targets: classes, or numbers. */
  points?: { x: number[][]; y: number[] } | null;
  extent?: Extent | null;
  classes?: string[];
  layers?: string[];
  epochs?: number;
  parameters?: number;
}

export interface Epoch {
  epoch: number;
  step?: number;
  loss: number | null;
  accuracy?: number | null;
  validation_accuracy?: number | null;
  signal: Record<string, number | null>;
  rate: number | null;
}

/** What the net says: over a plane, the score of class 1 in rows from the bottom up; or along a line. */
export interface Boundary {
  grid?: (number | null)[][];
  extent?: Extent;
  x?: number[];
  fit?: (number | null)[];
}

export interface Done {
  reason?: string;
  code?: string | null;
}

/** Where a training is. */
export type Phase = "ready" | "starting" | "running" | "paused" | "done" | "failed";

export const named = (row: Named | string): Named => (typeof row === "string" ? { name: row } : row);

/** Everything that was told of one training. */
export class Told {
  start: Start = {};
  boundary: Boundary | null = null;
  readonly epochs: Epoch[] = [];
  code: string | null = null;

  /** Keep an epoch once: a stream that was lost tells again from the beginning. */
  add(epoch: Epoch): boolean {
    const last = this.epochs[this.epochs.length - 1];
    if (last && epoch.epoch <= last.epoch) return false;
    this.epochs.push(epoch);
    return true;
  }

  get last(): Epoch | null {
    return this.epochs[this.epochs.length - 1] ?? null;
  }

  /** Whether there is anything to draw: inputs of one or two numbers. */
  get drawable(): boolean {
    return Boolean(this.start.points);
  }

  get layers(): string[] {
    return this.start.layers ?? Object.keys(this.epochs[0]?.signal ?? {});
  }
}
