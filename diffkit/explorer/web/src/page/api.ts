// Requests to the server that served this page, and to no other.

import type { Api } from "./contract";

/** An answer that says what was wrong, in one sentence, perhaps where and what to do. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";

  constructor(
    readonly status: number,
    readonly error: string,
    readonly position: number | null = null,
    readonly hint: string | null = null,
  ) {
    super(error);
  }
}

export function isOutdated(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

const BUSY = 429;
const UNREACHED = 0;
const TRIES = 3;
const PATIENCE_MS = 250; // before asking again when the server is busy

const wait = (time: number, signal: AbortSignal): Promise<void> =>
  new Promise((done, fail) => {
    const timer = setTimeout(done, time);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(new DOMException("outdated", "AbortError"));
    }, { once: true });
  });

export class Server implements Api {
  /** The server has a function of its own: what is asked about is that, not a text. */
  fixed = false;
  readonly #running = new Map<string, AbortController>();

  constructor(private readonly token: string) {}

  async post<T>(path: string, body: unknown, key?: string): Promise<T> {
    const control = new AbortController();
    if (key) {
      this.#running.get(key)?.abort();
      this.#running.set(key, control);
    }
    try {
      return await this.#answer<T>(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Diffkit-Token": this.token },
        body: JSON.stringify(this.fixed && isAbout(body) ? { ...body, text: null } : body),
        signal: control.signal,
      }, control.signal);
    } finally {
      if (key && this.#running.get(key) === control) this.#running.delete(key);
    }
  }

  get<T>(path: string): Promise<T> {
    return this.#answer<T>(path, { headers: { "X-Diffkit-Token": this.token } }, new AbortController().signal);
  }

  /** No later answer to what was asked under this key is wanted. */
  cancel(key: string): void {
    this.#running.get(key)?.abort();
    this.#running.delete(key);
  }

  events(path: string, on: Record<string, (data: unknown) => void>): () => void {
    // An EventSource sends no headers, so the token travels in the address.
    const source = new EventSource(`${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(this.token)}`);
    for (const [name, act] of Object.entries(on)) {
      source.addEventListener(name, (event) => {
        // "error" is also the browser's own word for a lost connection, which carries no data.
        if (event instanceof MessageEvent) act(JSON.parse(String(event.data)));
        else if (name === "error" && source.readyState === EventSource.CLOSED) act({ error: LOST.error, hint: LOST.hint });
      });
    }
    return () => source.close();
  }

  async #answer<T>(path: string, request: RequestInit, signal: AbortSignal): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      const response = await fetch(path, { ...request, cache: "no-store" }).catch((error: unknown) => {
        throw isOutdated(error) ? error : new ApiFailure(UNREACHED, LOST.error, null, LOST.hint);
      });
      if (response.status === BUSY && tried < TRIES) {
        await wait(PATIENCE_MS * tried, signal);
        continue;
      }
      const text = await response.text();
      if (response.ok) return JSON.parse(text) as T;
      throw failure(response.status, text);
    }
  }
}

const isAbout = (body: unknown): body is { text: string } => typeof body === "object" && body !== null && "text" in body;

const LOST = { error: "The server does not answer.", hint: "Start it again: diffkit explore." };

function failure(status: number, text: string): ApiFailure {
  try {
    const said = JSON.parse(text) as { error?: string; position?: number | null; hint?: string | null };
    return new ApiFailure(status, said.error ?? `The server answered ${status}.`, said.position ?? null, said.hint ?? null);
  } catch {
    return new ApiFailure(status, `The server answered ${status}.`);
  }
}
