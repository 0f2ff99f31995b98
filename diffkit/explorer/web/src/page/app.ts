// The page as a whole: one state; what changes it, and who is told.

import { ApiFailure, Server, isOutdated } from "./api";
import type { Context, Snapshot, Tab } from "./contract";
import { EXAMPLES, type Example } from "./examples";
import { Expression } from "./expression";
import { fail } from "./failure";
import { Formula } from "./formula";
import { after, framed, Latest, rested, SECOND_MS } from "./latest";
import { Methods, type Comparison } from "./methods";
import { named, short } from "./numbers";
import { Picture } from "./picture";
import type { Parsed, Places, Subject } from "./places";
import { Point } from "./point";
import { Share, type Offer } from "./share";
import { rewritten } from "./rewriting";
import { read, write, type State } from "./state";
import { Tabs } from "./tabs";
import { Theme } from "./theme";
import { windowAround, windowsIn, withWindows, type Window } from "./windows";

const REST_MS = 350; // without a change, before times are measured and the formula is asked for
const ADDRESS_MS = 200; // browsers refuse more than 100 changes of the address in 30 seconds
const SPEAK_MS = 900;
const LASTING = /^(schedules|train)\./; // of what an address says: it has nothing to do with f
const LATE_MS = 60; // what follows the picture waits for it no longer than this

export class App {
  #text = "";
  #at: Record<string, number> = {};
  #said: Partial<State> | null = null; // an address, until its text has been read
  #known: Record<string, number> = {}; // values of variables that are gone while a text is being written
  #variables: string[] = [];
  #active = "";
  #tab = "graph";
  #extras: Record<string, string> = {};
  #windows: Record<string, Window> = {};
  readonly #server: Server;
  readonly #theme: Theme;
  readonly #expression: Expression;
  readonly #formula: Formula;
  readonly #point: Point;
  readonly #picture: Picture;
  readonly #methods: Methods;
  readonly #tabs: Tabs;
  readonly #share: Share;
  readonly #parsing: Latest<{ text: string; example?: Example | undefined }>;
  readonly #comparing: Latest<{ now: Snapshot; measure: boolean }>;
  readonly #symbolic: Latest<Snapshot>;
  readonly #following: Latest<Snapshot>;
  #comparedOf = ""; // the text whose methods were asked for last
  #formulaOf = ""; // the text whose formula SymPy has, and answers at once
  readonly #rest = rested(() => this.#rested(), REST_MS);
  readonly #address = rested(() => history.replaceState(null, "", this.#fragment()), ADDRESS_MS);
  readonly #speaking = rested(() => this.#speak(), SPEAK_MS);

  constructor(private readonly places: Places, token: string, tabs: Tab[]) {
    this.#server = new Server(token);
    this.#theme = new Theme(() => this.#tabs?.show(this.#now()));
    this.#expression = new Expression(places.expression, {
      typed: (text) => this.#parsing.want({ text }),
      chosen: (example) => this.#choose(example),
    });
    this.#formula = new Formula(places.formula);
    this.#point = new Point(places.point, { moved: (name, value) => this.#move({ [name]: value }), chosen: (name) => this.#activate(name) });
    this.#picture = new Picture(places.picture, this.#server, {
      moved: (at) => this.#move(at),
      zoomed: (name, window) => this.#zoomed(name, window),
      failed: (error) => fail(places.picture, error),
      drawn: () => this.#drawn(),
    });
    this.#methods = new Methods(places.methods, (name) => this.#activate(name));
    const context: Context = {
      api: this.#server,
      announce: (text) => this.#announce(text),
      setAt: (name, value) => this.#move({ [name]: value }),
      setExtra: (key, value) => this.#extra(key, value),
      fail,
    };
    this.#tabs = new Tabs(places.tabs, tabs, context, (id) => this.#open(id));
    this.#share = new Share(() => this.#offer(), (text) => this.#announce(text));
    this.#parsing = new Latest<{ text: string; example?: Example | undefined }>(async ({ text, example }, current) => {
      const parsed = await this.#server.post<Parsed>("/api/parse", { text }, "parse");
      if (current()) this.#parsed(text, parsed, example);
    }, (error, { text }) => this.#wrong(error, text));
    this.#comparing = new Latest(async ({ now, measure }, current) => {
      const found = await this.#server.post<Comparison>("/api/compare", { text: now.text, at: now.at, measure }, "compare");
      if (current()) this.#compared({ ...found, function: now.text, at: now.at }, measure);
    }, (error) => fail(places.methods, error), SECOND_MS);
    this.#symbolic = new Latest(async (now, current) => {
      const found = await this.#server.post<Comparison>("/api/compare", { text: now.text, at: now.at, methods: ["symbolic"] }, "symbolic");
      this.#formulaOf = now.text;
      if (current()) this.#methods.add({ ...found, function: now.text, at: now.at });
    }, (error) => {
      const now = this.#now();
      this.#methods.add({ function: now.text, at: now.at, truth: null, methods: { symbolic: { refused: message(error) } } });
    }, SECOND_MS);
    this.#following = new Latest(async () => {
      const { text } = this.#now();
      await Promise.race([this.#picture.settled, after(LATE_MS)]);
      await framed(LATE_MS);
      const now = this.#now();
      if (now.text !== text || !now.variables.length) return;
      this.#comparing.want({ now, measure: false });
      this.#follow(now);
      this.#rest.later(); // where timers are slow, it may have come before this
    }, () => undefined);
    this.#tools();
    addEventListener("hashchange", () => this.#restore());
  }

  async start(): Promise<void> {
    const subject = await this.#server.get<Subject>("/api/subject").catch(() => null);
    if (subject && subject.text === null && subject.function) this.#fix(subject);
    else {
      const said = read(location.hash), first = EXAMPLES[0];
      if (said.text === undefined && subject?.text) this.#begin({ text: subject.text, at: subject.at });
      else if (said.text === undefined && first) this.#choose(first);
      else this.#begin(said);
    }
  }

  // What changes the state ------------------------------------------------------------------------

  #begin(said: Partial<State>): void {
    this.#said = said;
    this.#expression.show(said.text ?? "");
    this.#parsing.want({ text: said.text ?? "" });
  }

  /** What an address says, but for its text. */
  #take(said: Partial<State>): void {
    this.#extras = said.extras ?? {};
    this.#picture.choice = this.#extras["picture"] ?? null;
    this.#windows = windowsIn(this.#extras);
    if (said.tab && this.#tabs.has(said.tab)) this.#tab = said.tab;
    this.#at = { ...said.at };
    this.#known = {};
    this.#active = said.active ?? "";
  }

  #restore(): void {
    if (location.hash === this.#fragment()) return;
    const said = read(location.hash);
    if (!this.#server.fixed) this.#begin(said);
    else if (said.text === this.#text) {
      this.#take({ ...said, at: within(this.#known, said.at) });
      this.#settle(this.#variables);
      this.#changed();
    }
  }

  #choose(example: Example): void {
    if (this.#text && this.#text !== example.text) { // the way back leads to what was there
      history.replaceState(null, "", this.#fragment());
      history.pushState(null, "", location.href);
    }
    this.#expression.show(example.text);
    this.#expression.fine();
    this.#said = null;
    // What a tab has of its own goes on; what belongs to the old function does not.
    this.#extras = Object.fromEntries(Object.entries(this.#extras).filter(([key]) => LASTING.test(key)));
    this.#picture.choice = null;
    this.#parsing.want({ text: example.text, example });
  }

  #parsed(text: string, { variables, latex }: Parsed, example?: Example): void {
    if (this.#said) this.#take(this.#said);
    this.#said = null;
    if (example) {
      this.#at = { ...example.at };
      this.#windows = { ...example.windows };
      this.#active = example.over ?? "";
    }
    this.#expression.fine();
    this.#expression.lesson(text);
    document.body.classList.remove("wrong-text");
    document.title = `${text} · diffkit explorer`;
    this.#text = text;
    this.#settle(variables);
    this.#formula.f(latex, variables.length);
    this.#formula.gradient(null, this.#active);
    this.#changed();
  }

  /** The point has exactly these variables; those that are new begin at 1. */
  #settle(variables: string[]): void {
    this.#variables = variables;
    this.#known = { ...this.#known, ...this.#at };
    this.#at = Object.fromEntries(variables.map((name) => [name, own(this.#known, name) ?? 1]));
    if (!variables.includes(this.#active)) this.#active = variables[0] ?? "";
    for (const name of variables) this.#contain(name);
  }

  #fix({ function: name, at, variables }: Subject): void {
    this.#server.fixed = true;
    this.#text = name ?? "";
    document.title = `${this.#text} · diffkit explorer`;
    const said = read(location.hash);
    this.#take(said.text === this.#text ? { ...said, at: within(at, said.at) } : { at });
    this.#expression.show(this.#text);
    this.#expression.lock("A function of yours, from the command line: it is explored as it stands.");
    this.#settle(variables ?? Object.keys(at));
    this.places.formula.hidden = true;
    this.#changed();
  }

  #move(at: Record<string, number>): void {
    for (const [name, value] of Object.entries(at)) {
      if (!Object.hasOwn(this.#at, name)) continue;
      this.#at = { ...this.#at, [name]: value };
      this.#contain(name);
    }
    this.#changed();
  }

  #activate(name: string): void {
    if (name === this.#active || !Object.hasOwn(this.#at, name)) return;
    this.#active = name;
    this.#methods.choosing(name);
    this.#formula.choosing(name);
    this.#changed();
  }

  #zoomed(name: string, window: Window): void {
    this.#windows = { ...this.#windows, [name]: window };
    this.#changed();
  }

  /** A window that holds the value. */
  #contain(name: string): void {
    const value = this.#at[name] ?? 0, window = own(this.#windows, name);
    if (!window || value < window[0] || value > window[1]) this.#windows = { ...this.#windows, [name]: windowAround(value) };
  }

  #open(id: string): void {
    this.#tab = id;
    this.#tabs.show(this.#now());
    this.#address.later();
  }

  #extra(key: string, value: string | null): void {
    if (value === null) delete this.#extras[key];
    else this.#extras[key] = value;
    this.#address.later();
  }

  // Who is told -----------------------------------------------------------------------------------

  #now(): Snapshot {
    return { text: this.#text, at: this.#at, variables: this.#variables, active: this.#active, tab: this.#tab, dark: this.#theme.dark, extras: this.#extras };
  }

  #changed(): void {
    const now = this.#now();
    const none = now.variables.length === 0;
    document.body.classList.toggle("constant", none); // nothing to differentiate by: the last picture stays, dimmed
    this.#address.later();
    if (none) {
      this.#formula.gradient(null, "", "There is no variable to differentiate by: write x.");
      return;
    }
    document.body.classList.remove("empty");
    this.#point.show(now.variables, now.at, now.active, this.#windows);
    // The picture follows the finger, all else the picture; of another function the numbers come first.
    const other = this.#comparedOf !== now.text;
    this.#comparedOf = now.text;
    if (other) this.#comparing.want({ now, measure: false });
    this.#picture.update(now, this.#windows, this.#methods.known);
    if (other) this.#follow(now);
    else this.#following.want(now);
    this.#rest.later();
  }

  /** The formula's value and the tab follow a change. */
  #follow(now: Snapshot): void {
    if (this.#formulaOf === now.text) this.#symbolic.want(now);
    this.#tabs.show(now);
  }

  #compared(found: Comparison, measured: boolean): void {
    fail(this.places.methods, null);
    this.#methods.show(found, this.#active);
    const now = this.#now();
    if (now.variables.length) this.#picture.update(now, this.#windows, found);
    if (measured) this.#speaking.later();
  }

  #drawn(): void {
    fail(this.places.picture, null);
    this.#extra("picture", this.#picture.choice);
  }

  /** Nothing moves: times are measured, and SymPy is asked. */
  #rested(): void {
    const now = this.#now();
    if (!now.variables.length) return;
    this.#comparing.want({ now, measure: true });
    this.#symbolic.want(now);
    if (this.#server.fixed) return;
    const still = (): boolean => now.text === this.#text;
    void this.#server.post<{ latex: Record<string, string> }>("/api/derive", { text: now.text }, "derive")
      .then(({ latex }) => still() && this.#formula.gradient(latex, this.#active))
      .catch((error: unknown) => { if (!isOutdated(error) && still()) this.#formula.gradient(null, this.#active, message(error)); });
  }

  #wrong(error: unknown, text: string): void {
    this.#expression.wrong(error);
    document.body.classList.add("wrong-text");
    const meant = error instanceof ApiFailure ? rewritten(text, error.hint) : null;
    if (meant === null) return;
    this.#server.post<Parsed>("/api/parse", { text: meant }, "offer")
      .then(({ variables }) => variables.length && this.#expression.value === text && this.#expression.offer(meant))
      .catch(() => undefined); // a guess that cannot be read is none
  }

  #speak(): void {
    const now = this.#now(), known = this.#methods.known, found = known?.methods.reverse;
    if (!found) return;
    const at = now.variables.map((name) => `${named(name)} ${short(now.at[name])}`).join(", ");
    this.#announce(`At ${at}: f is ${short(found.value)}, its derivative with respect to ${named(now.active)} is ${short(found.derivative?.[now.active])}.`);
  }

  #announce(text: string): void {
    this.places.announce.textContent = text;
  }

  // Tools -----------------------------------------------------------------------------------------

  #tools(): void {
    const share = document.createElement("button");
    share.type = "button";
    share.className = "button tool";
    share.textContent = "Share & export";
    share.addEventListener("click", () => this.#share.open());
    this.places.tools.append(share, this.#theme.toggle());
    document.body.append(this.#share.element);
  }

  #offer(): Offer {
    const view = this.#tabs.view, title = this.#tabs.title;
    history.replaceState(null, "", this.#fragment());
    return {
      now: this.#now(),
      link: location.href,
      pictures: [{ name: this.#picture.flat ? "Contours" : "Curve", picture: this.#variables.length ? this.#picture.element : null }, { name: title, picture: view?.picture() ?? null }],
      tables: [this.#methods.table(), view?.table() ?? null],
      code: view?.code() ?? null,
      own: this.#server.fixed,
    };
  }

  #fragment(): string {
    const extras = withWindows(this.#extras, this.#windows, this.#at);
    return write({ text: this.#text, at: this.#at, active: this.#active, tab: this.#tab, extras });
  }
}

/** The point of an address, where it names the function's variables. */
const within = (at: Record<string, number>, said: Record<string, number> = {}): Record<string, number> =>
  Object.fromEntries(Object.entries(at).map(([name, value]) => [name, own(said, name) ?? value]));

/** What a record has itself: a variable may be called constructor, which every object has. */
const own = <T>(record: Record<string, T>, name: string): T | undefined => (Object.hasOwn(record, name) ? record[name] : undefined);

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));
