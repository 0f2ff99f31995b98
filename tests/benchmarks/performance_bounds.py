"""What bounds the workloads that miss their goal: the layers of a call, and its costliest rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from performance_counts import gradient_of
from performance_goals import ADDED, RATIOS
from performance_profile import layers, profile
from performance_rows import over_limit

from diffkit.engines.machine.running import machine_runner

__all__ = ["bounds", "missed"]

ROWS_KEPT = 6
MICRO = 1e6


def missed(sections: dict[str, Any]) -> list[str]:
    """The workloads of the kit to look into: of every row that misses its goal the worst."""
    found = []
    for row in RATIOS:
        rounds = sections.get(row.section, {}).get("rounds", [])
        over = [
            ((over_limit(rounds, name, "diffkit") or 0.0) / goal, name)
            for name, goal in row.at_most.items()
        ]
        found.append(max(over))
    rounds = sections.get("scalar", {}).get("rounds", [])
    for row in ADDED:
        for peer, goal in (("diffkit", row.call), ("diffkit_bound", row.bound)):
            over = [
                ((over_limit(rounds, name, peer, added=True) or 0.0) / goal, name)
                for name in row.workloads
            ]
            found.append(max(over))
    return list(dict.fromkeys(name for ratio, name in found if ratio > 1.0))


def bounds(kit: Path, sections: dict[str, Any]) -> dict[str, Any]:
    """For each of them microseconds of limit, rows, bound call and call, and the longest rows."""
    found = {}
    for name in missed(sections):
        graph, args = gradient_of(kit, name)
        runner = machine_runner(graph)
        entry: dict[str, Any] = {"layers": {k: MICRO * s for k, s in layers(kit, name).items()}}
        try:
            rows = sorted(profile(runner, args), reverse=True)
        except ValueError:
            rows = []
        entry["rows"] = [[MICRO * seconds, text] for seconds, text in rows[:ROWS_KEPT]]
        entry["count"] = len(runner.program.rows)
        found[name] = entry
    return found
