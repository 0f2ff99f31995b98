"""Measure what the machine reaches and write it down: the command behind ``docs/performance.md``.

    python tests/benchmarks/performance.py --kit KIT                     # everything, the page
    python tests/benchmarks/performance.py --kit KIT --only nets,flops   # some sections anew
    python tests/benchmarks/performance.py --kit KIT --profile cnn-8-b32 # rows of one program
    python tests/benchmarks/performance.py                               # the page from the numbers

``KIT`` is a folder with workloads and hand-written kernels (``performance_kit.py``).  The numbers
are kept beside the page, so that a section can be measured again by itself and the page be written
again without measuring; every section carries its date and the load of the computer.  Times are CPU
times on one core and with one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from performance_kit import Options

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
PACKAGES = (
    *("numpy", "scipy", "numba", "llvmlite"),
    *("jax", "pytensor", "casadi", "torch", "autograd", "symengine"),
)
DIGITS = 5
# Of the kit's reports: single times, counts of rounds, and ratios that are formed anew.
DROPPED = ("t", "f_us", "f_min_us", "f_rounds", "vg_rounds", "vg_over_f", "min_over_limit")
GROUPS = {
    # what --only takes: sections
    "scalar": ("scalar", "engines"),
    "nets": ("nets", "nets-f4"),
    "training": ("training",),
    "graph": ("graph",),
    "startup": ("startup", "fresh"),
    "flops": ("flops", "memory"),
    "bounds": ("bounds",),
    "peers": ("peers",),
    "second": ("second",),
    "methods": ("methods", "crossover", "first", "loops"),
}


def computer() -> dict[str, Any]:
    """The processor's model, cores, and the versions of what was measured."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    versions = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "vectors": "AVX-512" if "avx512f" in text else "AVX2" if "avx2" in text else "",
        "system": platform.system(),
        "versions": versions,
    }


def rounded(value: Any) -> Any:
    """The same with floats to a few digits, and without what the page does not use."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items() if key not in DROPPED}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def measured(section: str, options: Options, sections: dict[str, Any]) -> list[Any]:
    """The rounds of one section."""
    import performance_counts as counting
    from performance_bounds import bounds
    from performance_goals import RATIOS
    from performance_kit import measure_section
    from performance_methods import (
        crossover,
        first_gradients,
        loops,
        methods_by_size,
        sparse_hessian,
    )
    from performance_start import fresh_processes

    own = {"methods": methods_by_size, "crossover": crossover, "first": first_gradients,
           "loops": loops, "flops": counting.counts}  # fmt: skip
    if section in own:
        return [own[section]()]
    if section == "second":
        [kit] = measure_section(section, options)
        return [kit | sparse_hessian()]
    if section == "fresh":
        return [fresh_processes(options.repeats)]
    if section == "memory":
        names = [name for row in RATIOS for name in row.at_most]
        return [counting.memory(options.kit, names)]
    if section == "bounds":
        return [bounds(options.kit, sections)]
    return measure_section(section, options)


def measure(groups: list[str], options: Options, found: dict[str, Any]) -> None:
    """Measure groups of sections into ``found``."""
    subprocess.run([sys.executable, "-m", "diffkit", "warmup"], check=True)
    found["computer"] = computer()
    for section in (name for group in groups for name in GROUPS[group]):
        before = os.getloadavg()[0]
        rounds = rounded(measured(section, options, found["sections"]))
        found["sections"][section] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "load": [round(before, 1), round(os.getloadavg()[0], 1)],
            "rounds": rounds,
        }


def _options(given: argparse.Namespace) -> Options:
    from performance_kit import Options

    return Options(
        given.kit.resolve(), given.rounds, given.seconds, given.repeats, not given.no_peers
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kit", type=Path, help="the folder of the kit; without it nothing runs")
    parser.add_argument("--only", default=",".join(GROUPS), help="some of " + ",".join(GROUPS))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each script; medians count")
    parser.add_argument("--seconds", type=float, default=3.0, help="per workload and round")
    parser.add_argument("--repeats", type=int, default=5, help="of training runs and processes")
    parser.add_argument("--no-peers", action="store_true", help="only diffkit and the limit")
    parser.add_argument("--profile", metavar="WORKLOAD", help="print where its time goes, and end")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page; numbers go beside it")
    return parser.parse_args()


def main() -> None:
    """Measure, and write the page with its pictures."""
    for library in THREADS:
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    given = _arguments()
    if given.profile:
        from performance_profile import lines

        print(*lines(given.kit.resolve(), given.profile), sep="\n")
        return
    numbers = given.out.with_suffix(".json")
    found = json.loads(numbers.read_text()) if numbers.exists() else {"schema": 1, "sections": {}}
    if given.kit:
        measure(given.only.split(","), _options(given), found)
        numbers.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    from performance_page import page
    from performance_pictures import draw

    given.out.write_text(page(found), encoding="utf-8")
    draw(found, given.out.parent / "images")


if __name__ == "__main__":
    main()
