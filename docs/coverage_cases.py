"""One call of every public function of numpy, numpy.linalg, numpy.fft and scipy.special.

Each case is a function of one vector of three numbers between 0 and 1, written as a user would
write it.  A function that is not listed is called with the vector alone, a ufunc of several
operands with 1.5 for all but the last.  ``docs/generate_coverage.py`` tries them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

X = np.array([0.31, 0.72, 0.45])
Y = np.array([0.9, 0.2, 0.6])
ORDER = 1.5  # what a ufunc gets for its other operands

# Functions that take none of your numbers: they make plain arrays, describe types, read and write
# files, or set options.  On a traced value they are not called at all.
PLAIN = frozenset(
    "np." + name
    for name in """
    bartlett base_repr binary_repr blackman broadcast_shapes datetime_data diag_indices empty eye
    format_float_positional format_float_scientific frombuffer fromfile fromregex fromstring
    genfromtxt get_include get_printoptions getbufsize geterr geterrcall hamming hanning identity
    indices info isdtype issubdtype iterable kaiser load loadtxt mask_indices mintypecode
    nested_iters ones printoptions promote_types set_printoptions setbufsize seterr seterrcall
    show_config show_runtime test tri tril_indices triu_indices typename zeros from_dlpack
    busday_count busday_offset is_busday datetime_as_string isnat isfortran fft.fftfreq
    fft.rfftfreq isscalar
    """.split()  # noqa: SIM905
)


# The same of scipy.special: tables of zeros, nodes and weights, polynomials as objects, settings.
PLAIN |= frozenset(
    "scipy.special." + name
    for name in """
    ai_zeros bei_zeros beip_zeros ber_zeros bernoulli berp_zeros bi_zeros erf_zeros euler
    fresnel_zeros fresnelc_zeros fresnels_zeros geterr seterr jn_zeros jnjnp_zeros jnp_zeros
    jnyn_zeros kei_zeros keip_zeros kelvin_zeros ker_zeros kerp_zeros y0_zeros y1_zeros y1p_zeros
    yn_zeros ynp_zeros mathieu_even_coef mathieu_odd_coef obl_cv_seq pro_cv_seq pbdn_seq chebyc
    chebys chebyt chebyu gegenbauer genlaguerre hermite hermitenorm jacobi laguerre legendre
    sh_chebyt sh_chebyu sh_jacobi sh_legendre roots_chebyc roots_chebys roots_chebyt roots_chebyu
    roots_gegenbauer roots_genlaguerre roots_hermite roots_hermitenorm roots_jacobi roots_laguerre
    roots_legendre roots_sh_chebyt roots_sh_chebyu roots_sh_jacobi roots_sh_legendre c_roots
    cg_roots h_roots he_roots j_roots js_roots l_roots la_roots p_roots ps_roots s_roots t_roots
    ts_roots u_roots us_roots
    """.split()  # noqa: SIM905
)


def square(x: Any) -> Any:
    """A symmetric positive definite matrix from the vector."""
    return np.outer(x, x) + np.diag(x + 1.0)


def stored(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that works in place, applied to a copy."""

    def call(x: Any) -> Any:
        y = x * 1.0
        change(y)
        return y

    return call


def cast_to_int(x: Any) -> Any:
    """Integers from the vector."""
    return (10 * x).astype(int)


def _of_square(module: Any, name: str) -> Callable[[Any], Any]:
    function = getattr(module, name)
    return lambda x: function(square(x))


def _special(name: str) -> Any:
    import scipy.special

    return getattr(scipy.special, name)


CASES: dict[str, Callable[[Any], Any]] = {
    "np.append": lambda x: np.append(x, Y),
    "np.arange": lambda x: np.arange(x[0]),
    "np.arccosh": lambda x: np.arccosh(1 + x),
    "np.acosh": lambda x: np.arccosh(1 + x),
    "np.apply_along_axis": lambda x: np.apply_along_axis(lambda row: np.prod(row), 0, square(x)),
    "np.apply_over_axes": lambda x: np.apply_over_axes(np.sum, square(x), [0]),
    "np.argpartition": lambda x: np.argpartition(x, 1),
    "np.array": lambda x: np.array([x[0], 1.0, x[1]]) * x,
    "np.maximum": lambda x: np.maximum(x, Y),
    "np.minimum": lambda x: np.minimum(x, Y),
    "np.fmax": lambda x: np.fmax(x, Y),
    "np.fmin": lambda x: np.fmin(x, Y),
    "np.asmatrix": lambda x: np.sum(np.asmatrix(x) * 2.0),
    "np.array2string": np.array2string,
    "np.array_equal": lambda x: np.array_equal(x, Y),
    "np.array_equiv": lambda x: np.array_equiv(x, Y),
    "np.array_split": lambda x: np.array_split(x, 2),
    "np.asarray": lambda x: np.asarray(x) * x,
    "np.asanyarray": lambda x: np.asanyarray(x) * x,
    "np.asarray_chkfinite": lambda x: np.asarray_chkfinite(x) * x,
    "np.ascontiguousarray": lambda x: np.ascontiguousarray(x) * x,
    "np.asfortranarray": lambda x: np.asfortranarray(x) * x,
    "np.require": lambda x: np.require(x) * x,
    "np.astype": lambda x: np.astype(x, float),
    "np.arctan2": lambda x: np.arctan2(x, Y),
    "np.average": lambda x: np.average(Y, weights=x),
    "np.bincount": lambda x: np.bincount([0, 2, 0], weights=x),
    "np.block": lambda x: np.block([[x, x], [Y, x]]),
    "np.bmat": lambda x: np.sum(np.bmat([[x]]) * 2.0),
    "np.broadcast_arrays": lambda x: np.broadcast_arrays(x, square(x)),
    "np.broadcast_to": lambda x: np.broadcast_to(x, (2, 3)),
    "np.can_cast": lambda x: np.can_cast(x.dtype, int),
    "np.choose": lambda x: np.choose([0, 1, 0], [x, x**2]),
    "np.clip": lambda x: np.clip(x, 0.4, 0.6),
    "np.column_stack": lambda x: np.column_stack([x, Y]),
    "np.compress": lambda x: np.compress([True, False, True], x),
    "np.concat": lambda x: np.concatenate([x, Y]),
    "np.concatenate": lambda x: np.concatenate([x, Y]),
    "np.convolve": lambda x: np.convolve(x, Y),
    "np.copyto": stored(lambda y: np.copyto(y, 2 * y, where=y > 0.4)),
    "np.correlate": lambda x: np.correlate(x, Y, "full"),
    "np.cross": lambda x: np.cross(x, Y),
    "np.cov": lambda x: np.cov(x, Y),
    "np.corrcoef": lambda x: np.corrcoef(x, Y),
    "np.delete": lambda x: np.delete(x, 1),
    "np.diag_indices_from": lambda x: np.diag_indices_from(square(x)),
    "np.diagonal": lambda x: np.diagonal(square(x)),
    "np.digitize": lambda x: np.digitize(x, [0.4]),
    "np.divmod": lambda x: np.divmod(x, 0.2),
    "np.dot": lambda x: np.dot(x, Y),
    "np.dsplit": lambda x: np.dsplit(x * np.ones((1, 2, 3)), 3),
    "np.dstack": lambda x: np.dstack([x, Y]),
    "np.einsum": lambda x: np.einsum("i,i->", x, Y),
    "np.einsum_path": lambda x: np.einsum_path("i,i->", x, Y),
    "np.empty_like": lambda x: np.ones(np.empty_like(x).shape),
    "np.expand_dims": lambda x: np.expand_dims(x, 0),
    "np.extract": lambda x: np.extract(x > 0.4, x),
    "np.fill_diagonal": lambda x: stored(lambda y: np.fill_diagonal(y, x[0]))(square(x)),
    "np.fliplr": lambda x: np.fliplr(square(x)),
    "np.full": lambda x: np.full(2, x[0]) * x[1],
    "np.fromfunction": lambda x: np.fromfunction(lambda i: x * i, (3,)),
    "np.fromiter": lambda x: np.fromiter(x, float),
    "np.frompyfunc": lambda x: np.frompyfunc(lambda v: v * v, 1, 1)(x).astype(float),
    "np.full_like": lambda x: np.full_like(x, x[0]),
    "np.gcd": lambda x: np.gcd(cast_to_int(x), 4),
    "np.lcm": lambda x: np.lcm(cast_to_int(x), 4),
    "np.geomspace": lambda x: np.geomspace(x[0], 2.0, 4),
    "np.heaviside": lambda x: np.heaviside(x - 0.4, 0.5),
    "np.histogram": lambda x: np.histogram(x, 2, weights=x),
    "np.histogram2d": lambda x: np.histogram2d(x, Y, 2, weights=x),
    "np.histogramdd": lambda x: np.histogramdd([x, Y], 2, weights=x),
    "np.hsplit": lambda x: np.hsplit(x, 3),
    "np.hstack": lambda x: np.hstack([x, Y]),
    "np.inner": lambda x: np.inner(x, Y),
    "np.insert": lambda x: np.insert(x, 1, x[0]),
    "np.interp": lambda x: np.interp(x, [0.0, 0.5, 1.0], Y),
    "np.intersect1d": lambda x: np.intersect1d(x, np.append(x[:2], 9.0)),
    "np.isin": lambda x: np.isin(x, Y),
    "np.in1d": lambda x: np.isin(x, Y),
    "np.isclose": lambda x: np.isclose(x, Y),
    "np.allclose": lambda x: np.allclose(x, Y),
    "np.ix_": lambda x: np.ix_(np.argsort(x)),
    "np.kron": lambda x: np.kron(x, Y),
    "np.ldexp": lambda x: np.ldexp(x, 3),
    "np.lexsort": lambda x: np.lexsort((x, Y)),
    "np.linspace": lambda x: np.linspace(x[0], x[1], 4),
    "np.logspace": lambda x: np.logspace(x[0], x[1], 4),
    "np.matmul": lambda x: np.matmul(square(x), x),
    "np.matrix_transpose": lambda x: np.matrix_transpose(square(x)),
    "np.matvec": lambda x: np.matvec(square(x), x),
    "np.vecmat": lambda x: np.vecmat(x, square(x)),
    "np.max": lambda x: np.max(x),
    "np.meshgrid": lambda x: np.meshgrid(x, Y),
    "np.may_share_memory": lambda x: np.may_share_memory(x, x),
    "np.shares_memory": lambda x: np.shares_memory(x, x),
    "np.mod": lambda x: np.mod(x, 0.2),
    "np.moveaxis": lambda x: np.moveaxis(square(x), 0, 1),
    "np.nan_to_num": np.nan_to_num,
    "np.nanpercentile": lambda x: np.nanpercentile(x, 30),
    "np.nanquantile": lambda x: np.nanquantile(x, 0.3),
    "np.outer": lambda x: np.outer(x, Y),
    "np.packbits": lambda x: np.packbits(x > 0.4),
    "np.pad": lambda x: np.pad(x, 1, "edge"),
    "np.partition": lambda x: np.partition(x, 1),
    "np.percentile": lambda x: np.percentile(x, 30),
    "np.piecewise": lambda x: np.piecewise(x, [x > 0.4], [lambda v: v**2, lambda v: -v]),
    "np.place": stored(lambda y: np.place(y, y > 0.4, y[:1])),
    "np.poly": np.poly,
    "np.polyadd": lambda x: np.polyadd(x, Y),
    "np.polydiv": lambda x: np.polydiv(x, Y[:2]),
    "np.polyfit": lambda x: np.polyfit(Y, x, 1),
    "np.polymul": lambda x: np.polymul(x, Y),
    "np.polysub": lambda x: np.polysub(x, Y),
    "np.polyval": lambda x: np.polyval(x, Y),
    "np.power": lambda x: np.power(x, Y),
    "np.pow": lambda x: np.power(x, Y),
    "np.float_power": lambda x: np.float_power(x, Y),
    "np.put": stored(lambda y: np.put(y, [0], y[1])),
    "np.put_along_axis": stored(lambda y: np.put_along_axis(y, np.array([0]), y[1], 0)),
    "np.putmask": stored(lambda y: np.putmask(y, y > 0.4, y**2)),
    "np.permute_dims": lambda x: np.transpose(square(x)),
    "np.quantile": lambda x: np.quantile(x, 0.3),
    "np.ravel_multi_index": lambda x: np.ravel_multi_index((np.argsort(x), [0, 1, 0]), (3, 2)),
    "np.remainder": lambda x: np.remainder(x, 0.2),
    "np.fmod": lambda x: np.fmod(x, 0.2),
    "np.repeat": lambda x: np.repeat(x, 2),
    "np.reshape": lambda x: np.reshape(x, (3, 1)),
    "np.resize": lambda x: np.resize(x, 5),
    "np.result_type": lambda x: np.result_type(x),
    "np.roll": lambda x: np.roll(x, 1),
    "np.rollaxis": lambda x: np.rollaxis(square(x), 1),
    "np.rot90": lambda x: np.rot90(square(x)),
    "np.row_stack": lambda x: np.vstack([x, Y]),
    "np.save": lambda x: np.save(io.BytesIO(), x),
    "np.savetxt": lambda x: np.savetxt(io.BytesIO(), x),
    "np.savez": lambda x: np.savez(io.BytesIO(), x),
    "np.savez_compressed": lambda x: np.savez_compressed(io.BytesIO(), x),
    "np.searchsorted": lambda x: np.searchsorted([0.2, 0.5], x),
    "np.select": lambda x: np.select([x > 0.4], [x**2], x),
    "np.setdiff1d": lambda x: np.setdiff1d(x, Y),
    "np.setxor1d": lambda x: np.setxor1d(x, Y),
    "np.sort_complex": np.sort_complex,
    "np.split": lambda x: np.split(x, 3),
    "np.stack": lambda x: np.stack([x, Y]),
    "np.swapaxes": lambda x: np.swapaxes(square(x), 0, 1),
    "np.take": lambda x: np.take(x, [2, 0]),
    "np.tensordot": lambda x: np.tensordot(x, Y, 1),
    "np.take_along_axis": lambda x: np.take_along_axis(x, np.array([2, 0]), 0),
    "np.tile": lambda x: np.tile(x, 2),
    "np.trace": lambda x: np.trace(square(x)),
    "np.tril": lambda x: np.tril(square(x)),
    "np.triu": lambda x: np.triu(square(x)),
    "np.tril_indices_from": lambda x: np.tril_indices_from(square(x)),
    "np.triu_indices_from": lambda x: np.triu_indices_from(square(x)),
    "np.trim_zeros": lambda x: np.trim_zeros(x),
    "np.union1d": lambda x: np.union1d(x, Y),
    "np.unpackbits": lambda x: np.unpackbits(cast_to_int(x).astype(np.uint8)),
    "np.unravel_index": lambda x: np.unravel_index(np.argmax(x), (3, 1)),
    "np.vdot": lambda x: np.vdot(x, Y),
    "np.vsplit": lambda x: np.vsplit(square(x), 3),
    "np.vecdot": lambda x: np.vecdot(x, Y),
    "np.vstack": lambda x: np.vstack([x, Y]),
    "np.where": lambda x: np.where(x > 0.4, x**2, x),
    "np.array_repr": np.array_repr,
    "np.array_str": np.array_str,
    "np.copysign": lambda x: np.copysign(x, -1.0),
    "np.bitwise_and": lambda x: np.bitwise_and(x > 0.4, x < 0.6),
    "np.bitwise_or": lambda x: np.bitwise_or(x > 0.4, x < 0.6),
    "np.bitwise_xor": lambda x: np.bitwise_xor(x > 0.4, x < 0.6),
    "np.bitwise_not": lambda x: np.invert(x > 0.4),
    "np.bitwise_invert": lambda x: np.invert(x > 0.4),
    "np.invert": lambda x: np.invert(x > 0.4),
    "np.bitwise_count": lambda x: np.bitwise_count(cast_to_int(x)),
    "np.bitwise_left_shift": lambda x: np.left_shift(cast_to_int(x), 1),
    "np.bitwise_right_shift": lambda x: np.right_shift(cast_to_int(x), 1),
    "np.left_shift": lambda x: np.left_shift(cast_to_int(x), 1),
    "np.right_shift": lambda x: np.right_shift(cast_to_int(x), 1),
    # linear algebra
    **{
        f"np.linalg.{name}": _of_square(np.linalg, name)
        for name in (
            "inv",
            "cholesky",
            "eigvals",
            "eigvalsh",
            "pinv",
            "slogdet",
            "det",
            "svd",
            "svdvals",
            "eig",
            "eigh",
            "qr",
            "cond",
            "matrix_rank",
            "trace",
            "diagonal",
            "matrix_transpose",
            "matrix_norm",
        )
    },
    "np.linalg.norm": lambda x: np.linalg.norm(x),
    "np.linalg.matrix_power": lambda x: np.linalg.matrix_power(square(x), 3),
    "np.linalg.solve": lambda x: np.linalg.solve(square(x), x),
    "np.linalg.tensorsolve": lambda x: np.linalg.tensorsolve(square(x), x),
    "np.linalg.tensorinv": lambda x: np.linalg.tensorinv(square(x), 1),
    "np.linalg.lstsq": lambda x: np.linalg.lstsq(square(x), x)[0],
    "np.linalg.multi_dot": lambda x: np.linalg.multi_dot([square(x), square(x), x]),
    "np.linalg.cross": lambda x: np.linalg.cross(x, Y),
    "np.linalg.outer": lambda x: np.linalg.outer(x, Y),
    "np.linalg.tensordot": lambda x: np.linalg.tensordot(x, Y, axes=1),
    "np.linalg.matmul": lambda x: np.linalg.matmul(square(x), x),
    "np.linalg.vecdot": lambda x: np.linalg.vecdot(x, Y),
    # SciPy's functions that are no ufuncs: an order or two first
    **{
        f"scipy.special.{name}": (lambda x, name=name: _special(name)(2, x))
        for name in """assoc_laguerre comb diric kn yn h1vp h2vp ivp jvp kvp legendre_p
        legendre_p_all perm polygamma spherical_in spherical_jn spherical_kn spherical_yn
        yvp""".split()  # noqa: SIM905
    },
    **{
        f"scipy.special.{name}": (lambda x, name=name: _special(name)(2, 1, x))
        for name in """assoc_legendre_p assoc_legendre_p_all sph_legendre_p
        sph_legendre_p_all""".split()  # noqa: SIM905
    },
    **{
        f"scipy.special.{name}": (lambda x, name=name: _special(name)(2, x[0]))
        for name in ("lmbda", "lqn", "riccati_jn", "riccati_yn", "pbdv_seq", "pbvv_seq")
    },
    **{
        f"scipy.special.{name}": (lambda x, name=name: _special(name)(2, 1, x, x))
        for name in ("sph_harm_y", "sph_harm_y_all")
    },
    "scipy.special.ellip_harm": lambda x: _special("ellip_harm")(5, 8, 1, 1, x[0]),
    "scipy.special.ellip_harm_2": lambda x: _special("ellip_harm_2")(5, 8, 1, 1, 10 + x[0]),
    "scipy.special.ellip_normal": lambda x: _special("ellip_normal")(5 + x[0], 8, 1, 1),
    "scipy.special.lqmn": lambda x: _special("lqmn")(2, 1, x[0]),
    "scipy.special.multigammaln": lambda x: _special("multigammaln")(x[0] + 3, 2),
    "scipy.special.factorial2": lambda x: _special("factorial2")(cast_to_int(x)),
    "scipy.special.factorialk": lambda x: _special("factorialk")(cast_to_int(x), 3),
    "scipy.special.stirling2": lambda x: _special("stirling2")(cast_to_int(x), 2),
    "scipy.special.zeta": lambda x: _special("zeta")(2.0 + x),
    "scipy.special.eval_hermite": lambda x: _special("eval_hermite")(2, x),
    "scipy.special.eval_hermitenorm": lambda x: _special("eval_hermitenorm")(2, x),
    # Fourier transforms of two axes
    **{
        f"np.fft.{name}": _of_square(np.fft, name)
        for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
    },
}


def functions() -> Iterator[tuple[str, str, Any]]:
    """(module, name, function) of every public function."""
    import scipy.special

    modules = (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft),
               ("scipy.special", scipy.special))  # fmt: skip
    for prefix, module in modules:
        public = dir(module) if module is np else module.__all__
        for name in sorted(set(public)):  # SciPy lists gammaln twice
            function = getattr(module, name)
            if not name.startswith("_") and callable(function) and not isinstance(function, type):
                yield prefix, f"{prefix}.{name}", function


def case_of(name: str, function: Any) -> Callable[[Any], Any]:
    """The call of a function: the listed one, or the vector as its last operand."""
    if name in CASES:
        return CASES[name]
    if isinstance(function, np.ufunc):
        return lambda x: function(*(ORDER,) * (function.nin - 1), x)
    return lambda x: function(x)
