// Direct labels that keep clear of each other.

export interface Wish {
  /** Where the label would like to be. */
  at: number;
  /** How much room it needs. */
  room: number;
}

/** Places near the wished ones, in the same order, at least `room` apart and within the bounds. */
export function apart(wishes: Wish[], low: number, high: number): number[] {
  const order = wishes.map((_, place) => place).sort((a, b) => (wishes[a]?.at ?? 0) - (wishes[b]?.at ?? 0));
  const places = wishes.map((wish) => wish.at);
  const room = (place: number): number => wishes[place]?.room ?? 0;
  // Down once, pushing what overlaps; up once, pushing back what left the bounds.
  let edge = low;
  for (const place of order) {
    places[place] = Math.max(places[place] ?? 0, edge + room(place) / 2);
    edge = (places[place] ?? 0) + room(place) / 2;
  }
  edge = high;
  for (const place of order.reverse()) {
    places[place] = Math.min(places[place] ?? 0, edge - room(place) / 2);
    edge = (places[place] ?? 0) - room(place) / 2;
  }
  return places;
}
