"""Convolution without columns: tiles of outputs that stay in registers while the taps go by.

    y[p, o] = Σₜ x[place of p + tap t] · k[t, o]          (a tile: 8 pixels × 8 or 16 channels)
    k̄[t, o] = Σₚ x[place of p + tap t] · ȳ[p, o]          (a tile: 8 taps × 8 or 16 channels)

Each number that is read from the image meets a whole vector of channels, each vector of the filter
a whole tile of pixels, so nothing needs to be laid out as columns first.  Where a window begins
(its place) and how far its pixels lie from there (its taps) are tables that the rule has made:
stride, padding and the order of the filter are theirs (``rules/convolution.py``).

Reading on: Georganas et al. 2018, *Anatomy of high-performance deep learning convolutions*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from diffkit.engines.machine.fingerprint import target
from diffkit.engines.machine.kernels.abi import FLAGS, KERNEL, u1
from diffkit.engines.machine.kernels.vectors import LANES, VECTORS, copied
from diffkit.engines.machine.kernels.writing import FLOATS, from_text, in_widths

__all__ = ["TILE", "generated"]

# Places or taps in a tile; tables are filled up to a multiple of it with their last entry.
TILE = 8
# Vectors of channels in a tile.
GROUPS = (1, 2)
# Accumulators (of eight numbers) that fit into the registers: 32 of 512 bits, or 16 of 256.
_MANY, _FEW, _WIDE = 16, 4, "+avx512f"


def _tile(groups: int) -> int:
    """Places in a tile on this computer; results do not depend on it."""
    wide = _WIDE in target()[1].split(",")
    return min(TILE, (_MANY if wide else _FEW) // groups)


@njit(**FLAGS)
def copied_rows(x: Any, y: Any, rows: Any, size: Any, x_step: Any, y_step: Any) -> Any:
    """Copy rows of ``size`` bytes that lie ``x_step`` apart to rows that lie ``y_step`` apart."""
    for i in range(rows):
        copied(x + i * x_step, y + i * y_step, size)


@njit(**FLAGS)
def cleared(target: Any, size: Any) -> Any:
    """Set bytes to zero."""
    for k in range(size):
        u1(target)[k] = 0


# Row: image, filter (packed by groups of vectors), where to start from (vectors of channels),
# result, padded image, one vector; places, targets and taps; batch, places, vectors, runs of
# taps, their length, channels, bytes from image to image, from result to result; then the
# padding: rows, their bytes, bytes from row to row, offset of the first, size in all (0: none).
_CONVOLVE = """
def convolve_GROUPS_T(row, table):
    x, k, start = operand(table, row[2]), operand(table, row[3]), operand(table, row[4])
    y, frame, spare = operand(table, row[5]), operand(table, row[6]), operand(table, row[7])
    places, targets = i8(operand(table, row[8])), i8(operand(table, row[9]))
    taps = i8(operand(table, row[10]))
    pixels, vectors, runs, run, channels = row[12], row[13], row[14], row[15], row[16]
    packed = runs * run * GROUPS * VECTOR
    cleared(frame, row[23])
    for n in range(row[11]):
        image = x
        if row[23] > 0:
            copied_rows(x, frame + row[22], row[19], row[20], row[20], row[21])
            image = frame
        for v in range(0, vectors, GROUPS):
            here, used = y + v * VECTOR, channels - v * LANES
            for p in range(0, pixels, TILE):
                weights = k + (v // GROUPS) * packed
                FIRST
                for r in range(runs):
                    t = taps[r]
                    for e in range(run):
                        PRODUCTS
                        weights += GROUPS * VECTOR
                        t += ITEM
                if used >= LANES:
                    STORES
                else:
                    PARTS
        x += row[17]
        y += row[18]
"""

# Row: image, cotangent, the filter's cotangent (to be added to), padded image, cotangent with
# whole vectors of channels; places and taps; batch, places, vectors, taps, bytes from image to
# image, from cotangent to cotangent, of its pixel, of a pixel with whole vectors; padding of the
# image as above; size of the cotangent with whole vectors (0: it has them already).
_CORRELATE = """
def correlate_GROUPS_T(row, table):
    x, c, k = operand(table, row[2]), operand(table, row[3]), operand(table, row[4])
    frame, wide = operand(table, row[5]), operand(table, row[6])
    places, taps = i8(operand(table, row[7])), i8(operand(table, row[8]))
    pixels, vectors, count, by_pixel = row[10], row[11], row[12], row[16]
    cleared(frame, row[21])
    cleared(wide, row[22])
    for n in range(row[9]):
        image, cotangent = x, c
        if row[21] > 0:
            copied_rows(x, frame + row[20], row[17], row[18], row[18], row[19])
            image = frame
        if row[22] > 0:
            copied_rows(c, wide, pixels, row[15], row[15], by_pixel)
            cotangent = wide
        for v in range(0, vectors, GROUPS):
            for p in range(0, count, TILE):
                y = cotangent + v * VECTOR
                FIRST
                for i in range(pixels):
                    t = places[i]
                    PRODUCTS
                    y += by_pixel
                STORES
        x += row[13]
        c += row[14]
"""

# Row: cotangent, filter, result; batch, rows, columns, channels of the cotangent; height, width,
# channels of the filter; height, width of the result; stride and first padding of both axes.
_ADD_WINDOWS = """
def add_windows_T(row, table):
    c, k, y = T(operand(table, row[2])), T(operand(table, row[3])), T(operand(table, row[4]))
    rows, columns, inner = row[6], row[7], row[8]
    height, width, channels = row[9], row[10], row[11]
    doubt = number(0)
    for i in range(height * width * channels * inner):
        doubt += k[i] * number(0)
    if doubt == doubt:
        return
    for i in range(row[5] * row[12] * row[13] * channels):
        y[i] = number(0)
    for n in range(row[5]):
        for a in range(height):
            for b in range(width):
                for i in range(rows):
                    u = i * row[14] + a - row[16]
                    for j in range(columns):
                        v = j * row[15] + b - row[17]
                        if u < 0 or u >= row[12] or v < 0 or v >= row[13]:
                            continue
                        at = ((n * row[12] + u) * row[13] + v) * channels
                        pixel = ((n * rows + i) * columns + j) * inner
                        for o in range(channels):
                            weights = ((a * width + b) * channels + o) * inner
                            total = number(0)
                            for e in range(inner):
                                total += c[pixel + e] * k[weights + e]
                            y[at + o] += total
"""


def _filled(template: str, width: str, groups: int, sections: dict[str, list[str]]) -> str:
    """A template with the lines of its sections, each indented as its mark is."""
    tile, item = _tile(groups), int(width[1])
    lines = []
    for line in template.lstrip().splitlines():
        found = sections.get(line.strip())
        if found is None:
            lines.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += [indent + text for text in found]
    text = "\n".join([*lines, ""]).replace("_T(", f"_{width}(")
    values = {"GROUPS": groups, "VECTOR": LANES * item, "LANES": LANES, "TILE": tile, "ITEM": item}
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


def _convolve_sections(groups: int) -> dict[str, list[str]]:
    """The lines over all accumulators of a tile ``a<place>_<group>``."""
    places, parts = range(_tile(groups)), range(groups)
    pairs = [(p, g) for p in places for g in parts]
    return {
        "FIRST": [f"a{p}_{g} = load_vector(start + (v + {g}) * VECTOR)" for p, g in pairs]
        + [f"x{p} = image + places[p + {p}]" for p in places],
        "PRODUCTS": [f"w{g} = load_vector(weights + {g} * VECTOR)" for g in parts]
        + [f"a{p}_{g} = add_product(a{p}_{g}, x{p} + t, w{g})" for p, g in pairs],
        "STORES": [f"store_vector(a{p}_{g}, here + targets[p + {p}] + {g} * VECTOR)"
                   for p, g in pairs],
        "PARTS": [line for p in places for line in (
            f"store_vector(a{p}_0, spare)",
            f"copied(spare, here + targets[p + {p}], used * ITEM)")],
    }  # fmt: skip


def _correlate_sections(groups: int) -> dict[str, list[str]]:
    """The same where a tile is of taps, which stay, and pixels go by."""
    taps, parts = range(_tile(groups)), range(groups)
    pairs = [(p, g) for p in taps for g in parts]
    return {
        "FIRST": [f"k{p} = k + min(p + {p}, count - 1) * row[16] + v * VECTOR" for p in taps]
        + [f"a{p}_{g} = load_vector(k{p} + {g} * VECTOR)" for p, g in pairs]
        + [f"x{p} = image + taps[p + {p}]" for p in taps],
        "PRODUCTS": [f"w{g} = load_vector(y + {g} * VECTOR)" for g in parts]
        + [f"a{p}_{g} = add_product(a{p}_{g}, x{p} + t, w{g})" for p, g in pairs],
        "STORES": [f"store_vector(a{p}_{g}, k{p} + {g} * VECTOR)" for p, g in pairs],
    }


def generated() -> dict[str, Callable[..., None]]:
    """The kernels, by name: ``convolve_2_f8`` has two vectors of channels in a tile."""
    found: dict[str, Callable[..., None]] = {}
    for width in FLOATS:
        scope = {"copied": copied, "copied_rows": copied_rows, "cleared": cleared} | VECTORS[width]
        for groups in GROUPS:
            for template, sections in (
                (_CONVOLVE, _convolve_sections(groups)),
                (_CORRELATE, _correlate_sections(groups)),
            ):
                text = _filled(template, width, groups, sections)
                name = text.split("def ", 1)[1].split("(", 1)[0]
                found[name] = from_text(name, text, KERNEL, scope)
    return found | in_widths(_ADD_WINDOWS.lstrip(), KERNEL, {})
