"""What Numba has no function for, as compiled Python that stands before the code that uses it.

Each text is one small function over a whole array (log-sum-exp), over one row (a running
maximum), or over images (convolution), written with plain loops, as one would by hand:

    y[n, i, j, o] += x[n, i·s + a, j·s + b, c] · k[a, b, c, o]

Only those that a printed function calls are printed with it.  Divisions follow NumPy's rules
(``error_model="numpy"``): 1/0 is infinite and no error.  Reading on: ``engines/source_numba.py``.
"""

from __future__ import annotations

import re

from diffkit.engines.source_numba_linalg import HELPERS as LINEAR

__all__ = ["DECORATOR", "HELPERS", "needed"]

DECORATOR = '@njit(error_model="numpy")'
"""What stands before every printed function."""

# Functions of one number, which Numba spreads over arrays.
_ELEMENTS = {
    "erf": "def erf(x):\n    return math.erf(x)\n",
    "erfc": "def erfc(x):\n    return math.erfc(x)\n",
    "gamma": "def gamma(x):\n    return math.gamma(x)\n",
    "gammaln": "def gammaln(x):\n    return math.lgamma(x)\n",
    "logistic": """\
def logistic(x):
    one, e = type(x)(1), np.exp(-np.abs(x))  # never overflows
    return (one if x >= 0 else e) / (one + e)
""",
    "random_word": """\
def random_word(key, more, count):
    \"\"\"53 bits of Threefry-2x64-20 (Salmon et al. 2011); NaN for no whole number.\"\"\"
    end = 2.0**53
    if not (0 <= key < end and 0 <= more < end and 0 <= count < end):
        return type(key)(np.nan)
    a, b = np.uint64(key), np.uint64(more)
    parts = (a, b, a ^ b ^ np.uint64(0x1BD11BDAA9FC1A22))
    x, y = np.uint64(count) + a, b
    for group in range(5):
        for turn in (16, 42, 12, 31) if group % 2 == 0 else (16, 32, 24, 21):
            x = x + y
            y = ((y << np.uint64(turn)) | (y >> np.uint64(64 - turn))) ^ x
        x = x + parts[(group + 1) % 3]
        y = y + parts[(group + 2) % 3] + np.uint64(group + 1)
    return type(key)(x >> np.uint64(11))
""",
}

# Functions of one row of numbers, or of an array as a whole.
_ROWS = {
    "logsumexp": """\
def logsumexp(x):
    top = np.max(x) if x.size else x.dtype.type(-np.inf)
    shift = x.dtype.type(0) if np.isinf(top) else top
    return np.log(np.sum(np.exp(x - shift))) + shift
""",
    "softmax": """\
def softmax(x):
    top = np.max(x) if x.size else x.dtype.type(0)
    weights = (x == np.inf).astype(x.dtype) if np.isinf(top) else np.exp(x - top)
    total = np.sum(weights)
    return weights if total == 0 else weights / total
""",
    "running_max": """\
def running_max(x):
    y = x.copy()
    for i in range(1, y.size):
        if not (y[i] >= y[i - 1] or y[i] != y[i]):  # a NaN stays
            y[i] = y[i - 1]
    return y
""",
    "running_min": """\
def running_min(x):
    y = x.copy()
    for i in range(1, y.size):
        if not (y[i] <= y[i - 1] or y[i] != y[i]):  # a NaN stays
            y[i] = y[i - 1]
    return y
""",
    "recurrence": """\
def recurrence(a, b):
    h = b.copy()
    for i in range(1, h.size):
        h[i] = a[i] * h[i - 1] + b[i]
    return h
""",
    "tied_mean": """\
def tied_mean(x, y):
    \"\"\"The mean of x over each run of equal neighbours of y.\"\"\"
    means = x.copy()
    start = 0
    for stop in range(1, y.size + 1):
        if stop == y.size or y[stop] != y[start]:
            if stop > start + 1:
                means[start:stop] = np.sum(x[start:stop]) / x.dtype.type(stop - start)
            start = stop
    return means
""",
    "whole_product": """\
def whole_product(a, b):
    \"\"\"The matrix product of integers, for which BLAS has none.\"\"\"
    y = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i, k, j in np.ndindex((a.shape[0], a.shape[1], b.shape[1])):
        y[i, j] += a[i, k] * b[k, j]
    return y
""",
    "truth_product": """\
def truth_product(a, b):
    \"\"\"The matrix product of truth values: whether any two meet.\"\"\"
    y = np.zeros((a.shape[0], b.shape[1]), np.bool_)
    for i, k, j in np.ndindex((a.shape[0], a.shape[1], b.shape[1])):
        y[i, j] |= a[i, k] & b[k, j]
    return y
""",
}

# Images: every place of a window is inside the image or skipped, which is zero padding.
_IMAGES = {
    "conv2d": """\
def conv2d(x, k, stride, padding, shape):
    y = np.zeros(shape, x.dtype)
    for n, i, j in np.ndindex(shape[:3]):
        for a, b in np.ndindex(k.shape[:2]):
            row = i * stride[0] + a - padding[0][0]
            column = j * stride[1] + b - padding[1][0]
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                for c in range(k.shape[2]):
                    for o in range(k.shape[3]):
                        y[n, i, j, o] += x[n, row, column, c] * k[a, b, c, o]
    return y
""",
    "conv2d_image": """\
def conv2d_image(y_bar, k, stride, padding, shape):
    x_bar = np.zeros(shape, y_bar.dtype)
    for n, i, j in np.ndindex(y_bar.shape[:3]):
        for a, b in np.ndindex(k.shape[:2]):
            row = i * stride[0] + a - padding[0][0]
            column = j * stride[1] + b - padding[1][0]
            if 0 <= row < shape[1] and 0 <= column < shape[2]:
                for c in range(k.shape[2]):
                    for o in range(k.shape[3]):
                        x_bar[n, row, column, c] += y_bar[n, i, j, o] * k[a, b, c, o]
    return x_bar
""",
    "conv2d_filter": """\
def conv2d_filter(x, y_bar, stride, padding, shape):
    k_bar = np.zeros(shape, x.dtype)
    for n, i, j in np.ndindex(y_bar.shape[:3]):
        for a, b in np.ndindex(shape[:2]):
            row = i * stride[0] + a - padding[0][0]
            column = j * stride[1] + b - padding[1][0]
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                for c in range(shape[2]):
                    for o in range(shape[3]):
                        k_bar[a, b, c, o] += x[n, row, column, c] * y_bar[n, i, j, o]
    return k_bar
""",
    "windows": """\
def windows(x, stride, padding, shape):
    y = np.zeros(shape, x.dtype)
    for n, i, j, a, b in np.ndindex(shape[:5]):
        row = i * stride[0] + a - padding[0][0]
        column = j * stride[1] + b - padding[1][0]
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            y[n, i, j, a, b] = x[n, row, column]
    return y
""",
    "fold": """\
def fold(y_bar, stride, padding, shape):
    x_bar = np.zeros(shape, y_bar.dtype)
    for n, i, j, a, b in np.ndindex(y_bar.shape[:5]):
        row = i * stride[0] + a - padding[0][0]
        column = j * stride[1] + b - padding[1][0]
        if 0 <= row < shape[1] and 0 <= column < shape[2]:
            x_bar[n, row, column] += y_bar[n, i, j, a, b]
    return x_bar
""",
}

HELPERS = {
    **{name: f"@vectorize\n{text}" for name, text in _ELEMENTS.items()},
    **{name: f"{DECORATOR}\n{text}" for name, text in (_ROWS | _IMAGES | LINEAR).items()},
}
"""The text of each helper by its name."""


def needed(text: str) -> list[str]:
    """The helpers that a text calls, in the order in which they are printed.

    >>> [helper.splitlines()[1] for helper in needed("y = logsumexp(x)")]
    ['def logsumexp(x):']
    """
    return [helper for name, helper in HELPERS.items() if re.search(rf"(?<![\w.]){name}\(", text)]
