"""From measurements to verdicts: every goal with what was reached, by whom, and whether it holds.

Measurements are a dict of sections (``performance_kit.py``), each with its rounds.  A ratio is
taken within one round, and the median over rounds counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from performance_goals import (
    ADDED,
    CHEAP_GRADIENT,
    GRAPHS,
    RATIOS,
    STARTS,
    TRAINING_RATIO,
    Added,
    GraphGoal,
    Ratios,
)

__all__ = [
    "Row",
    "added_row",
    "best_peer",
    "median_of",
    "named",
    "over_limit",
    "ratios_row",
    "rows",
    "times",
    "training_rows",
]

NANO = 1e9
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}
NO_PEER = "not measured here"
OWN = ("diffkit", "limit", "numpy_fd")


@dataclass(frozen=True)
class Row:
    """One line of the table; ``missed`` are the workloads (or figures) over their goal."""

    work: str
    goal: str
    reached: str
    peer: str
    missed: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``met``, or what was not."""
        return "met" if not self.missed else "**not met**: " + "; ".join(self.missed)


def named(name: str) -> str:
    """A workload of the kit in words.

    >>> named("mlp_tanh-64x32-b1"), named("cnn-8-b32"), named("logistic-1000")
    ('MLP 64-32-10, batch 1', 'CNN 8×8, batch 32', 'logistic map, 1,000')
    """
    kind, _, rest = name.partition("-")
    shape, _, batch = rest.partition("-b")
    if batch:
        layers = {"softmax": f"softmax {shape}-10", "cnn": f"CNN {shape}×{shape}"}
        net = layers.get(kind, f"MLP {shape.replace('x', '-')}-10")
        return f"{net}, batch {batch}"
    words = {"logistic": "logistic map", "speelpenning": "product, written out",
             "speelpenning_prod": "product, np.prod"}  # fmt: skip
    return f"{words.get(kind, kind.capitalize())}, {int(rest):,}"


def times(round_: dict[str, Any], workload: str, key: str = "vg_us") -> dict[str, float]:
    """Microseconds of value and gradient by peer; ``limit`` is the faster of the hand-written."""
    found = round_["results"].get(workload, {})
    known = {peer: row[key] for peer, row in found.items() if row.get(key)}
    limits = [us for peer, us in known.items() if peer.startswith("limit")]
    return known | ({"limit": min(limits)} if limits else {})


def median_of(rounds: list[dict[str, Any]], workload: str, peer: str) -> float | None:
    """The median over rounds of a peer's microseconds."""
    found = [t[peer] for t in (times(r, workload) for r in rounds) if peer in t]
    return statistics.median(found) if found else None


def over_limit(
    rounds: list[dict[str, Any]],
    workload: str,
    peer: str,
    *,
    added: bool = False,
    least: bool = False,
) -> float | None:
    """A peer's time over the limit's, or minus it (``added``): the median over rounds.

    With ``least`` the shortest times of both are taken, not their medians.
    """
    key = "vg_min_us" if least else "vg_us"
    known = (times(r, workload, key) for r in rounds)
    found = [t[peer] - t["limit"] if added else t[peer] / t["limit"] for t in known if peer in t]
    return statistics.median(found) if found else None


def best_peer(rounds: list[dict[str, Any]], workload: str) -> tuple[float, str] | None:
    """The least ratio among the peers that ran."""
    peers = {peer for r in rounds for peer in times(r, workload) if not peer.startswith(OWN)}
    found = [(over_limit(rounds, workload, peer) or float("inf"), peer) for peer in peers]
    return min(found, default=None)


def _peer_text(rounds: list[dict[str, Any]], workloads: Any) -> str:
    found = [best_peer(rounds, name) for name in workloads]
    if not any(found):
        return NO_PEER
    return ", ".join(f"{best[0]:.2f} ({best[1]})" if best else "–" for best in found)


def _over_best(rounds: list[dict[str, Any]], workload: str, row: Ratios) -> float | None:
    """Our time over the least of some peers', in the rounds that have both."""
    known = [times(r, workload) for r in rounds]
    found = [
        t[row.peer] / min(t[peer] for peer in row.over if peer in t)
        for t in known
        if row.peer in t and any(peer in t for peer in row.over)
    ]
    return statistics.median(found) if found else None


def ratios_row(row: Ratios, rounds: list[dict[str, Any]]) -> Row:
    """The verdict of a row of ratios."""
    measure = _over_best if row.over else _over_hand_written
    found = {name: measure(rounds, name, row) for name in row.at_most}
    return Row(
        row.work,
        ", ".join(f"{goal:g}" for goal in dict.fromkeys(row.at_most.values())),
        ", ".join("failed" if ratio is None else f"{ratio:.2f}" for ratio in found.values()),
        _peer_text(rounds, row.at_most),
        tuple(
            named(name)
            for name, ratio in found.items()
            if ratio is None or ratio > row.at_most[name]
        ),
    )


def _over_hand_written(rounds: list[dict[str, Any]], workload: str, row: Ratios) -> float | None:
    return over_limit(rounds, workload, row.peer)


def added_row(row: Added, rounds: list[dict[str, Any]]) -> Row:
    """The verdict of a row of microseconds over the limit."""
    goals = {"call": (row.peers[0], row.call), "bound": (row.peers[1], row.bound)}
    reached, missed = [], []
    for word, (peer, goal) in goals.items():
        found = [(over_limit(rounds, n, peer, added=True), n) for n in row.workloads]
        known = [(us, name) for us, name in found if us is not None]
        if not known:
            missed.append(f"{word} not measured")
            continue
        worst, median = max(known), statistics.median(us for us, _ in known)
        told = f"{word} {median:+.1f} µs (worst {worst[0]:+.1f}, {named(worst[1])})"
        reached.append(told.replace(" -", " −"))
        over = sum(us > goal for us, _ in known) + len(row.workloads) - len(known)
        missed += [f"{over} of {len(row.workloads)}, {word}"] if over else []
    goal = f"limit + {row.call:g} µs per call, + {row.bound:g} µs bound"
    return Row(row.work, goal, "; ".join(reached), "–", tuple(missed))


def training_rows(rounds: list[dict[str, Any]], goal: float = TRAINING_RATIO) -> Iterator[Row]:
    """The verdicts of whole training runs."""
    for key in rounds[0]:
        optimizer, dtype = key.split("-")
        mean = {
            peer: statistics.median(r[key][peer]["over_limit"] for r in rounds)
            for peer in rounds[0][key]
        }
        peers = [(ratio, peer) for peer, ratio in mean.items() if not peer.startswith(OWN)]
        best = min(peers, default=None)
        wide = "float64" if dtype == "f8" else "float32"
        yield Row(
            f"training run on digits, {OPTIMIZERS[optimizer]}, {wide}",
            f"{goal:g}",
            f"{mean['diffkit']:.2f}",
            f"{best[0]:.2f} ({best[1]})" if best else NO_PEER,
            ("the ratio",) if mean["diffkit"] > goal else (),
        )


def _of_graph(goal: GraphGoal, rounds: list[dict[str, Any]]) -> Row:
    runs = [r[f"diffkit@{goal.nodes}"] for r in rounds]
    work = f"scalar graph of {goal.nodes:,} operations"
    text = (
        f"{goal.seconds:g} s, {goal.megabytes / 1000:g} GB, {goal.nanoseconds:g} ns per operation"
    )
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        return Row(work, text, failed[0], "", ("it failed",))
    first = statistics.median(run["trace_s"] + run["compile_s"] for run in runs)
    each = statistics.median(run["grad_s"] for run in runs) / goal.nodes * NANO
    most = max(run["maxrss_mb"] for run in runs)
    over = {
        f"first gradient {first:.2f} s": first > goal.seconds,
        f"{most:,.0f} MB": most > goal.megabytes,
        f"{each:.0f} ns per operation": each > goal.nanoseconds,
    }
    return Row(
        work, text, ", ".join(over), _tapes(goal, rounds[0]), tuple(k for k in over if over[k])
    )


def _tapes(goal: GraphGoal, round_: dict[str, Any]) -> str:
    """Seconds to the first gradient, and nanoseconds after it, of peers that take such a graph."""
    run = round_.get(f"casadi_sx@{goal.nodes}", {})
    if "grad_s" not in run:
        return run.get("failed", NO_PEER) + (" (casadi_sx)" if run else "")
    first, each = run["trace_s"] + run["compile_s"], run["grad_s"] / goal.nodes * NANO
    return f"{first:.1f} s, {each:.0f} ns (casadi_sx)"


def _of_counts(found: dict[str, dict[str, float]]) -> Row:
    worst, name = max((row["declared over"], name) for name, row in found.items())
    spread = sorted(row["time over"] for row in found.values())
    return Row(
        "operations of value and gradient over those of the value, as declared",
        f"{CHEAP_GRADIENT:g} always",
        f"{worst:.2f} at most ({name}); time {spread[0]:.1f} to {spread[-1]:.1f}",
        "–",
        tuple(n for n, row in found.items() if row["declared over"] > CHEAP_GRADIENT),
    )


def _of_start(name: str, goal: float, found: dict[str, Any]) -> Row:
    own = found.get(f"{name}/diffkit", {}).get("total_s")
    peers = [(row["total_s"], key.split("/")[1]) for key, row in found.items()
             if key.startswith(name + "/") and not key.split("/")[1].startswith(OWN)]  # fmt: skip
    listed = ", ".join(f"{seconds:.2f} s ({peer})" for seconds, peer in sorted(peers)[:3])
    return Row(
        f"first gradient in a fresh process, {named(name)}",
        f"{goal:g} s",
        "failed" if own is None else f"{own:.2f} s",
        listed or NO_PEER,
        ("the time",) if own is None or own > goal else (),
    )


def rows(sections: dict[str, Any]) -> list[Row]:
    """The table, as far as its sections were measured."""
    found: list[Row] = []
    data = {name: section["rounds"] for name, section in sections.items()}
    found += [ratios_row(row, data[row.section]) for row in RATIOS if row.section in data]
    if "scalar" in data:
        found += [added_row(row, data["scalar"]) for row in ADDED]
    if "training" in data:
        found += training_rows(data["training"])
    if "graph" in data:
        found += [_of_graph(goal, data["graph"]) for goal in GRAPHS]
    if "flops" in data:
        found.append(_of_counts(data["flops"][0]))
    if "startup" in data:
        found += [_of_start(name, goal, data["startup"][0]) for name, goal in STARTS.items()]
    return found
