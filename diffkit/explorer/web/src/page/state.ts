// What the page shows, in one place, and the same in the address behind its `#`: whoever opens that
// address sees the same page. Example: #e=log(x1)%20+%20x1*x2&at=x1:2,x2:5&over=x1&tab=graph. A plus
// is a plus, as whoever writes such an address by hand expects.

export interface State {
  text: string;
  at: Record<string, number>;
  active: string;
  tab: string;
  extras: Record<string, string>;
}

const OWN = new Set(["e", "at", "over", "tab"]);

/** The state that an address's fragment holds; what it does not say is absent. */
export function read(fragment: string): Partial<State> {
  const said = new Map(fragment.replace(/^#/, "").split("&").filter(Boolean).map((pair): [string, string] => {
    const [key = "", ...value] = pair.split("=");
    return [decoded(key), decoded(value.join("="))];
  }));
  const state: Partial<State> = {};
  const [text, at, active, tab] = ["e", "at", "over", "tab"].map((key) => said.get(key));
  if (text !== undefined) state.text = text;
  if (at !== undefined) state.at = readPoint(at);
  if (active !== undefined) state.active = active;
  if (tab !== undefined) state.tab = tab;
  const extras = [...said].filter(([key]) => !OWN.has(key));
  if (extras.length) state.extras = Object.fromEntries(extras);
  return state;
}

/** `x1:2,x2:5` or `x1=2,x2=5` as numbers; what is no number is left out. */
export function readPoint(text: string): Record<string, number> {
  const pairs = text.split(",").map((part) => part.split(/[:=]/).map((word) => word.trim()));
  return Object.fromEntries(
    pairs.map(([name = "", value = ""]) => [name, value === "" ? NaN : Number(value)] as const)
      .filter(([name, value]) => name !== "" && Number.isFinite(value)),
  );
}

/** The fragment that holds a state. */
export function write(state: State): string {
  const at = Object.entries(state.at).map(([name, value]) => `${name}:${value}`).join(",");
  const pairs: [string, string][] = [["e", state.text]];
  if (at) pairs.push(["at", at]);
  if (state.active && Object.keys(state.at).length > 1) pairs.push(["over", state.active]);
  pairs.push(["tab", state.tab], ...Object.entries(state.extras));
  return `#${pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encoded(value)}`).join("&")}`;
}

/** As `encodeURIComponent`, but what is harmless in a fragment stays readable. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/%(3A|2B|2C|2F|40|3D)/g, (code) => decodeURIComponent(code));
}

/** The text itself where it was not encoded in the first place. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
