"""The machine's cache: compiled once, by one process, and never loaded when it does not fit.

Processes here build a small machine, a few kernels of every family, in folders of their own; the
slow test builds the whole one from cold in eight processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import diffkit as dk
from diffkit.engines.cache import DAYS_KEPT, SECONDS_PER_DAY
from diffkit.engines.machine import building, loading, storing, warming
from diffkit.engines.machine.blas import _of_numpy, _of_scipy, blas_address
from diffkit.engines.machine.fingerprint import _widened, _with_imports, fingerprint
from diffkit.engines.machine.kernels import FAMILIES
from diffkit.engines.machine.locking import exclusive
from diffkit.errors import DiffkitWarning, EngineError

ROOT = Path(__file__).resolve().parents[1]

# Only what x·y + 1 needs, and one kernel of each other family.
SMALL = """
import json, sys
from diffkit.engines.machine import building
NEEDED = {"run", "check_f8", "tape", "add_f8", "mul_f8"}
everything = building.kernel_names
building.kernel_names = lambda family: (
    [name for name in everything(family) if name in NEEDED] or everything(family)[:1]
)
"""
# What a process came to: the number, whether it compiled, and whether it has a compiler at all.
RUN = """
import json, sys
import diffkit as dk
from diffkit.engines.machine.running import machine_runner
value = float(machine_runner(dk.parse("x*y + 1"))([2.0, 3.0])[0])
print(json.dumps([value, "diffkit.engines.machine.warming" in sys.modules, "numba" in sys.modules]))
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The variables of a process with a cache of its own."""
    return os.environ | {"DIFFKIT_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)} | more


def python(code: str, folder: Path, **more: str) -> subprocess.Popen[str]:
    """A fresh interpreter that runs this code."""
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment(folder, **more),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def answer(process: subprocess.Popen[str]) -> Any:
    """What a process printed, as JSON."""
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return json.loads(out)


def contents(folder: Path) -> dict[str, tuple[float, bytes]]:
    """Date and content of all files."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small machine in it, built by eight processes that began at once."""
    folder = tmp_path_factory.mktemp("small")
    answers = [answer(process) for process in [python(SMALL + RUN, folder) for _ in range(8)]]
    assert [value for value, _, _ in answers] == [7.0] * 8
    assert sum(begun for _, begun, _ in answers) >= 1
    return folder


@pytest.fixture
def own(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which this test may damage, and the folder that this process looks into."""
    folder = tmp_path / "cache"
    shutil.copytree(small, folder)
    monkeypatch.setenv("DIFFKIT_CACHE_DIR", str(folder))
    monkeypatch.setattr(loading, "_LOADED", [])
    return folder


# One process builds, the others load -------------------------------------------------------------


def test_a_second_process_compiles_nothing(small: Path) -> None:
    before = contents(small)
    assert answer(python(RUN, small)) == [7.0, False, False]
    assert contents(small) == before


def test_processes_that_begin_at_once_share_one_build(small: Path) -> None:
    names = sorted(name for name in contents(small) if not Path(name).name.startswith("."))
    assert names == sorted(f"machine/{family}-{fingerprint(family)}.kernels" for family in FAMILIES)


@pytest.mark.slow
def test_eight_cold_processes_all_finish_with_right_results(tmp_path: Path) -> None:
    code = (
        "import json, numpy as np, diffkit as dk\n"
        "from diffkit.differentiate.reverse import gradient_graph\n"
        "from diffkit.engines.interpret import run\n"
        "from diffkit.engines.machine.running import machine_runner\n"
        "x, w = np.linspace(-1, 1, 12).reshape(4, 3), np.linspace(0, 1, 6).reshape(3, 2)\n"
        "graph = gradient_graph(dk.trace(lambda x, w: np.sum(np.tanh(x @ w)), x, w), (0, 1))\n"
        "got, wanted = machine_runner(graph)([x, w]), run(graph, [x, w])\n"
        "same = [np.allclose(a, b, rtol=1e-14) for a, b in zip(got, wanted, strict=True)]\n"
        "print(json.dumps([len(same), all(same)]))\n"
    )
    answers = [answer(process) for process in [python(code, tmp_path) for _ in range(8)]]
    assert answers == [[3, True]] * 8  # the value and two gradients
    assert answer(python(RUN, tmp_path)) == [7.0, False, False]


def test_a_lock_file_that_lies_around_holds_nobody_up(own: Path) -> None:
    warming.lock_path().write_text("99999")  # as if a process had written its number and died
    with exclusive(warming.lock_path(), patience=0.0) as held:
        assert held


def test_the_lock_of_a_process_that_was_killed_is_free(own: Path) -> None:
    code = (
        "import sys, time, pathlib\n"
        "from diffkit.engines.machine.locking import exclusive\n"
        f"with exclusive(pathlib.Path({str(warming.lock_path())!r}), 0.0) as held:\n"
        "    print(held, flush=True)\n"
        "    time.sleep(300)\n"
    )
    process = python(code, own)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    with exclusive(warming.lock_path(), patience=0.1) as held:
        assert not held
    process.kill()
    process.communicate()
    with exclusive(warming.lock_path(), patience=5.0) as held:
        assert held


def test_patience_with_a_process_that_hangs_ends(own: Path) -> None:
    storing.family_path("tape").unlink()
    with exclusive(warming.lock_path(), patience=0.0) as held:
        done = warming.warm_up(patience=0.1, families=["tape"])
    assert held and [family.family for family in done.built] == ["tape"] and done.kept


# What does not fit is not loaded -----------------------------------------------------------------


DAMAGES: tuple[Callable[[bytes], bytes], ...] = (
    lambda whole: b"",
    lambda whole: whole[:-7],
    lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    lambda whole: whole[:30] + bytes([whole[30] ^ 1]) + whole[31:],
    lambda whole: whole + whole,
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_not_loaded(own: Path, damage: Callable[[bytes], bytes]) -> None:
    path = storing.family_path("tape")
    path.write_bytes(damage(path.read_bytes()))
    assert not loading.is_warm() and not path.exists()


def test_a_damaged_file_is_made_again(own: Path) -> None:
    storing.family_path("tape").write_bytes(b"damaged")
    assert answer(python(SMALL + RUN, own)) == [7.0, True, True]
    assert answer(python(RUN, own)) == [7.0, False, False]


def test_another_cpu_has_files_of_its_own(own: Path) -> None:
    code = (
        "import json\n"
        "from diffkit.engines.machine import loading, storing\n"
        "print(json.dumps([loading.is_warm(), storing.family_path('tape').name]))\n"
    )
    warm, name = answer(python(code, own, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES=""))
    assert not warm and name != storing.family_path("tape").name
    assert answer(python(code, own))[1] == storing.family_path("tape").name


def test_wide_vectors_are_used_where_the_cpu_has_them() -> None:
    assert _widened("+avx2,+avx512f") == "+avx2,+avx512f,-prefer-256-bit"
    assert _widened("+avx2,-avx512f") == "+avx2,-avx512f"


def test_the_hash_follows_imports() -> None:
    sources = _with_imports("machine/kernels/elementwise.py")
    assert {"elementary_parts.py", "scalar_kernels.py", "machine/kernels/abi.py"} <= set(sources)
    for family in FAMILIES:
        for name in _with_imports(f"machine/kernels/{family}.py"):
            text = (ROOT / "diffkit" / "engines" / name).read_text(encoding="utf-8")
            assert not re.search(r"^\s*import diffkit\.engines|^\s*from \.", text, re.M), name


def test_a_primitive_of_the_users_own_runs_without_a_kernel(own: Path) -> None:
    code = (
        "import json, numpy as np, diffkit as dk\n"
        "from diffkit.engines.machine import loading\n"
        "from diffkit.engines.machine.running import machine_runner\n"
        "from diffkit.graph.primitive import Elementwise, primitive\n"
        "from diffkit.primitives.domains import reals\n"
        "@primitive\n"
        "class shifted(Elementwise):\n"
        "    'One more than x.'\n"
        "    emit, domain, kinks, flops = '{0} + 1.0', reals, (), 1\n"
        "    def value(self, x): return x + 1.0\n"
        "    def sympy(self, x): return x + 1\n"
        "    def partials(self, y, x): return (lambda: 1.0,)\n"
        "graph = dk.trace(lambda x: x * shifted(x), 3.0)\n"
        "print(json.dumps([loading.is_warm(), float(machine_runner(graph)([3.0])[0])]))\n"
    )
    assert answer(python(code, own)) == [True, 12.0]


def test_stale_and_unused_files_are_removed(own: Path) -> None:
    stale = own / "machine" / f"tape-{'0' * 32}.kernels"
    stale.write_bytes(b"old")
    assert storing.stored_info()["stale"] == {"files": 1, "bytes": 3}
    assert storing.clear_stale() == (1, 3) and loading.is_warm()
    used, unused = storing.family_path("tape"), storing.family_path("control")
    size, long_ago = unused.stat().st_size, time.time() - (DAYS_KEPT + 1) * SECONDS_PER_DAY
    for path in (used, unused):
        os.utime(path, (long_ago, long_ago))
    assert storing.stored("tape") is not None  # a file that is read is used
    assert storing.prune() == (1, size)
    assert used.is_file() and not unused.exists()


# Where nothing can be written, or no process started ----------------------------------------------


def nowhere(tmp_path: Path) -> Path:
    """A folder that cannot be made, whoever asks."""
    (tmp_path / "file").write_text("not a folder")
    return tmp_path / "file" / "cache"


def test_an_unwritable_folder_warns_once_and_serves_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFKIT_CACHE_DIR", str(nowhere(tmp_path)))
    monkeypatch.setattr(building, "kernel_names", lambda family: {"control": ["run"]}[family])
    with pytest.warns(DiffkitWarning, match="set DIFFKIT_CACHE_DIR") as warned:
        done = warming.warm_up(families=["control"])
    assert len(warned) == 1 and not done.kept
    assert done.objects["control"][0].startswith(b"\x7fELF") or sys.platform != "linux"


def test_kernels_are_compiled_here_where_no_process_can_be_started(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing.family_path("tape").unlink()
    monkeypatch.setattr(sys, "executable", str(own / "no-python"))
    begun: list[str] = []

    def report(event: Any) -> None:
        begun.extend([event.kernel] if isinstance(event, warming.KernelBegun) else [])

    done = warming.warm_up(report, families=["tape"])
    assert "tape" in begun and done.kept and loading.is_warm()


def test_a_worker_that_dies_leaves_its_part_to_others(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing.family_path("tape").unlink()
    monkeypatch.setattr(warming, "_WORKER", "diffkit.engines.machine.no_such_worker")
    assert warming.warm_up(families=["tape"]).kept and loading.is_warm()


def test_a_kernel_that_cannot_be_compiled_is_an_error(own: Path) -> None:
    worker = warming._Worker.started()
    assert worker is not None
    with pytest.raises(EngineError, match="unknown family"):
        worker.build(warming._Part("no such", 0, ("tape",)), lambda family, kernel: None)
    worker.close()


# BLAS, and the command line ---------------------------------------------------------------------


def test_every_way_to_blas_gives_a_routine() -> None:
    for name in ("dgemm", "sgemm"):
        assert blas_address(name) in (_of_numpy(name), _of_scipy(name))
        assert _of_scipy(name) > 0
    with pytest.raises(EngineError, match="no such"):
        _of_scipy("no such")


def test_scipy_can_be_imported_after_its_blas_was_taken(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from diffkit.engines.machine.blas import _of_scipy\n"
        "address, alone = _of_scipy('dgemm'), 'scipy.linalg' not in sys.modules\n"
        "import scipy.linalg, scipy.linalg.cython_blas\n"
        "solved = scipy.linalg.solve([[2.0]], [4.0]).tolist()\n"
        "print(json.dumps([alone, address == _of_scipy('dgemm'), solved]))\n"
    )
    assert answer(python(code, tmp_path)) == [True, True, [2.0]]


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A real process of the command line, its output piped."""
    return subprocess.run(
        [sys.executable, "-m", "diffkit", *words], env=environment(folder),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_second_warm_up_has_nothing_to_do(own: Path) -> None:
    done = command(own, "warmup")
    assert (done.returncode, done.stdout) == (0, "") and "nothing to do" in done.stderr
    found = json.loads(command(own, "warmup", "--json").stdout)
    assert (found["schema"], found["compiled"], found["kept"]) == (1, 0, True)
    assert found["folder"] == str(own / "machine") and set(found["families"]) == set(FAMILIES)


def test_a_warm_up_tells_what_it_compiles(own: Path) -> None:
    storing.family_path("tape").unlink()
    done = command(own, "warmup")
    header, row = (line.split("\t") for line in done.stdout.splitlines())
    assert header == ["family", "kernels", "bytes", "seconds"] and row[0] == "tape"
    assert row[1] == str(len(building.kernel_names("tape"))) and done.returncode == 0
    assert loading.is_warm()


def test_a_warm_up_that_cannot_write_says_what_to_do(tmp_path: Path) -> None:
    done = command(nowhere(tmp_path), "warmup")
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "set DIFFKIT_CACHE_DIR" in done.stderr


def test_the_cache_is_shown_and_cleared(own: Path) -> None:
    assert dk.parse("x*x + 3").compile()(x=2.0) == 7.0
    found = json.loads(command(own, "cache", "info", "--json").stdout)
    assert found["schema"] == 1 and found["folder"] == str(own) and found["machine"]["warm"]
    assert found["specialised"]["graphs"] == 1 and found["writable"]
    stale = json.loads(command(own, "cache", "clear", "--stale", "--json").stdout)
    assert (stale["machine"], stale["specialised"], stale["bytes"]) == (0, 0, 0)
    removed = json.loads(command(own, "cache", "clear", "--json").stdout)
    assert (removed["machine"], removed["specialised"]) == (len(FAMILIES), 1)
    listed = command(own, "cache", "info")
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert rows[0] == ["kind", "name", "bytes"] and ["family", "tape", ""] in rows
    assert not json.loads(command(own, "cache", "info", "--json").stdout)["machine"]["warm"]
