// Training: a small net learns while you look, and you may pause it or change its rate.

import { button, html } from "../../drawing/dom";
import type { Context, Snapshot, Tab, Table, View } from "../contract";
import { short } from "../numbers";
import { spoken } from "./asking";
import { Charts } from "./training_charts";
import { Told, type Boundary, type Choices, type Done, type Epoch, type Phase, type Start, type Wish } from "./training_data";
import { Form } from "./training_form";
import { Plane } from "./training_plane";

const SAY_EVERY_MS = 5000; // to a screen reader, while it runs
const RATE_MS = 80; // between two changes of the rate that are sent
const NUMBERS = new Set(["batch", "rate", "seed", "epochs"]);

class TrainingView implements View {
  readonly #title = html("p", { class: "finding" }, "A small net, two inputs, and the boundary it draws. Press Start.");
  readonly #controls = html("div", {});
  readonly #start = button("Start", "Start the training", () => void this.#begin(), "button primary");
  readonly #pause = button("Pause", "Pause the training", () => void this.#act(this.#phase === "paused" ? "resume" : "pause"), "button");
  readonly #step = button("Step", "Train one epoch, then pause", () => void this.#act("step"), "button");
  readonly #stop = button("Stop", "End the training", () => void this.#act("stop"), "button");
  readonly #trouble = html("div", { class: "trouble" });
  readonly #body = html("div", { class: "tab-body" });
  readonly #plane: Plane;
  readonly #charts: Charts;
  #choices: Choices | null = null;
  #form: Form | null = null;
  #kept = ""; // what the address says of the training, as it was read or written last
  #now: Snapshot | null = null;
  #shown = false;
  #phase: Phase = "ready";
  #id: string | null = null;
  #made: Wish | null = null;
  #told: Told | null = null;
  #close: (() => void) | null = null;
  #frame = 0;
  #said = 0;
  #rating: ReturnType<typeof setTimeout> | undefined;

  constructor(host: HTMLElement, private readonly context: Context) {
    const plane = html("div", { class: "tab-picture" }), curves = html("div", { class: "training-curves" }), below = html("div", { class: "training-below" });
    const buttons = html("div", { class: "tab-buttons", role: "group", "aria-label": "Training" }, this.#start, this.#pause, this.#step, this.#stop);
    host.classList.add("tab-training");
    this.#body.append(this.#controls, buttons, this.#trouble, this.#title, html("div", { class: "training-split" }, html("div", { class: "training-left" }, plane, below), curves));
    host.append(this.#body);
    this.#plane = new Plane(plane);
    this.#charts = new Charts(curves, below);
    this.#enter("ready");
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", (event) => event.persisted && this.#return());
  }

  update(now: Snapshot): void {
    const turned = this.#now?.dark !== now.dark;
    this.#now = now;
    this.#shown = true;
    if (!this.#form) void this.#prepare();
    else this.#read(now.extras);
    if (turned || this.#told) this.#draw();
  }

  hide(): void {
    this.#shown = false;
  }

  picture(): HTMLCanvasElement {
    return this.#plane.element;
  }

  table(): Table | null {
    const told = this.#told;
    if (!told?.last) return null;
    return {
      name: "training",
      columns: ["epoch", "loss", "accuracy", "validation accuracy", "rate", ...told.layers.map((layer) => `signal ${layer}`)],
      rows: told.epochs.map(({ epoch, loss, accuracy, validation_accuracy: seen, rate, signal }) => [epoch, loss, accuracy ?? null, seen ?? null, rate, ...told.layers.map((layer) => signal[layer] ?? null)]),
    };
  }

  code(): string | null {
    return this.#told?.code ?? null;
  }

  async #prepare(): Promise<void> {
    try {
      this.#choices = await this.context.api.get<Choices>("/api/train/choices");
      if (!this.#form) this.#read(this.#now?.extras ?? {});
      this.context.fail(this.#trouble, null);
    } catch (error) {
      this.context.fail(this.#trouble, error);
    }
  }

  /** The form as the address has it, unless it has been read or written so; a training that runs keeps its own. */
  #read(extras: Record<string, string>): void {
    const said = written(extras);
    if (!this.#choices || (this.#form && (said === this.#kept || this.#id !== null && !this.#ended))) return;
    this.#kept = said;
    this.#form = new Form(this.#choices, wished(this.#choices.defaults, extras), () => this.#keep(), (rate) => this.#rate(rate));
    this.#controls.replaceChildren(this.#form.element);
    this.#enter(this.#phase);
  }

  get #ended(): boolean {
    return this.#phase === "done" || this.#phase === "failed" || this.#phase === "ready";
  }

  /** What was chosen goes into the address. */
  #keep(): void {
    const wish = this.#form?.wish();
    if (!wish || typeof wish === "string") return;
    const said = Object.fromEntries(Object.entries(wish).map(([key, value]) => [`train.${key}`, String(value)]));
    this.#kept = written(said);
    for (const [key, value] of Object.entries(said)) this.context.setExtra(key, value);
  }

  async #begin(): Promise<void> {
    const wish = this.#form?.wish();
    if (!wish) return;
    if (typeof wish === "string") {
      this.context.fail(this.#trouble, new Error(wish));
      return;
    }
    this.#close?.();
    this.#told = new Told();
    this.#made = wish;
    this.#enter("starting");
    this.#draw();
    try {
      const { id } = await this.context.api.post<{ id: string }>("/api/train", wish, "train");
      this.context.fail(this.#trouble, null);
      this.#id = id;
      this.#listen(id, this.#told);
      this.#enter("running");
      this.context.announce("the training runs");
    } catch (error) {
      this.#enter("failed");
      this.context.fail(this.#trouble, error);
    }
  }

  #listen(id: string, told: Told): void {
    this.#close = this.context.api.events(`/api/train/${id}/events`, {
      start: (found) => {
        told.start = found as Start;
        this.#later();
      },
      epoch: (found) => {
        if (told.add(found as Epoch)) this.#later();
      },
      boundary: (found) => {
        told.boundary = found as Boundary;
        this.#later();
      },
      done: (found) => this.#end(told, found as Done),
      end: () => this.#leave(),
      error: (found) => {
        this.#enter("failed");
        this.#close?.();
        const { error, hint } = found as { error?: string; hint?: string };
        this.context.fail(this.#trouble, new Error([error ?? "The training failed", hint].filter(Boolean).join(" ")));
      },
    });
  }

  #end(told: Told, { reason, code }: Done): void {
    told.code = code ?? null;
    this.#close?.();
    this.#close = null;
    this.#enter("done");
    this.#draw();
    this.context.announce(`the training ${reason === "stopped" ? "was stopped" : "has ended"}: ${this.#words()}`);
  }

  async #act(action: "pause" | "resume" | "step" | "stop"): Promise<void> {
    if (!this.#id) return;
    try {
      await this.context.api.post(`/api/train/${this.#id}`, { action });
      if (action === "stop") return; // the stream says when it has ended
      this.#enter(action === "resume" ? "running" : "paused");
      this.context.announce(action === "resume" ? "the training goes on" : action === "step" ? "one epoch" : "paused");
    } catch (error) {
      this.context.fail(this.#trouble, error);
    }
  }

  /** Change the rate of the training that runs; a slider says more than the server needs. */
  #rate(rate: number): void {
    if (!this.#id || (this.#phase !== "running" && this.#phase !== "paused")) return;
    clearTimeout(this.#rating);
    this.#rating = setTimeout(() => {
      this.context.api.post(`/api/train/${this.#id ?? ""}`, { action: "rate", rate }, "train-rate")
        .then(() => this.context.announce(`rate ${rate}`), (error: unknown) => this.context.fail(this.#trouble, error));
    }, RATE_MS);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    const under = phase === "running" || phase === "paused";
    this.#body.dataset["phase"] = phase;
    this.#start.textContent = this.#told?.last || phase === "done" ? "Start again" : "Start";
    this.#start.disabled = !this.#form || under || phase === "starting";
    for (const control of [this.#pause, this.#step, this.#stop]) control.disabled = !under;
    this.#pause.textContent = phase === "paused" ? "Go on" : "Pause";
    this.#pause.setAttribute("aria-label", phase === "paused" ? "Go on with the training" : "Pause the training");
    this.#form?.lock(under || phase === "starting");
    this.#say();
  }

  #leave(): void {
    this.#close?.();
    this.#close = null;
  }

  /** Back on a page that the browser had kept: what was missed is told again. */
  #return(): void {
    if (this.#id && this.#told && (this.#phase === "running" || this.#phase === "paused")) this.#listen(this.#id, this.#told);
  }

  #later(): void {
    if (!this.#shown || this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    this.#plane.show(this.#told, this.#now?.dark ?? false);
    this.#charts.show(this.#told);
    this.#say();
  }

  #words(): string {
    const last = this.#told?.last;
    if (!last) return "no epoch yet";
    const accuracy = last.validation_accuracy ?? last.accuracy;
    const right = typeof accuracy === "number" ? `, ${(100 * accuracy).toFixed(accuracy === 1 ? 0 : 1)} % right${last.validation_accuracy == null ? "" : " on data it has not seen"}` : "";
    return `epoch ${last.epoch}: loss ${short(last.loss, 3)}${right}`;
  }

  #say(): void {
    if (this.#phase === "starting") this.#title.textContent = "Starting …";
    if (this.#phase === "failed") this.#title.textContent = "Nothing was trained.";
    const last = this.#told?.last;
    if (!last) return;
    const doing = { running: "", paused: "Paused at ", done: "Ended after ", failed: "Failed after ", ready: "", starting: "" }[this.#phase];
    const words = `${doing}${this.#words()}`;
    this.#title.textContent = `${words.replace(/^./, (first) => first.toUpperCase())}${signalWords(this.#told)}.`;
    this.#plane.element.setAttribute("aria-label", `Decision boundary on ${spoken(this.#made?.dataset ?? "the data")}: ${words}`);
    if (this.#phase === "running" && performance.now() - this.#said > SAY_EVERY_MS) {
      this.#said = performance.now();
      this.context.announce(this.#words());
    }
  }
}

/** How the signal of the first layer compares with that of the last. */
function signalWords(told: Told | null): string {
  const layers = told?.layers ?? [], signal = told?.last?.signal ?? {};
  const first = signal[layers[0] ?? ""], last = signal[layers[layers.length - 1] ?? ""];
  if (layers.length < 2 || !first || !last) return "";
  return `; the signal at ${spoken(layers[0] ?? "")} is ${short(first / last, 2)} times that at ${spoken(layers[layers.length - 1] ?? "")}`;
}

/** What an address says of the training, in one order. */
const written = (extras: Record<string, string>): string =>
  JSON.stringify(Object.entries(extras).filter(([key]) => key.startsWith("train.")).sort());

/** The defaults, and over them what the address says. */
function wished(defaults: Wish, extras: Record<string, string>): Wish {
  const said = Object.entries(defaults).map(([key, value]) => {
    const text = extras[`train.${key}`];
    if (text === undefined) return [key, value];
    if (!NUMBERS.has(key)) return [key, text];
    return [key, Number.isFinite(Number(text)) ? Number(text) : value];
  });
  return Object.fromEntries(said) as Wish;
}

export const training: Tab = {
  id: "training",
  title: "Training",
  mount: (host, context) => new TrainingView(host, context),
};
