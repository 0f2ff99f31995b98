"""The built-in cases: functions on which methods of differentiation are known to differ.

Each is plain NumPy with the point it is compared at, and its source.  They range from one
scalar to the cross-entropy of a softmax classifier over 1,797 real images of digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import sqrt
from typing import Any

import numpy as np

from diffkit.comparison import hard_cases, loss_cases, net_cases
from diffkit.errors import UnsupportedError

__all__ = [
    "CASES",
    "Case",
    "baydin",
    "helmholtz",
    "logistic_map",
    "rosenbrock",
    "softmax_loss",
    "speelpenning",
]

PARAMETER_SEED = 0
PARAMETER_SPREAD = 0.1  # standard deviation of the classifier's first weights
GREY_LEVELS = 16.0  # scikit-learn's digits count 0 to 16 dark pixels per cell
SUBSET = 256


@dataclass(frozen=True)
class Case:
    """A function to compare methods on: ``function(*arguments())`` is its value.

    ``argnums`` are the arguments it is differentiated by, ``source`` where it comes from,
    ``needs`` the extra that has its data, if any, and ``sized`` its arguments of another size
    (numbers, or examples), if it has one.
    """

    title: str
    function: Callable[..., Any]
    arguments: Callable[[], tuple[Any, ...]]
    argnums: tuple[int, ...]
    source: str
    needs: str | None = None
    sized: Callable[[int], tuple[Any, ...]] | None = None

    @property
    def args(self) -> tuple[Any, ...]:
        """The point, as arguments of the function."""
        return self.arguments()


def baydin(x1: Any, x2: Any) -> Any:
    """ln x₁ + x₁ x₂ − sin x₂, the worked example of Baydin et al. 2018.

    >>> round(float(baydin(2.0, 5.0)), 3)
    11.652
    """
    return np.log(x1) + x1 * x2 - np.sin(x2)


def logistic_map(x: Any) -> Any:
    """The fourth iterate l₄ of lₙ₊₁ = 4 lₙ (1 − lₙ), l₁ = x (Baydin et al. 2018, section 2).

    >>> round(float(logistic_map(0.2)), 4)
    0.289
    """
    for _ in range(3):
        x = 4.0 * x * (1.0 - x)
    return x


def rosenbrock(x: Any) -> Any:
    """Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², the curved valley of Rosenbrock 1960.

    >>> float(rosenbrock(np.ones(10)))
    0.0
    """
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def speelpenning(x: Any) -> Any:
    """∏ xᵢ, whose gradient by formula needs n² products (Speelpenning 1980).

    >>> float(speelpenning(np.array([2.0, 3.0, 4.0])))
    24.0
    """
    return np.prod(x)


def helmholtz(x: Any) -> Any:
    """The Helmholtz energy of a mixed fluid (Griewank 1989; Baydin et al. 2018, figure 6).

    With b = (0.01, …, 0.01)/n, a_ij = 1/(i + j − 1) and R T = 1.
    """
    n = x.shape[0]
    b = np.full(n, 0.01 / n)
    row = np.arange(1, n + 1)
    a = 1.0 / (row[:, None] + row[None, :] - 1.0)
    bx = b @ x
    ideal = np.sum(x * np.log(x / (1.0 - bx)))
    ratio = (1.0 + (1.0 + sqrt(2.0)) * bx) / (1.0 + (1.0 - sqrt(2.0)) * bx)
    return ideal - (x @ a @ x) / (sqrt(8.0) * bx) * np.log(ratio)


def softmax_loss(weights: Any, bias: Any, pixels: Any, labels: Any) -> Any:
    """The mean cross-entropy of a softmax classifier over images of digits.

    Parameters are ``weights`` f64[64,10] and ``bias`` f64[10]; ``pixels`` are integers from 0 to
    16 in rows of 64, ``labels`` integers from 0 to 9.  With zero weights it is ln 10.  The log of
    the sum needs no shift: the scores of these weights are small numbers.

    >>> pixels, labels = np.zeros((2, 64), int), np.array([3, 7])
    >>> round(float(softmax_loss(np.zeros((64, 10)), np.zeros(10), pixels, labels)), 4)
    2.3026
    """
    scores = (pixels / GREY_LEVELS) @ weights + bias
    chosen = labels[:, None] == np.arange(scores.shape[1])
    log_sums = np.log(np.sum(np.exp(scores), axis=1))
    return np.mean(log_sums - np.sum(np.where(chosen, scores, 0.0), axis=1))


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 images of 8 × 8 pixels that come with scikit-learn, and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise UnsupportedError(
            "the case needs the handwritten digits of scikit-learn, which is not installed",
            hint="pip install 'diffkit[gallery]'",
        ) from None
    found: Any = load_digits()
    return found.data.astype(np.int64), found.target.astype(np.int64)


def _softmax_arguments(count: int | None) -> tuple[Any, ...]:
    pixels, labels = _digits()
    generator = np.random.default_rng(PARAMETER_SEED)
    weights = generator.normal(0.0, PARAMETER_SPREAD, (pixels.shape[1], 10))
    return weights, np.zeros(10), pixels[:count], labels[:count]


def _points(n: int, low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, n)


CASES: dict[str, Case] = {
    "baydin": Case(
        "ln x1 + x1 x2 - sin x2 at (2, 5)",
        baydin,
        lambda: (2.0, 5.0),
        (0, 1),
        "Baydin et al. 2018, tables 2 and 3",
    ),
    "logistic-map": Case(
        "logistic map, fourth iterate at 0.2",
        logistic_map,
        lambda: (0.2,),
        (0,),
        "Baydin et al. 2018, section 2.2 and figure 3",
    ),
    "rosenbrock": Case(
        "Rosenbrock's valley in 10 dimensions",
        rosenbrock,
        lambda: (_points(10, -1.0, 1.5),),
        (0,),
        "H. H. Rosenbrock 1960, Computer Journal 3",
        sized=lambda n: (_points(n, -1.0, 1.5),),
    ),
    "speelpenning": Case(
        "Speelpenning's product of 10 numbers",
        speelpenning,
        lambda: (_points(10, 0.5, 1.5),),
        (0,),
        "B. Speelpenning 1980; Griewank & Walther 2008, example 3.3",
        sized=lambda n: (_points(n, 0.5, 1.5),),
    ),
    "helmholtz": Case(
        "Helmholtz energy of a mixture of 5 substances",
        helmholtz,
        lambda: (_points(5, 1.0, 3.0),),
        (0,),
        "A. Griewank 1989; Baydin et al. 2018, figure 6",
        sized=lambda n: (_points(n, 1.0, 3.0),),
    ),
    "softmax-digits": Case(
        "softmax regression, 1,797 handwritten digits",
        softmax_loss,
        lambda: _softmax_arguments(None),
        (0, 1),
        "E. Alpaydin & C. Kaynak 1998, UCI repository, as shipped with scikit-learn",
        "gallery",
    ),
    "softmax-digits-small": Case(
        f"softmax regression, the first {SUBSET} handwritten digits",
        softmax_loss,
        lambda: _softmax_arguments(SUBSET),
        (0, 1),
        "E. Alpaydin & C. Kaynak 1998, UCI repository, as shipped with scikit-learn",
        "gallery",
    ),
    "mlp-digits": Case(
        f"MLP 64-16-10, tanh, cross-entropy of {net_cases.BATCH} handwritten digits",
        net_cases.mlp_loss,
        lambda: net_cases.mlp_arguments(*_digits()),
        (0, 1, 2, 3),
        "E. Alpaydin & C. Kaynak 1998, UCI repository, as shipped with scikit-learn",
        "gallery",
    ),
    "cnn-digits": Case(
        f"CNN of 4 filters, cross-entropy of {net_cases.BATCH} handwritten digits",
        net_cases.cnn_loss,
        lambda: net_cases.cnn_arguments(*_digits()),
        (0, 1, 2, 3),
        "LeCun et al. 1998; digits of E. Alpaydin & C. Kaynak 1998, with scikit-learn",
        "gallery",
    ),
}


# Ill-conditioned -------------------------------------------------------------------------------

CASES |= {
    "squire-trapp": Case(
        "exp(x)/sqrt(sin(x)^3 + cos(x)^3) at 1.5",
        hard_cases.squire_trapp,
        lambda: (1.5,),
        (0,),
        "W. Squire & G. Trapp 1998, SIAM Review 40",
    ),
    "cancelled-cosine": Case(
        "(1 - cos x)/x^2 at 1e-4",
        hard_cases.cancelled_cosine,
        lambda: (1e-4,),
        (0,),
        "N. J. Higham 2002, section 1.7",
    ),
    "quadratic-root": Case(
        "the cancelling root of x^2 + 1e5 x + 1",
        hard_cases.naive_quadratic_root,
        lambda: (1e5, 1.0),
        (0, 1),
        "G. E. Forsythe 1970, American Mathematical Monthly 77",
    ),
    "naive-variance": Case(
        "E x^2 - (E x)^2 of 10 numbers around a million",
        hard_cases.naive_variance,
        lambda: (hard_cases.large_numbers(10),),
        (0,),
        "Chan, Golub & LeVeque 1983, The American Statistician 37",
        sized=lambda n: (hard_cases.large_numbers(n),),
    ),
    "hilbert": Case(
        "quadratic form of the Hilbert matrix of order 8",
        hard_cases.hilbert,
        lambda: (_points(8, -1.0, 1.0),),
        (0,),
        "D. Hilbert 1894, Acta Mathematica 18",
        sized=lambda n: (_points(n, -1.0, 1.0),),
    ),
    "rump": Case(
        "Rump's polynomial at (77617, 33096)",
        hard_cases.rump,
        lambda: (77617.0, 33096.0),
        (0, 1),
        "S. M. Rump 1988, in Reliability in Computing",
    ),
    "wilkinson": Case(
        "Wilkinson's polynomial, expanded, at 14.5",
        hard_cases.wilkinson,
        lambda: (14.5,),
        (0,),
        "J. H. Wilkinson 1959, Numerische Mathematik 1",
    ),
    "unscaled-norm": Case(
        "a norm whose squares are denormal",
        hard_cases.unscaled_norm,
        lambda: (_points(5, 1e-160, 3e-160),),
        (0,),
        "J. L. Blue 1978, ACM TOMS 4",
        sized=lambda n: (_points(n, 1e-160, 3e-160),),
    ),
}

# Every loss on every net ------------------------------------------------------------------------

_LOSS_SOURCE = "digits of E. Alpaydin & C. Kaynak 1998, with scikit-learn; the loss: diffkit.losses"


def _net_arguments(net: str, count: int = loss_cases.BATCH) -> tuple[Any, ...]:
    return loss_cases.arguments_of_net(net, *_digits(), count)


def _net_case(net: str, loss: str) -> Case:
    return Case(
        f"{loss} of {net}, {loss_cases.BATCH} handwritten digits",
        loss_cases.loss_of_net(net, loss),
        partial(_net_arguments, net),
        tuple(range(len(loss_cases.NETS[net][1]))),
        _LOSS_SOURCE,
        "gallery",
        partial(_net_arguments, net),
    )


CASES |= {
    f"{net}-{loss}": _net_case(net, loss) for net in loss_cases.NETS for loss in loss_cases.LOSSES
}
