"""What can be computed: every operation in one class, in one place.

Importing this package fills the registry, ``diffkit.graph.primitive.REGISTRY``, from which
capture, the engines, the rule checker and the table of operations in the documentation read.

* ``arithmetic``: the four operations, powers and comparisons;
* ``transcendental``, ``roots`` and ``hyperbolic``: exponentials, logarithms, trigonometric
  functions and the like;
* ``piecewise`` and ``rounding``: selections, kinks and staircases;
* ``special``: the error function and x log y;
* ``shaping`` and ``indexing``: data movement, all of it linear;
* ``reductions``: sums, products, extrema and log-sum-exp over axes;
* ``contraction``: matrix products and Einstein sums;
* ``convolution``: filters over images, and the windows that pooling reduces;
* ``control`` and ``control_rules``: loops of equal steps;
* ``counting``: random numbers from a key and a counter;
* ``probing``: named identities, through which the learning signal is watched.

Imported at their first use, since few programs need them:

* ``cumulative`` and ``ordering``: running products and extremes, sorting;
* ``linalg``, ``linalg_determinants``, ``linalg_factors`` and ``linalg_functions``: linear
  equations, determinants, eigenvalues and orthogonal factors, the exponential of a matrix;
* ``special_gamma``, ``special_error``, ``special_logarithmic``, ``special_bessel``,
  ``special_hypergeometric`` and ``special_integrals``: SciPy's special functions by family;
* ``fourier``: discrete Fourier transforms.

A new operation is a class with the decorator ``@primitive``; ``graph/primitive.py`` says what
it must declare.
"""

from diffkit.primitives import (
    arithmetic,
    contraction,
    control,
    convolution,
    counting,
    hyperbolic,
    indexing,
    piecewise,
    probing,
    reductions,
    roots,
    rounding,
    shaping,
    special,
    transcendental,
)

__all__ = [
    "arithmetic",
    "contraction",
    "control",
    "convolution",
    "counting",
    "hyperbolic",
    "indexing",
    "piecewise",
    "probing",
    "reductions",
    "roots",
    "rounding",
    "shaping",
    "special",
    "transcendental",
]
