"""The words of text expressions: every function and constant that ``dk.parse`` knows.

A word stands for a primitive, or for a few of them, with the meaning that it has in NumPy; no
other function of Python's can be reached by a word.  Each entry works on tracers (it adds
equations) and on plain numbers alike, since primitives do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.special import special_function
from diffkit.capture.numpy_functions.tables import UFUNCS
from diffkit.graph.primitive import REGISTRY
from diffkit.primitives.arithmetic import div, equal, greater, integer_power
from diffkit.primitives.piecewise import clip, where
from diffkit.primitives.transcendental import cos, log, sin, tan

__all__ = ["CONSTANTS", "Word", "vocabulary"]

CONSTANTS = {"pi": math.pi, "π": math.pi, "tau": math.tau, "e": math.e, "inf": math.inf}

# Primitives of one operand that text may use, under their own (NumPy's) names.
UNARY = [
    "abs", "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "sin",
    "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
    "arctanh", "logistic", "softplus", "relu", "sign", "floor", "ceil", "trunc", "rint",
    "erf", "erfc",
]  # fmt: skip
BINARY = ["maximum", "minimum", "hypot", "arctan2", "power", "xlogy"]
# NumPy's functions that are a few primitives: on a traced value NumPy hands them to diffkit.
NUMPY_UNARY = ["deg2rad", "rad2deg"]
NUMPY_BINARY = ["logaddexp", "logaddexp2", "fmax", "fmin", "remainder", "floor_divide"]
# SciPy's special functions, by how many operands they have.  Their names may be variables, too:
# beta*x is a product, beta(x, y) the function.
SPECIAL_WORDS = {
    1: ["gamma", "gammaln", "loggamma", "digamma", "rgamma", "erfcx", "erfi", "dawsn", "erfinv",
        "erfcinv", "ndtr", "log_ndtr", "ndtri", "logit", "log_expit", "entr", "exprel", "cosm1",
        "exp10", "sindg", "cosdg", "j0", "j1", "y0", "y1", "i0", "i1", "i0e", "i1e", "k0", "k1",
        "k0e", "k1e", "ellipk", "ellipkm1", "ellipe", "expi", "exp1", "spence", "wrightomega",
        "lambertw"],
    2: ["beta", "betaln", "binom", "poch", "gammainc", "gammaincc", "xlog1py", "rel_entr",
        "kl_div", "huber", "pseudo_huber", "boxcox", "boxcox1p", "inv_boxcox", "jv", "yv", "iv",
        "ive", "kv", "kve", "struve", "modstruve", "hyp0f1", "ellipkinc", "ellipeinc", "agm",
        "expn", "zeta"],
    3: ["betainc", "betaincc", "hyp1f1"],
    4: ["hyp2f1"],
}  # fmt: skip
# Words that SciPy's ufuncs call themselves by another name.
UFUNC_NAMES = {"digamma": "psi", "zeta": "_zeta", "lambertw": "lambertw0"}
ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "sigmoid": "logistic", "sgn": "sign",
    "absolute": "abs", "fabs": "abs", "atan2": "arctan2", "pow": "power",
    "mod": "remainder", "expit": "logistic", "radians": "deg2rad", "degrees": "rad2deg",
    "psi": "digamma", "lgamma": "gammaln",
}  # fmt: skip


@dataclass(frozen=True)
class Word:
    """A function of text: what it builds, and how many arguments it takes (``most`` None: any).

    ``conditions`` are the arguments that must be comparisons; a word that is not ``reserved``
    may be the name of a variable, too.
    """

    name: str
    build: Callable[..., Any]
    least: int = 1
    most: int | None = 1
    conditions: tuple[int, ...] = ()
    reserved: bool = True

    @property
    def arity(self) -> str:
        """How many arguments, in words."""
        if self.most is None:
            return f"at least {self.least} arguments"
        count = f"{self.least} or {self.most}" if self.most != self.least else str(self.least)
        return f"{count} argument{'s' if self.most > 1 else ''}"


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, Word]:
    """Every function of text expressions, by name.

    >>> vocabulary()["asin"].name
    'arcsin'
    """
    words = {name: Word(name, REGISTRY[name]) for name in UNARY}
    words |= {name: Word(name, REGISTRY[name], 2, 2) for name in BINARY}
    words |= {name: Word(name, getattr(np, name)) for name in NUMPY_UNARY}
    words |= {name: Word(name, getattr(np, name), 2, 2) for name in NUMPY_BINARY}
    words |= {word.name: word for word in _compositions()}
    words |= {word.name: word for word in _special()}
    words |= {alias: words[name] for alias, name in ALIASES.items()}
    words["max"] = Word("max", lambda *x: reduce(REGISTRY["maximum"], x), 2, None)
    words["min"] = Word("min", lambda *x: reduce(REGISTRY["minimum"], x), 2, None)
    return words


def _special() -> list[Word]:
    """Special functions, imported when they are first called."""

    def build(name: str) -> Callable[..., Any]:
        name = UFUNC_NAMES.get(name, name)
        return UFUNCS.get(name) or special_function(name)

    return [
        Word(name, build(name), count, count, reserved=False)
        for count, names in SPECIAL_WORDS.items()
        for name in names
    ]


def _logarithm(x: Any, base: Any = None) -> Any:
    return log(x) if base is None else div(log(x), log(base))


def _heaviside(x: Any, at_zero: Any = 0.5) -> Any:
    return where(greater(x, 0.0), 1.0, where(equal(x, 0.0), at_zero, 0.0))


def _compositions() -> list[Word]:
    """Functions that are a few primitives."""
    return [
        Word("log", _logarithm, 1, 2),
        Word("ln", log),
        Word("square", lambda x: integer_power(x, n=2)),
        Word("reciprocal", lambda x: div(1.0, x)),
        Word("sec", lambda x: div(1.0, cos(x))),
        Word("csc", lambda x: div(1.0, sin(x))),
        Word("cot", lambda x: div(1.0, tan(x))),
        Word("heaviside", _heaviside, 1, 2),
        Word("clip", clip, 3, 3),
        Word("where", where, 3, 3, (0,)),
    ]
