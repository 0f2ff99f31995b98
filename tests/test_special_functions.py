"""SciPy's special functions, as users write them: values, slopes, every method, both engines."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import diffkit as dk
from diffkit.comparison.rules import load_all_primitives
from diffkit.engines.precise import true_slope
from diffkit.errors import DiffkitError, NotAnalyticError, UnsupportedError
from diffkit.graph.primitive import REGISTRY

load_all_primitives()

# f, points, and how far the slope may be from the truth, relative to it: a few roundings, times
# the condition of the formula (e^(y²/2) amplifies the error of y by y², x^a by a log x).
CASES: dict[str, tuple[Callable[[Any], Any], list[float], float]] = {
    "gamma": (special.gamma, [1e-5, 0.3, 1.0, 2.5, 30.0, 170.0, -0.5, -3.7], 1e-13),
    "gammaln": (special.gammaln, [1e-10, 0.3, 2.5, 1e3, 1e10, -0.5, -3.7], 1e-13),
    "loggamma": (special.loggamma, [1e-10, 0.3, 2.5, 1e3, 1e10], 1e-13),
    "digamma": (special.digamma, [1e-5, 0.3, 2.5, 1e3, 1e10], 1e-13),
    "rgamma": (special.rgamma, [0.0, -1.0, -4.0, 2.5, 0.3, 20.0, -2.5], 1e-12),
    "beta": (lambda x: special.beta(x, 2.5), [0.1, 1.0, 30.0, 1e8], 1e-12),
    "betaln": (lambda x: special.betaln(0.7, x), [0.1, 1.0, 30.0, 1e8, 1e15], 1e-12),
    "binom": (lambda x: special.binom(x, 2.0), [5.0, 0.7, 1.0, 0.0, 1e-20, 1e8], 1e-12),
    "poch": (lambda x: special.poch(x, 0.5), [0.3, 2.5, 1e8], 1e-12),
    "gammainc": (lambda x: special.gammainc(2.5, x), [1e-8, 0.3, 2.5, 40.0], 1e-13),
    "gammaincc": (lambda x: special.gammaincc(30.0, x), [1.0, 20.0, 80.0], 1e-12),
    "betainc": (lambda x: special.betainc(2.0, 3.5, x), [1e-6, 0.3, 0.99], 1e-13),
    "betaincc": (lambda x: special.betaincc(2.0, 3.5, x), [1e-6, 0.3, 0.99], 1e-13),
    "chdtr": (lambda x: special.chdtr(3.0, x), [0.3, 5.0], 1e-13),
    "pdtr": (lambda x: special.pdtr(3.0, x), [0.3, 5.0], 1e-13),
    "erf": (special.erf, [0.0, 0.3, -2.5, 5.0], 1e-13),
    "erfc": (special.erfc, [0.0, 0.3, -2.5, 20.0], 1e-13),
    "erfcx": (special.erfcx, [-3.0, 0.0, 0.3, 5.0, 15.9, 16.1, 1e3, 1e8, 1e100], 1e-12),
    "erfi": (special.erfi, [0.0, 0.3, -2.5, 20.0], 1e-12),
    "dawsn": (special.dawsn, [0.0, 0.3, -5.0, 15.9, 16.1, -1e3, 1e8], 1e-12),
    "erfinv": (special.erfinv, [0.0, 1e-10, 0.5, -0.999999], 1e-13),
    "erfcinv": (special.erfcinv, [1e-300, 1e-10, 0.5, 1.7], 1e-12),
    "ndtr": (special.ndtr, [-20.0, -1.0, 0.0, 3.0], 1e-12),
    "log_ndtr": (special.log_ndtr, [-1e5, -20.0, -1.0, 0.0, 5.0], 1e-13),
    "ndtri": (special.ndtri, [1e-300, 1e-10, 0.3, 0.5, 0.99], 1e-12),
    "expit": (special.expit, [-700.0, -1.0, 0.0, 30.0], 1e-13),
    "log_expit": (special.log_expit, [-700.0, -1.0, 0.0, 30.0], 1e-13),
    "logit": (special.logit, [1e-300, 0.3, 0.5, 0.999999], 1e-13),
    "xlogy": (lambda x: special.xlogy(x, 2.0 + x), [0.0, 0.3, 5.0], 1e-13),
    "xlog1py": (lambda x: special.xlog1py(x, x), [0.0, 1e-10, 0.3, 5.0], 1e-13),
    "entr": (special.entr, [1e-300, 0.3, 5.0], 1e-13),
    "rel_entr": (lambda x: special.rel_entr(x, 2.0), [1e-300, 0.3, 1.9999999, 50.0], 1e-13),
    "kl_div": (lambda x: special.kl_div(x, 2.0), [1e-300, 0.3, 1.9999999, 50.0], 1e-13),
    "huber": (lambda x: special.huber(1.5, x), [0.0, 0.3, 5.0, -5.0], 1e-13),
    "pseudo_huber": (lambda x: special.pseudo_huber(1.5, x), [0.0, 1e-10, 0.3, -1e9], 1e-13),
    "boxcox": (lambda x: special.boxcox(2.5, x), [0.0, 1e-10, 0.5, -3.0], 1e-13),
    "boxcox1p": (lambda x: special.boxcox1p(x, 0.5), [-0.9, 0.0, 1e-10, 5.0], 1e-13),
    "inv_boxcox": (lambda x: special.inv_boxcox(0.7, x), [0.0, 1e-10, 0.5, 3.0], 1e-13),
    "exprel": (special.exprel, [-50.0, -1e-10, 0.0, 0.3, 50.0], 1e-13),
    "cosm1": (special.cosm1, [1e-8, 0.3, 5.0], 1e-13),
    "exp10": (special.exp10, [-300.0, 0.3, 300.0], 1e-12),
    "sindg": (special.sindg, [0.0, 30.0, 90.0, 1234.5], 1e-12),
    "j0": (special.j0, [0.0, 0.3, 5.0, -5.0, 100.0], 1e-12),
    "j1": (special.j1, [0.0, 0.3, 5.0, -5.0, 100.0], 1e-12),
    "jv": (lambda x: special.jv(2.5, x), [0.3, 5.0, 100.0], 1e-12),
    "jn": (lambda x: special.jn(3, x), [0.3, 5.0, -5.0], 1e-12),
    "y0": (special.y0, [1e-5, 0.3, 5.0, 100.0], 1e-12),
    "y1": (special.y1, [1e-5, 0.3, 5.0, 100.0], 1e-12),
    "yv": (lambda x: special.yv(2.5, x), [0.3, 5.0, 100.0], 1e-12),
    "i0": (special.i0, [0.0, 0.3, -5.0, 100.0], 1e-12),
    "i1": (special.i1, [0.0, 0.3, -5.0, 100.0], 1e-12),
    "iv": (lambda x: special.iv(2.5, x), [0.3, 5.0, 100.0], 1e-12),
    "i0e": (special.i0e, [0.3, -5.0, 24.0, 26.0, -1e3, 1e8, 1e20], 1e-12),
    "i1e": (special.i1e, [0.0, 0.3, -5.0, 26.0, 1e8], 1e-12),
    "k0": (special.k0, [1e-5, 0.3, 5.0, 100.0], 1e-12),
    "k1": (special.k1, [1e-5, 0.3, 5.0, 100.0], 1e-12),
    "kn": (lambda x: special.kn(2, x), [0.3, 5.0, 100.0], 1e-12),
    "k0e": (special.k0e, [0.3, 5.0, 26.0, 1e3, 1e8, 1e20], 1e-12),
    "k1e": (special.k1e, [0.3, 5.0, 26.0, 1e8], 1e-12),
    "airy": (lambda x: special.airy(x)[0] + special.airy(x)[3], [-5.0, 0.0, 0.3, 5.0], 1e-12),
    "struve": (lambda x: special.struve(1, x), [0.3, 5.0, 8.0, 1e3], 1e-12),
    "modstruve": (lambda x: special.modstruve(1, x), [0.3, 5.0], 1e-12),
    "hyp0f1": (lambda x: special.hyp0f1(1.5, x), [-5.0, 0.3, 20.0], 1e-12),
    "hyp1f1": (lambda x: special.hyp1f1(1.5, 2.5, x), [-5.0, 0.3, 20.0], 1e-12),
    "hyp2f1": (lambda x: special.hyp2f1(0.5, 1.0, 1.5, x), [-50.0, 0.3, 0.9], 1e-12),
    "ellipk": (special.ellipk, [-1e4, -0.5, 0.0, 1e-10, 0.9, 0.999999], 1e-12),
    "ellipkm1": (special.ellipkm1, [1e-100, 1e-5, 0.5, 1.0, 5.0], 1e-12),
    "ellipe": (special.ellipe, [-1e4, -0.5, 0.0, 1e-10, 0.9, 0.999999], 1e-12),
    "ellipkinc": (lambda x: special.ellipkinc(x, 0.3), [0.0, 0.3, 5.0], 1e-12),
    "ellipj": (lambda x: special.ellipj(x, 0.3)[1], [0.3, 2.0], 1e-12),
    "agm": (lambda x: special.agm(x, 2.0), [1e-5, 0.3, 2.0, 50.0], 1e-12),
    "expi": (special.expi, [-5.0, -1e-5, 0.3, 50.0], 1e-13),
    "exp1": (special.exp1, [1e-5, 0.3, 50.0], 1e-13),
    "expn": (lambda x: special.expn(2, x), [1e-5, 0.3, 50.0], 1e-13),
    "sici": (lambda x: special.sici(x)[0] * special.sici(x)[1], [1e-5, 0.3, 50.0], 1e-12),
    "shichi": (lambda x: special.shichi(x)[0], [-5.0, 0.0, 1e-5, 0.3], 1e-13),
    "fresnel": (lambda x: special.fresnel(x)[0], [0.0, 0.3, -1.2], 1e-13),
    "spence": (special.spence, [1e-5, 0.3, 1.0, 1.0000001, 50.0], 1e-12),
    "zeta": (lambda x: special.zeta(2.5, x), [0.3, 5.0, 1e3], 1e-13),
    "lambertw": (lambda x: np.real(special.lambertw(x)), [-0.3, 0.0, 1e-10, 5.0, 1e10], 1e-12),
    "lambertw −1": (lambda x: special.lambertw(x, -1).real, [-1e-100, -0.3, -1e-5], 1e-12),
    "wrightomega": (special.wrightomega, [-50.0, 0.0, 0.3, 1e5], 1e-12),
}
# Values whose digits SciPy itself loses there, and ours with it or not.
VALUE_TOLERANCE = 1e-12


def quietly(f: Callable[..., Any], *args: Any) -> Any:
    """A call whose warnings are not looked at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*args)


@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys_and_slopes_are_true(name: str) -> None:
    f, points, tolerance = CASES[name]
    x = np.array(points)
    graph = dk.trace(f, x)
    np.testing.assert_allclose(graph(x), f(x), rtol=VALUE_TOLERANCE)
    slopes = {
        method: dk.grad(lambda x: np.sum(f(x)), method=method)(x)
        for method in ("reverse", "forward")
    }
    np.testing.assert_allclose(slopes["forward"], slopes["reverse"], rtol=1e-15)
    for point, slope in zip(points, slopes["reverse"], strict=True):
        truth = float(true_slope(f, point))
        assert abs(slope - truth) <= tolerance * abs(truth), (point, slope, truth)


@pytest.mark.parametrize("name", CASES)
def test_every_method_agrees_or_refuses(name: str) -> None:
    f, points, tolerance = CASES[name]
    x = np.float64(points[len(points) // 2])
    reverse = dk.grad(f)(x)
    second = dk.derivative(f, order=2)(x)
    assert dk.grad(f, method="finite")(x) == pytest.approx(reverse, rel=1e-6, abs=1e-9)
    symbolic = quietly(dk.grad(f, method="symbolic"), x)
    assert symbolic == pytest.approx(reverse, rel=10 * tolerance, abs=1e-17)
    try:
        complex_step = quietly(dk.grad(f, method="complex"), x)
    except NotAnalyticError:
        complex_step = reverse
    assert complex_step == pytest.approx(reverse, rel=10 * tolerance, abs=1e-17)
    slope = quietly(dk.grad(dk.grad(f), method="finite"), x)
    assert second == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_short_floats_stay_short(name: str) -> None:
    f, points, _ = CASES[name]
    x = np.float32(points[len(points) // 2])
    slope = quietly(dk.grad(f), x)
    assert dk.trace(f, x)(x).dtype == np.asarray(f(x)).dtype  # SciPy has float64 for some
    assert slope.dtype == np.float32
    assert slope == pytest.approx(float(quietly(dk.grad(f), np.float64(x))), rel=1e-3, abs=1e-4)


def test_the_machine_calls_them_as_the_interpreter_does() -> None:
    x = np.array([0.11, 0.4, 0.77])

    def everything(x: Any) -> Any:
        return sum(np.sum(f(x)) for name, (f, _, _) in CASES.items() if name != "lambertw −1")

    machine, interpreted = (
        dk.value_and_grad(everything, engine=engine)(x) for engine in ("machine", "interpret")
    )
    np.testing.assert_allclose(machine[0], interpreted[0], rtol=1e-13)
    np.testing.assert_allclose(machine[1], interpreted[1], rtol=1e-12)


# Edges --------------------------------------------------------------------------------------------


INF = np.inf
EDGES: list[tuple[Callable[..., Any], tuple[float, ...], tuple[float, ...]]] = [
    (special.xlogy, (0.0, 2.0), (np.log(2.0), 0.0)),
    (special.xlogy, (0.0, 0.0), (-INF, 0.0)),
    (special.entr, (0.0,), (INF,)),
    (special.rel_entr, (0.0, 2.0), (-INF, 0.0)),
    (special.rel_entr, (0.0, 0.0), (-INF, 0.0)),
    (special.kl_div, (0.0, 2.0), (-INF, 1.0)),
    (special.kl_div, (2.0, 2.0), (0.0, 0.0)),
    (special.logit, (0.0,), (INF,)),
    (special.logit, (1.0,), (INF,)),
    (special.ndtri, (0.0,), (INF,)),
    (special.erfinv, (-1.0,), (INF,)),
    (special.erfcinv, (2.0,), (-INF,)),
    (special.gamma, (0.0,), (-INF,)),
    (special.gammaln, (0.0,), (-INF,)),
    (special.ellipk, (1.0,), (INF,)),
    (special.ellipe, (1.0,), (-INF,)),
    (special.k0, (0.0,), (-INF,)),
    (special.y0, (0.0,), (INF,)),
    (special.expi, (0.0,), (INF,)),
    (special.boxcox, (1.0, 0.0), (1.0, 0.0)),
    (special.boxcox, (0.0, 2.0), (0.0, 0.25)),
    (special.i0e, (0.0,), (0.0,)),
    (special.huber, (1.0, 1.0), (0.0, 1.0)),
    (special.pseudo_huber, (0.0, 0.0), (0.0, 0.0)),
    (special.expit, (INF,), (0.0,)),
    (special.erfcx, (INF,), (0.0,)),
    (special.log_ndtr, (-INF,), (INF,)),
]


@pytest.mark.parametrize(("f", "point", "declared"), EDGES)
@pytest.mark.filterwarnings("ignore::diffkit.errors.DiffkitWarning")
def test_edges_are_numbers(f: Any, point: tuple[float, ...], declared: tuple[float, ...]) -> None:
    argnums = tuple(range(len(point)))
    for method in ("reverse", "forward"):
        assert dk.grad(f, argnums=argnums, method=method)(*point) == declared


def test_second_derivatives_at_removable_holes() -> None:
    assert dk.derivative(special.exprel, order=3)(0.0) == pytest.approx(0.25, rel=1e-15)
    assert dk.derivative(special.spence, order=2)(1.0) == pytest.approx(0.5, rel=1e-15)
    shi = dk.derivative(lambda x: special.shichi(x)[0], order=3)
    assert shi(0.0) == pytest.approx(1.0 / 3.0, rel=1e-15)
    assert dk.derivative(special.ellipk, order=2)(0.0) == pytest.approx(9 * np.pi / 64, rel=1e-14)
    mixed = dk.hessian(lambda x: special.kl_div(x[0], x[1]))(np.array([0.0, 2.0]))
    assert mixed[0, 1] == mixed[1, 0] == -0.5
    # 1/Γ(x) = x + γx² + …: its second derivative at 0 is 2γ
    assert dk.derivative(special.rgamma, order=2)(0.0) == pytest.approx(2 * np.euler_gamma)


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at", "word"),
    [
        (lambda v: special.jv(v, 1.0), 2.0, "order"),
        (lambda a: special.gammainc(a, 1.0), 2.0, "by a "),
        (lambda b: special.betainc(1.0, b, 0.5), 2.0, "by b "),
        (lambda m: special.ellipkinc(0.5, m), 0.5, "by m "),
        (lambda s: special.zeta(s, 0.5), 2.0, "exponent"),
    ],
)
def test_slopes_along_orders_are_refused_and_finite_differences_serve(
    f: Any, at: float, word: str
) -> None:
    for method in ("reverse", "forward", "symbolic"):
        with pytest.raises(UnsupportedError, match=word) as caught:
            dk.grad(f, method=method)(at)
        if method != "symbolic":  # SymPy knows no lines
            assert "test_special_functions.py" in str(caught.value.where)
    step = 1e-6
    slope = (f(at + step) - f(at - step)) / (2 * step)
    assert dk.grad(f, method="finite")(at) == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    "f",
    [
        special.zeta,
        lambda x: special.voigt_profile(x, 1.0, 1.0),
        lambda x: special.stdtr(3.0, x),
        lambda x: special.bdtr(1, 3, x),
        lambda x: special.polygamma(1, x),
        lambda x: np.real(special.lambertw(x, 1)),
        special.lambertw,
    ],
)
def test_what_is_not_offered_says_so(f: Any) -> None:
    with pytest.raises(DiffkitError) as caught:
        dk.grad(f)(0.5)
    assert caught.value.hint


def test_functions_outside_of_numpys_protocol() -> None:
    offered = dk.scipy.special
    assert dk.grad(lambda x: offered.polygamma(0, x))(1.5) == special.polygamma(1, 1.5)
    assert dk.grad(offered.factorial)(3.0) == pytest.approx(float(true_slope(special.gamma, 4.0)))
    assert offered.comb(5.0, 2.0) == 10.0
    slope = dk.grad(lambda a: offered.multigammaln(a, 2))(3.0)
    assert slope == pytest.approx(special.digamma(3.0) + special.digamma(2.5), rel=1e-14)


# Text and formulas --------------------------------------------------------------------------------


def test_words_of_text_may_be_variables_too() -> None:
    graph = dk.parse("beta*gamma(x) + beta(x, 2) + zeta(3, x) + lambertw(x) + psi(x)")
    assert graph.input_names == ("beta", "x")
    x = 1.5
    terms = special.beta(x, 2), special.zeta(3, x), special.lambertw(x).real, special.psi(x)
    assert graph(beta=2.0, x=x) == pytest.approx(2.0 * special.gamma(x) + sum(terms), rel=1e-15)
    slopes = [dk.grad(graph, method=method)(beta=2.0, x=x) for method in ("reverse", "symbolic")]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-13)


def test_sympys_special_functions_are_read() -> None:
    sp = pytest.importorskip("sympy")
    x = sp.Symbol("x", real=True)
    for expr in (
        sp.gamma(x) * sp.besselj(1, x), sp.polygamma(1, x), sp.LambertW(x), sp.airybi(x),
        sp.elliptic_e(x / 9) + sp.Si(x), sp.diff(sp.besselk(1, x), x), sp.uppergamma(2, x),
    ):  # fmt: skip
        assert dk.from_sympy(expr)(x=1.5) == pytest.approx(float(expr.subs(x, 1.5)), rel=1e-13)
    with pytest.raises(UnsupportedError, match="stieltjes"):
        dk.from_sympy(sp.Function("stieltjes")(x))


def test_formulas_are_sympys_own() -> None:
    assert str(dk.parse("erfcx(x)*kv(1, x)").to_sympy()) == "exp(x**2)*besselk(1, x)*erfc(x)"


def test_nobody_waits_for_what_is_not_used() -> None:
    code = (
        "import sys, numpy as np, diffkit as dk; dk.grad(np.sin, engine='interpret')(1.0);"
        "dk.parse('beta*x')(beta=1.0, x=2.0);"
        "late = [m for m in sys.modules if m.startswith(('diffkit.primitives.special_', "
        "'numpy.fft', 'diffkit.primitives.fourier', 'diffkit.capture.complex_functions',"
        "'scipy'))];"
        "assert not late, late"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_primitives_travel_to_another_process() -> None:
    code = (
        "import pickle, sys; loaded = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "assert loaded.name == 'polygamma'"
    )
    sent = pickle.dumps(REGISTRY["polygamma"]).hex()
    subprocess.run([sys.executable, "-c", code, sent], check=True)
