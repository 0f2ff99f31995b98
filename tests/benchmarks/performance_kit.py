"""The kit: workloads in plain NumPy, kernels written by hand as their limit, adapters for peers.

The kit is no part of diffkit; its folder is an argument.  Each of its scripts runs as a process of
its own, on one core and with one thread, takes turns between all callables, and reports medians of
CPU time, which other jobs on the computer disturb less than the clock.  A section here is one
script; ``rounds`` runs of it are kept, and a ratio is always taken within one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from performance_goals import GRAPHS, RATIOS, STARTS, scalar_names

__all__ = ["KIT_SECTIONS", "Options", "measure_section"]

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("performance_worker.py")
OURS = ("diffkit", "diffkit_bound", "diffkit_specialise", "diffkit_specialise_bound")
ENGINES = ("diffkit", "diffkit_bound", "diffkit_interpret", "diffkit_specialise")
# Sizes that are not in the kit's own list, so that it takes them as they are.
ENGINE_SIZES = tuple(f"rosenbrock-{n}" for n in (3, 30, 300, 3000, 30000))
SCALAR_PEERS = ("casadi_mx", "casadi_c", "jax")
SIZE_PEERS = ("autograd", "casadi_mx", "jax", "numdifftools", "pytensor_c", "torch")
PEER_SIZES = tuple(f"rosenbrock-{n}" for n in (2, 10, 100, 1000, 10_000))
NET_PEERS = (
    *("casadi_mx", "jax", "jax_native", "pytensor", "pytensor_c"),
    *("torch_native", "torch_compile"),
)
GRAPH_PEERS = ("diffkit", "limit_loop", "limit_tape", "casadi_sx", "jax_scan")
START_PEERS = ("diffkit", "jax", "jax_native", "autograd", "casadi_mx", "pytensor")
START_EXTRA = ("cnn-8-b32",)
SECOND_PEERS = ("limit", "diffkit", "jax", "casadi", "torch", "autograd")
GRAPH_TIMEOUT = 120  # seconds for one graph of one peer


@dataclass(frozen=True)
class Options:
    """Where the kit is, how long it measures, and whether the first round has peers.

    Peers take minutes to compile; one round with them says where they are.
    """

    kit: Path
    rounds: int = 3
    seconds: float = 3.0
    repeats: int = 5
    peers: bool = True


def _run(options: Options, names: list[str], dtype: str, peers: tuple[str, ...]) -> list[str]:
    chosen = [*OURS, *(peers if options.peers else ())] if peers != ENGINES else list(ENGINES)
    return [
        *("--peer", *chosen, "--workload", *names),
        *("--dtype", dtype, "--seconds", str(options.seconds)),
    ]


def _nets(options: Options, dtype: str) -> list[str]:
    names = [name for row in RATIOS if row.section == "nets" for name in row.at_most]
    return _run(options, names, dtype, NET_PEERS)


def _graph(options: Options) -> list[str]:
    nodes = [str(goal.nodes) for goal in GRAPHS]
    peers = GRAPH_PEERS if options.peers else GRAPH_PEERS[:3]
    return ["--nodes", *nodes, "--peer", *peers, "--timeout", str(GRAPH_TIMEOUT)]


def _startup(options: Options) -> list[str]:
    peers = START_PEERS if options.peers else START_PEERS[:1]
    return ["--workload", *STARTS, *START_EXTRA, "--peer", *peers, "--repeat", str(options.repeats)]


KIT_SECTIONS: dict[str, tuple[str, Any]] = {
    # section: script of the kit, its options
    "scalar": ("run", lambda o: _run(o, scalar_names(), "f8", SCALAR_PEERS)),
    "nets": ("run", lambda o: _nets(o, "f8")),
    "nets-f4": ("run", lambda o: _nets(o, "f4")),
    "engines": ("run", lambda o: _run(o, list(ENGINE_SIZES), "f8", ENGINES)),
    "peers": ("run", lambda o: _run(o, list(PEER_SIZES), "f8", SIZE_PEERS)),
    "second": ("second", lambda o: ["--peer", *(SECOND_PEERS if o.peers else SECOND_PEERS[:2])]),
    "training": ("training", lambda o: ["--repeat", str(o.repeats)]),
    "graph": ("graph", _graph),
    "startup": ("startup", _startup),
}
ONCE = ("startup", "peers", "second")  # repeats by itself


def measure_section(section: str, options: Options) -> list[dict[str, Any]]:
    """What a script of the kit reports, once per round.

    Raises
    ------
    subprocess.CalledProcessError
        When the script ends with an error.
    """
    script, arguments = KIT_SECTIONS[section]
    rounds = 1 if section in ONCE else options.rounds
    later = replace(options, peers=False)
    return [_script(options.kit, script, arguments(later if k else options)) for k in range(rounds)]


def _script(kit: Path, script: str, arguments: list[str]) -> dict[str, Any]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-W", "ignore", str(WORKER), str(kit), script, *arguments]
        subprocess.run([*command, "--out", str(out)], env=environment, cwd=folder, check=True)
        return json.loads(out.read_text())
