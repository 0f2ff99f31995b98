"""What no verb can use is refused in one typed sentence, and chance inside a function is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DiffkitWarning, DomainWarning, DtypeError, InputError

VERBS = (dk.explain, dk.diagnose, dk.matrix_formula, dk.advise, dk.compare_forms, dk.step_size)
RANDOM_LINE = "import numpy as np\n\ndef f(x):\n    return x * np.random.randn()\n"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_a_function_that_draws_random_numbers_is_told(verb: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    with pytest.warns(DiffkitWarning, match="draws is not deterministic"):
        verb(draws_from(rng), 1.5)


def draws_from(rng: np.random.Generator) -> Callable[[Any], Any]:
    def draws(x: Any) -> Any:
        return x * x * rng.normal()

    return draws


@pytest.mark.filterwarnings("error")
def test_a_fixed_seed_inside_a_function_is_no_chance() -> None:
    def seeded(x: Any) -> Any:
        return np.mean(np.exp(x * np.random.default_rng(0).normal(size=4)))

    assert dk.explain(seeded, 1.0).primal and dk.diagnose(seeded, 1.0).ok


def test_the_command_line_warns_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(RANDOM_LINE)
    command = [sys.executable, "-m", "diffkit", "explain", f"{path}:f", "--at", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        "warning: f is not deterministic: the same call gave other numbers; what is said here "
        "holds for one call of it"
    ]


@pytest.mark.parametrize("x", [1 + 1j, "x", None, {"x": 1.0}])
def test_orders_are_compared_at_a_real_number(x: Any) -> None:
    with pytest.raises(DtypeError, match="is no real number"):
        dk.compare_orders(np.sin, x)


def test_a_condition_has_no_derivative() -> None:
    with pytest.raises(DtypeError, match="taylor: the function returned bool"):
        dk.taylor(lambda x: x > 0, 1.0, 2)
    with pytest.raises(DtypeError, match="advise: the function returned bool"):
        dk.advise(lambda x: x > 0, 1.0)


def test_arguments_without_entries_have_no_forms() -> None:
    with pytest.raises(InputError, match="no entries"):
        dk.compare_forms(np.sum, np.zeros(0))


def test_sizes_of_swell_are_several() -> None:
    with pytest.raises(InputError, match=r"sizes=1\.5"):
        dk.swell(lambda n: (np.sin, 1.0), 1.5)  # type: ignore[arg-type]


def test_spsa_tells_that_it_left_the_domain() -> None:
    with pytest.warns(DomainWarning, match="stepped outside the domain"):
        slope = dk.grad(np.sqrt, method=dk.methods.SPSA(seed=0))(0.0)
    assert np.isnan(slope)
