// The page as Python: what is on the screen, for a script or a notebook.

import type { Snapshot } from "./contract";

/** A string literal of Python's. */
export const quoted = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** A number as Python's float. */
export function float(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text.replace("e+", "e") : `${text}.0`;
}

/** The point, as positional arguments in the order of the variables. */
export const pointOf = (now: Snapshot): string => now.variables.map((name) => float(now.at[name] ?? 0)).join(", ");

/** A program that prints what the page shows; a tab adds its own lines. */
export function program(now: Snapshot, tab: string | null): string {
  const point = pointOf(now), names = now.variables.join(", ");
  const lines = ["import diffkit as dk", "", `f = dk.parse(${quoted(now.text)})  # of ${names || "no variable"}`];
  if (point) lines.push(`print(dk.compare(f, ${point}).table())`);
  if (tab) lines.push("", tab);
  return `${lines.join("\n")}\n`;
}

/** The same in a terminal: a command that opens this page on any computer with diffkit. */
export function command(now: Snapshot): string {
  const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const point = now.variables.map((name) => `${name}=${now.at[name]}`).join(",");
  return `diffkit explore ${shell(now.text)}${point ? ` --at ${point}` : ""}`;
}
