"""An import that a deadline or Ctrl-C falls into: the package is whole afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from diffkit.differentiate.budget import Budget
from diffkit.errors import BudgetError
from diffkit.lazy import LazyModule

SLOW = "import time\nfor _ in range(40):\n    time.sleep(0.01)\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of two parts, the second of which takes 0.4 s."""
    folder = tmp_path / "slow_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .first import one\nfrom . import second\nvalue = 7\n")
    (folder / "first.py").write_text("one = 1\n")
    (folder / "second.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "slow_package"
    for name in [name for name in sys.modules if name.startswith("slow_package")]:
        del sys.modules[name]


def test_a_deadline_waits_for_an_import_and_starts_anew(package: str) -> None:
    module = LazyModule(package)
    assert Budget(seconds=0.1).run(lambda: module.value) == 7
    assert module.first.one == 1 and module.second is not None


def test_what_is_slow_after_an_import_is_interrupted(package: str) -> None:
    module = LazyModule(package)

    def work() -> None:
        assert module.value == 7
        while True:
            pass

    with pytest.raises(BudgetError, match="gave up after"):
        Budget(seconds=0.1).run(work)
    assert module.first.one == 1


def test_work_within_an_import_is_interrupted_all_the_same(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "second.py").write_text(
        "from diffkit.differentiate.budget import Budget\n"
        "def work():\n    while True:\n        pass\n"
        "Budget(seconds=0.1).run(work)\n"
    )
    with pytest.raises(BudgetError, match="gave up after"):
        import_module(package)


def test_an_import_that_was_cut_short_can_be_made_again(package: str, tmp_path: Path) -> None:
    second = tmp_path / package / "second.py"
    second.write_text("raise KeyboardInterrupt\n")
    module = LazyModule(package)
    with pytest.raises(KeyboardInterrupt):
        _ = module.value
    second.write_text("")
    assert module.first.one == 1 and module.value == 7
