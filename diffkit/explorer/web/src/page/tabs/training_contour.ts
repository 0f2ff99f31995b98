// Where a net of two classes changes its mind: a level line on a grid, by marching squares.

type Point = [number, number];

/** The line where the score is `level`; a cell is `across` × `up` pixels, rows go from the bottom up. */
export function contour(grid: (number | null)[][], level: number, across: number, up: number, height: number): Path2D {
  const path = new Path2D();
  for (let row = 0; row + 1 < grid.length; row += 1) {
    const below = grid[row] ?? [], above = grid[row + 1] ?? [];
    for (let column = 0; column + 1 < below.length; column += 1) {
      const ends = crossings([below[column], below[column + 1], above[column + 1], above[column]], level);
      for (let end = 0; end + 1 < ends.length; end += 2) {
        const from = ends[end], to = ends[end + 1];
        if (!from || !to) continue;
        path.moveTo((column + from[0]) * across, height - (row + from[1]) * up);
        path.lineTo((column + to[0]) * across, height - (row + to[1]) * up);
      }
    }
  }
  return path;
}

/** The crossings on the edges of a cell, whose corners go round from the lower left. */
function crossings([a, b, c, d]: (number | null | undefined)[], level: number): Point[] {
  if (a == null || b == null || c == null || d == null) return [];
  const edges: [number, number, (share: number) => Point][] = [
    [a, b, (share) => [share, 0]], [b, c, (share) => [1, share]],
    [d, c, (share) => [share, 1]], [a, d, (share) => [0, share]],
  ];
  return edges.filter(([from, to]) => from > level !== to > level).map(([from, to, at]) => at((level - from) / (to - from)));
}
