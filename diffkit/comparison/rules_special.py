"""What the rule checker calls special functions and Fourier transforms with.

Orders and shape parameters, along which the slope is refused, are whole numbers in fixed arrays:
whole operands do not move.  The last operand is drawn from the domain.  Rows read
(parameters of the primitive, operands); an operand is a shape to fill, or an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["SPECIAL_SAMPLES"]

_ORDERS = np.array([0, 1, 3])
_ONES, _TWOS = np.array([1, 2, 4]), np.array([2, 1, 3])
_X = (3,)


def _parts(count: int, *operands: Any) -> list[tuple[dict[str, Any], tuple[Any, ...]]]:
    return [({"part": part}, operands) for part in range(count)]


SPECIAL_SAMPLES: dict[str, list[tuple[dict[str, Any], tuple[Any, ...]]]] = {
    **{name: [({}, (_ORDERS, _X))] for name in
       ("jv", "yv", "iv", "kv", "ive", "kve", "struve", "modstruve", "expn")},
    **{name: [({}, (_ONES, _X))] for name in ("gammainc", "gammaincc", "hyp0f1")},
    **{name: [({}, (_ONES, _TWOS, _X))] for name in ("betainc", "betaincc", "hyp1f1")},
    "hyp2f1": [({}, (_ONES, _TWOS, np.array([3, 4, 2]), _X))],
    "hyperu": [({}, (_TWOS + 1, _ONES // 2, _X))],
    "zeta": [({}, (_TWOS + 1, _X))],
    "polygamma": [({"n": n}, (_X,)) for n in (1, 2)],
    "exprel": [({"k": k}, (_X,)) for k in (0, 1, 2)],
    "log1prel": [({"k": k}, (_X,)) for k in (0, 1, 2)],
    "lambertw": [({"branch": branch}, (_X,)) for branch in (0, -1)],
    "dft": [
        ({"axes": (0,), "sign": -1}, ((3, 2),)),
        ({"axes": (0,), "sign": 1}, ((4, 2),)),
        ({"axes": (0, 1), "sign": -1}, ((2, 3, 2),)),
    ],
    "half_dft": [({"axis": 0}, ((5,),)), ({"axis": 0}, ((4,),)), ({"axis": 1}, ((2, 3),))],
    "half_dft_sum": [
        ({"axis": 0, "n": 4}, ((3, 2),)),
        ({"axis": 0, "n": 5}, ((3, 2),)),
        ({"axis": 1, "n": 2}, ((2, 2, 2),)),
    ],
    "airy": _parts(4, _X),
    "sici": _parts(2, _X),
    "shichi": _parts(2, _X),
    "fresnel": _parts(2, _X),
    **{name: [({}, (_X, np.array([0, 1, 0])))] for name in ("ellipkinc", "ellipeinc")},
    "ellipj": _parts(4, _X, np.array([0, 1, 0])),
}  # fmt: skip
