// What leaves the page: pictures, tables and text as files, made here and nowhere else.

import type { Table } from "./contract";

const SCALE = 2; // a PNG has twice the pixels of the screen
const INLINED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linecap", "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "font-style", "text-anchor", "paint-order", "display", "visibility"];

export function save(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** A chart as a file of its own: what the style sheet says becomes attributes, the page's ground a rectangle. */
export function svgText(picture: SVGSVGElement): string {
  const copy = picture.cloneNode(true) as SVGSVGElement;
  const [shown, copied] = [[picture, ...picture.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  shown.forEach((element, place) => {
    const style = getComputedStyle(element), target = copied[place];
    if (!target) return;
    for (const property of INLINED) {
      const value = style.getPropertyValue(property);
      if (value) target.setAttribute(property, value);
    }
    ["class", "tabindex", "role", "aria-hidden", "style"].forEach((name) => target.removeAttribute(name));
  });
  copy.querySelectorAll(".grip, [data-grip]").forEach((grip) => grip.remove());
  const { width, height } = picture.getBoundingClientRect();
  const box = picture.viewBox.baseVal;
  const [x, y, wide, high] = box && box.width ? [box.x, box.y, box.width, box.height] : [0, 0, width, height];
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("viewBox", `${x} ${y} ${wide} ${high}`);
  copy.setAttribute("width", String(wide));
  copy.setAttribute("height", String(high));
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of [["x", x], ["y", y], ["width", wide], ["height", high]] as const) ground.setAttribute(name, String(value));
  ground.setAttribute("fill", getComputedStyle(document.body).backgroundColor);
  copy.prepend(ground);
  return new XMLSerializer().serializeToString(copy);
}

export async function png(picture: SVGSVGElement | HTMLCanvasElement): Promise<Blob> {
  const canvas = picture instanceof HTMLCanvasElement ? picture : await painted(picture);
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("The picture is too large for a PNG."))), "image/png"));
}

async function painted(picture: SVGSVGElement): Promise<HTMLCanvasElement> {
  const address = URL.createObjectURL(new Blob([svgText(picture)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * SCALE;
    canvas.height = image.naturalHeight * SCALE;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Comma-separated values (RFC 4180); numbers in full precision. */
export function csv({ columns, rows }: Table): string {
  const cell = (value: string | number | null): string => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${[columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

export function json(table: Table, about: Record<string, unknown>): string {
  const rows = table.rows.map((row) => Object.fromEntries(table.columns.map((column, place) => [column, row[place] ?? null])));
  return `${JSON.stringify({ schema: 1, ...about, name: table.name, rows }, null, 2)}\n`;
}

export async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission: the text is selected instead
  }
}
