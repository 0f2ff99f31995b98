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
    """The workloads of the kit whose ratio or difference is over its goal."""
    found = []
    for row in RATIOS:
        for name, goal in row.at_most.items():
            rounds = sections.get(row.section, {}).get("rounds", [])
            if (over_limit(rounds, name, "diffkit") or 0.0) > goal:
                found.append(name)
    rounds = sections.get("scalar", {}).get("rounds", [])
    for row in ADDED:
        for name in row.workloads:
            call = over_limit(rounds, name, "diffkit", added=True) or 0.0
            bound = over_limit(rounds, name, "diffkit_bound", added=True) or 0.0
            if call > row.call or bound > row.bound:
                found.append(name)
    return list(dict.fromkeys(found))


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
