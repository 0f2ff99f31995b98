"""What NumPy has no function for, as source code that stands before the code that uses it.

A loop is one of these: its step becomes a function, and a few lines of NumPy repeat it,

    a = scan(step, [0.3, r], (1, 0, 0), 100)

The helper packs its results as Note [Packed results] in ``primitives/control.py`` says, so the
statements around it read the same blocks as in the graph.  Reading on: ``engines/source.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diffkit.engines.emitting import Names, dtype_text
from diffkit.graph.ir import Operation

__all__ = ["HELPERS", "Globals", "loop_text"]

_SCAN = '''\
def scan(step, operands, counts, length, every=1, reverse=False, dtype=np.float64):
    """Repeat a step; the last carry, sums, rows and saved carries of one dtype in one vector."""
    carries, rows, sums = counts
    carry, xs = operands[:carries], operands[carries : carries + rows]
    totals, ys, saved = [], [], []
    for i in range(length):
        row = length - 1 - i if reverse else i
        if i % every == 0:
            saved.append(carry)
        results = step(*carry, *[x[row] for x in xs], *operands[carries + rows :])
        results = list(results) if isinstance(results, tuple) else [results]
        carry, terms = results[:carries], results[carries : carries + sums]
        totals = [a + b for a, b in zip(totals, terms)] if totals else terms
        ys.append(results[carries + sums :])
    order = slice(None, None, -1 if reverse else 1)
    stacks = [np.stack(part[order]) for table in (ys, saved) for part in zip(*table)]
    parts = [np.asarray(part) for part in [*carry, *totals, *stacks]]
    return np.concatenate([part.reshape(-1) for part in parts if part.dtype == dtype])
'''

_RANDOM_WORD = '''\
def random_word(key, more, count):
    """53 bits of Threefry-2x64-20 (Salmon et al. 2011) as a whole number; NaN for no number."""
    words = [np.asarray(x, dtype=float) for x in np.broadcast_arrays(key, more, count)]
    inside = np.logical_and.reduce([(x >= 0) & (x < 2.0**53) for x in words])
    a, b, x = [np.where(inside, x, 0).astype(np.uint64) for x in words]
    parts, y = (a, b, a ^ b ^ np.uint64(0x1BD11BDAA9FC1A22)), b
    with np.errstate(over="ignore"):
        x = x + a
        for group in range(5):
            for turn in [(16, 42, 12, 31), (16, 32, 24, 21)][group % 2]:
                x = x + y
                y = (y << np.uint64(turn)) | (y >> np.uint64(64 - turn))
                y = y ^ x
            x = x + parts[(group + 1) % 3]
            y = y + parts[(group + 2) % 3] + np.uint64(group + 1)
    return np.where(inside, (x >> np.uint64(11)).astype(float), np.nan)
'''


# NumPy has no such functions; their text comes before the function that uses them.
HELPERS = {
    "logistic": """\
def logistic(x):
    e = np.exp(-np.abs(x))  # never overflows
    return np.where(np.asarray(x) >= 0, 1, e) / (1 + e)
""",
    "logsumexp": """\
def logsumexp(x, axis):
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isinf(top), 0, top).astype(top.dtype)
    total = np.log(np.sum(np.exp(x - top), axis=axis))
    return total + np.reshape(top, np.shape(total))
""",
    "softmax": """\
def softmax(x, axis):
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    weights = np.where(np.isinf(top), x == np.inf, np.exp(x - top))
    total = np.sum(weights, axis=axis, keepdims=True)
    return (weights / np.where(total == 0, 1, total)).astype(x.dtype)
""",
    "scan": _SCAN,
    "random_word": _RANDOM_WORD,
}


class Globals:
    """What the functions of one module share: constants, steps that are written, and names.

    A name of the module must not be a variable in a function that uses it, so it is new to every
    function that is being written.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.writing: list[Names] = []
        self.constants: list[str] = []
        self.functions: list[str] = []
        self.steps: dict[object, str] = {}

    def unique(self, wanted: str) -> str:
        """A name for the module close to ``wanted``."""
        for names in self.writing:
            names.taken |= self.names
        name = self.writing[-1].unique(wanted)
        while any(name in names.taken for names in self.writing[:-1]):
            name = self.writing[-1].unique(wanted)
        self.names.add(name)
        return name


def loop_text(
    operation: Operation, texts: Sequence[str], step_name: Callable[[object], str]
) -> str:
    """The call of the helper; ``step_name`` writes the step, if need be, and gives its name."""
    body, params = operation.kwargs["body"], operation.kwargs
    counts = (body.carries, body.rows, body.sums)
    words = [step_name(body), f"[{', '.join(texts)}]", str(counts), str(params["length"])]
    words += [f"every={params['every']}"] if "every" in params else []
    words += ["reverse=True"] if "reverse" in params else []
    output = params.get("output", body.dtypes[0])
    text = dtype_text(output)
    words += [] if text == "np.float64" else [f"dtype={text}"]
    return f"scan({', '.join(words)})"
