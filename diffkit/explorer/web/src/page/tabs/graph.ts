// The tab Graph: the expression's graph, stepped through by the drawing module.

import type * as Drawing from "../../drawing/index";
import { html } from "../../drawing/dom";
import type { Context, Snapshot, Tab, Table, View } from "../contract";
import { pointOf } from "../code";
import { Latest, SECOND_MS } from "../latest";

declare const diffkitDrawing: typeof Drawing;

type Data = Drawing.Data;

const WHOLE = 1e6; // a step beyond every sweep's end: all of it is shown

class Graph implements View {
  readonly #place = html("div", { class: "stepper-host" });
  readonly #asking: Latest<Snapshot>;
  #drawn: Drawing.Handle | null = null;
  #data: Data | null = null;
  #now: Snapshot | null = null;
  #asked = "";
  #text = "";
  #sweep: Drawing.Sweep = "adjoint";
  #kept: string | null = null; // the step in the address, as it was written or read last

  constructor(private readonly host: HTMLElement, private readonly context: Context) {
    host.append(this.#place);
    this.#asking = new Latest(async (now, current) => {
      const data = await context.api.post<Data>("/api/explain", { text: now.text, at: now.at, direction: now.active }, "explain");
      if (current()) this.#draw(data, now);
      await new Promise(requestAnimationFrame); // no more drawings than frames
    }, (error) => {
      this.#asked = "";
      context.fail(this.host, error);
    }, SECOND_MS);
  }

  update(now: Snapshot): void {
    this.#now = now;
    const asked = JSON.stringify([now.text, now.at, now.active]);
    if (!now.variables.length) return;
    if (asked === this.#asked) {
      this.#said(now);
      return;
    }
    this.#asked = asked;
    this.#asking.want(now);
  }

  hide(): void {
    this.#drawn?.pause();
  }

  picture(): SVGSVGElement | null {
    return this.#place.firstElementChild?.shadowRoot?.querySelector<SVGSVGElement>(".canvas svg") ?? null;
  }

  table(): Table | null {
    const data = this.#data;
    if (!data) return null;
    return {
      name: "graph",
      columns: ["name", "operation", "value", "tangent", "adjoint"],
      rows: data.nodes.map((node) => [node.name, node.formula.primal ?? "", plain(node.primal), plain(node.tangent), plain(node.adjoint)]),
    };
  }

  code(): string | null {
    const now = this.#now;
    if (!now) return null;
    const given = now.variables.length > 1 ? `, direction="${now.active}"` : "";
    return `explanation = dk.explain(f, ${pointOf(now)}${given})\nprint(explanation.table())`;
  }

  #draw(data: Data, now: Snapshot): void {
    this.context.fail(this.host, null);
    this.#data = data;
    if (this.#drawn) {
      this.#drawn.setData(data);
      const other = this.#text !== now.text;
      this.#text = now.text;
      if (other && this.#kept === null && !now.extras["graph.step"]) this.#drawn.show(this.#sweep, WHOLE);
      else this.#said(now);
      return;
    }
    this.#text = now.text;
    this.#kept = now.extras["graph.step"] ?? null;
    this.#drawn = diffkitDrawing.mount(this.#place, data, {
      mode: "auto",
      start: stepOf(this.#kept) ?? { sweep: this.#sweep, step: WHOLE },
      onStep: (state) => {
        this.#sweep = state.sweep;
        // A whole sweep is how a graph comes; only a step within it is worth remembering.
        this.#kept = state.step === state.steps - 1 && state.sweep === "adjoint" ? null : `${state.sweep}:${state.step}`;
        this.context.setExtra("graph.step", this.#kept);
      },
    });
  }

  /** Another address names another step, or none. */
  #said({ extras }: Snapshot): void {
    const said = extras["graph.step"] ?? null;
    if (said === this.#kept) return;
    this.#kept = said;
    const { sweep, step } = stepOf(said) ?? { sweep: "adjoint", step: WHOLE };
    this.#drawn?.show(sweep, step);
  }
}

function stepOf(said: string | null): { sweep: Drawing.Sweep; step: number } | null {
  const [sweep = "", step = "0"] = (said ?? "").split(":");
  return sweep === "primal" || sweep === "tangent" || sweep === "adjoint" ? { sweep, step: Number(step) || 0 } : null;
}

const plain = (value: unknown): string | number | null =>
  typeof value === "number" || typeof value === "string" || value === null ? value : JSON.stringify(value ?? null);

export const graph: Tab = { id: "graph", title: "Graph", mount: (host, context) => new Graph(host, context) };
