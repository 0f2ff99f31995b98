"""The rows of the second gear: specialised graphs, second order, folded loops.

The first table of the page is the machine, which compiles nothing per graph; the second one is what
compiling a graph for itself, differentiating in many directions at once, and structure add.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from performance_goals import GEAR_ADDED, GEAR_TRAINING, GEARS, LOOP_SECONDS, SECOND_ORDER
from performance_rows import Row, added_row, ratios_row, training_rows

__all__ = ["gear_rows"]

SPARSE = "Hessian of Rosenbrock, 100 inputs, sparse, over CasADi's"


def gear_rows(sections: dict[str, Any]) -> list[Row]:
    """The table, as far as its sections were measured."""
    data = {name: section["rounds"] for name, section in sections.items()}
    found = [
        ratios_row(row, data[row.section])
        for row in GEARS
        if row.section in data and _has(row.peer, data[row.section])
    ]
    if "scalar" in data and _has(GEAR_ADDED.peers[0], data["scalar"]):
        found.append(added_row(GEAR_ADDED, data["scalar"]))
    if "training" in data:
        found += training_rows(data["training"], GEAR_TRAINING)
    if "second" in data:
        found += _second(data["second"][0])
    if "loops" in data:
        found.append(_loop(data["loops"][0]))
    return found


def _has(peer: str, rounds: list[dict[str, Any]]) -> bool:
    return any(peer in row for round_ in rounds for row in round_["results"].values())


def _second(found: dict[str, Any]) -> Iterator[Row]:
    for key, (goal, words) in SECOND_ORDER.items():
        workload, kind = key.split("/")
        own = found[f"{workload}/limit/{kind}"]["us"]
        ratios = {
            name.split("/")[1]: row["us"] / own
            for name, row in found.items()
            if name.startswith(workload + "/") and name.endswith("/" + kind)
        }
        peers = [(ratio, name) for name, ratio in ratios.items() if not name.startswith("diff")]
        best = min((pair for pair in peers if pair[1] != "limit"), default=None)
        ours = ratios["diffkit"]
        yield Row(
            words,
            f"{goal:g}",
            f"{ours:.2f}",
            f"{best[0]:.2f} ({best[1]})" if best else "–",
            ("the ratio",) if ours > goal else (),
        )
    ours, theirs = (found.get(f"rosenbrock-100/{peer}/hessian") for peer in ("sparse", "casadi"))
    if ours and theirs:
        ratio = ours["us"] / theirs["us"]
        yield Row(
            SPARSE,
            "1",
            f"{ratio:.2f} ({ours['us']:.1f} µs, {ours['colors']} colours)",
            f"{theirs['us']:.1f} µs (casadi)",
            ("the ratio",) if ratio > 1 else (),
        )


def _loop(found: dict[str, float]) -> Row:
    first = found["first"]
    return Row(
        "first gradient of a Python loop of 100,000 steps",
        f"{LOOP_SECONDS:g} s",
        f"{first:.2f} s, then {1e3 * found['further']:.2f} ms",
        "–",
        ("the time",) if first > LOOP_SECONDS else (),
    )
