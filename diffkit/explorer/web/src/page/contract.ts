// What the page and its tabs say to each other. A tab is mounted once, when it is first opened, and
// told of every change of the page's state while it is shown.

/** What the page shows now; the address holds the same behind its `#`. */
export interface Snapshot {
  text: string;
  at: Record<string, number>;
  /** In the order of the expression. */
  variables: string[];
  /** The variable under the finger: the curve is drawn over it. */
  active: string;
  tab: string;
  dark: boolean;
  /** The state of single tabs, by keys such as "steps.h". */
  extras: Record<string, string>;
}

/** Numbers of a tab in full precision, for CSV and JSON. */
export interface Table {
  name: string;
  columns: string[];
  rows: (string | number | null)[][];
}

/** Answers of the server. Each throws ApiFailure, or a DOMException "AbortError" when outdated. */
export interface Api {
  /** POST JSON; a later request with the same key cancels the earlier one. */
  post<T>(path: string, body: unknown, key?: string): Promise<T>;
  get<T>(path: string): Promise<T>;
  /** Server-sent events, by their names; what is returned closes the stream. */
  events(path: string, on: Record<string, (data: unknown) => void>): () => void;
}

export interface Context {
  api: Api;
  /** Say something to a screen reader, politely. */
  announce(text: string): void;
  setAt(name: string, value: number): void;
  setExtra(key: string, value: string | null): void;
  /** Show an error as a sentence and its hint in `host`; the last picture stays, dimmed. `null` clears. */
  fail(host: HTMLElement, error: unknown): void;
}

export interface View {
  update(now: Snapshot): void;
  hide(): void;
  picture(): SVGSVGElement | HTMLCanvasElement | null;
  table(): Table | null;
  /** The equivalent Python code. */
  code(): string | null;
}

export interface Tab {
  id: string;
  title: string;
  mount(host: HTMLElement, context: Context): View;
}
