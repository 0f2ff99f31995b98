"""Pooling: every window of an image reduced where it lies, without laying windows out first.

    y[p, c] = max (min, sum) over w of x[place of p + window w + c]

The pixels of a window are a short table of offsets; channels are done eight at a time.  A NaN in
a window is its largest and its smallest number, as NumPy has it.

Reading on: Boureau, Ponce & LeCun 2010, *A theoretical analysis of feature pooling*.
"""

from __future__ import annotations

from collections.abc import Callable

from diffkit.engines.machine.kernels.abi import KERNEL, row_address
from diffkit.engines.machine.kernels.vectors import LANES, VECTORS
from diffkit.engines.machine.kernels.walking import lane_offset, word_behind
from diffkit.engines.machine.kernels.writing import FLOATS, from_text

__all__ = ["generated"]

# Row: source, result, offsets of a window's pixels, how many; then axes, sizes …, strides … of the
# source over what is kept.
_POOL = """
def pool_NAME_WIDTH(row, table):
    x, y, window = operand(table, row[2]), operand(table, row[3]), i8(operand(table, row[4]))
    pixels, axes = row[5], row[6]
    sizes = row_address(row) + 56
    strides = sizes + 8 * axes
    inner, stride = i8(sizes)[axes - 1], i8(strides)[axes - 1]
    middles, by_middle = word_behind(sizes, axes, 2, 1), word_behind(strides, axes, 2, 0)
    whole = inner - inner % LANES if stride == ITEM else 0
    outer = 1
    for k in range(axes - 2):
        outer *= i8(sizes)[k]
    for o in range(outer):
        place = x + lane_offset(sizes, strides, axes - 2, o)
        for j in range(middles):
            for c in range(0, whole, LANES):
                source = place + c * ITEM
                total = load_vector(source + window[0])
                for w in range(1, pixels):
                    total = JOINED(total, load_vector(source + window[w]))
                store_vector(total, y + c * ITEM)
            for c in range(whole, inner):
                source = place + c * stride
                best = T(source + window[0])[0]
                for w in range(1, pixels):
                    v = T(source + window[w])[0]
                    best = EACH
                T(y)[c] = best
            place += by_middle
            y += inner * ITEM
"""

_EACH = {
    "max": "v if (v > best or v != v) else best",
    "min": "v if (v < best or v != v) else best",
    "sum": "best + v",
}


def generated() -> dict[str, Callable[..., None]]:
    """The kernels ``pool_max_f8`` and so on."""
    found: dict[str, Callable[..., None]] = {}
    for width in FLOATS:
        scope = {"lane_offset": lane_offset, "word_behind": word_behind,
                 "row_address": row_address} | VECTORS[width]  # fmt: skip
        for name, each in _EACH.items():
            text = _POOL.lstrip().replace("NAME", name).replace("EACH", each)
            text = text.replace("WIDTH", width).replace("JOINED", f"{name}_vectors")
            text = text.replace("LANES", str(LANES)).replace("ITEM", width[1])
            text = text.replace("T(", f"{width}(")
            found[f"pool_{name}_{width}"] = from_text(f"pool_{name}_{width}", text, KERNEL, scope)
    return found
