"""The page of measured performance says what its numbers say; a goal over its figure is missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from performance_gears import gear_rows
from performance_goals import ADDED, RATIOS, Ratios, scalar_names
from performance_kit import Options, measure_section
from performance_page import page
from performance_rows import named, over_limit, ratios_row, rows

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ROOT / "docs" / "performance.json"


def round_of(names: list[str], ours: float, limits: tuple[float, float] = (2.0, 4.0)) -> Any:
    """A round of the kit in which diffkit takes ``ours`` microseconds everywhere."""
    peers = {"diffkit": ours, "diffkit_bound": ours, "jax": 6.0}
    peers |= {"limit_blas": limits[0], "limit_loops": limits[1]}
    row = {peer: {"vg_us": us, "vg_min_us": us, "err": 0.0} for peer, us in peers.items()}
    return {"results": {name: row for name in names}}


def section(*rounds: Any) -> dict[str, Any]:
    return {"date": "2026-01-01", "load": [0.1, 0.2], "rounds": list(rounds)}


NETS = [name for row in RATIOS if row.section == "nets" for name in row.at_most]


def test_the_page_is_written_from_its_numbers() -> None:
    found = json.loads(NUMBERS.read_text(encoding="utf-8"))
    text = NUMBERS.with_suffix(".md").read_text(encoding="utf-8")
    assert text == page(found), "run python tests/benchmarks/performance.py"


def test_ratios_are_over_the_faster_limit_and_the_median_over_rounds_counts() -> None:
    rounds = [round_of(["cnn-8-b32"], us) for us in (2.2, 9.0, 2.4)]
    assert over_limit(rounds, "cnn-8-b32", "diffkit") == pytest.approx(1.2)
    assert over_limit(rounds, "cnn-8-b32", "diffkit", added=True) == pytest.approx(0.4)


@pytest.mark.parametrize("ours, met", [(2.0, 4), (2.2, 3), (2.7, 0)])
def test_a_row_is_met_when_every_workload_is(ours: float, met: int) -> None:
    listed = rows({"nets": section(round_of(NETS, ours))})
    assert sum(row.verdict == "met" for row in listed) == met
    assert all("(jax)" in row.peer for row in listed)


def test_a_workload_that_failed_is_not_met() -> None:
    one = round_of(NETS, 2.0)
    one["results"]["cnn-8-b32"] = {"limit_blas": {"vg_us": 1.0}, "diffkit": {"failed": "no"}}
    missed = [row for row in rows({"nets": section(one)}) if row.missed]
    assert [row.missed for row in missed] == [(named("cnn-8-b32"),)]


def test_calls_count_as_microseconds_over_the_limit() -> None:
    listed = rows({"scalar": section(round_of(scalar_names(), 4.5))})
    by_call = next(row for row in listed if row.work.startswith("scalar functions"))
    count = len(ADDED[0].workloads)
    # 2.5 µs over the limit: within 3 µs for a call, beyond 1 µs for a bound one
    assert by_call.missed == (f"{count} of {count}, bound",)


def test_the_second_gear_has_rows_of_its_own() -> None:
    one = round_of(NETS, 9.0)
    assert gear_rows({"nets": section(one)}) == []  # nothing specialised was measured
    for row in one["results"].values():
        row["diffkit_specialise"] = {"vg_us": 2.2}
    listed = gear_rows({"nets": section(one)})
    # 1.1 times the limit: too much only for the largest batch of the wide net
    assert [row.missed for row in listed if row.missed] == [(named("mlp_relu-784x128-b256"),)]


def test_a_row_may_be_over_the_best_of_some_tools() -> None:
    row = Ratios("x", "nets", {"cnn-8-b32": 2.0}, "diffkit", ("jax", "torch"))
    rounds = [round_of(["cnn-8-b32"], 3.0)]
    assert ratios_row(row, rounds).reached == "0.50"  # jax takes 6 µs


FAKE = """
import json, sys
PEERS = {"limit_blas": None}
def main():
    out = sys.argv[sys.argv.index("--out") + 1]
    with open(out, "w") as file:
        json.dump({"peers": sorted(PEERS), "options": sys.argv[1:]}, file)
"""


def test_the_kit_runs_with_a_bound_peer_and_peers_in_the_first_round_only(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(FAKE)
    first, second = measure_section("nets", Options(tmp_path, rounds=2, seconds=0.25))
    assert first["peers"] == ["diffkit_bound", "diffkit_specialise_bound", "limit_blas"]
    assert "jax" in first["options"] and "jax" not in second["options"]
    assert set(NETS) <= set(second["options"]) and "0.25" in second["options"]
