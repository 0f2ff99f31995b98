"""The page: every goal with its verdict, how it was measured, what bounds the rest, the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from performance_gears import gear_rows
from performance_goals import RATIOS, scalar_names
from performance_methods_page import crossover_part, first_part, methods_part, peers_part, picture
from performance_notes import GEAR_NOTES, NOTES
from performance_rows import Row, median_of, named, over_limit, rows
from performance_tables import table

__all__ = ["page"]

GRAPHS = """diffkit runs the plain NumPy source. `casadi_sx` is given symbols and a sine of its own;
`limit_tape` is a minimal tracer with a Numba loop over its tape; `limit_loop` and `jax_scan` are
the same function rewritten as a loop."""
ENGINES = "CPU time of a gradient against the number of inputs, for every engine and the limit"
BEGIN = "<!-- written by python tests/benchmarks/performance.py -->"
OPENING = """# Performance

You can see here how fast diffkit differentiates, against kernels written by hand for the same work,
and measure it on your computer. Compiled code is there at once: the machine, the default engine
after `diffkit warmup`, runs every graph on kernels that were compiled once, so no graph waits for a
compiler.

```sh
python tests/benchmarks/performance.py --kit KIT
```

`KIT` is a folder with the workloads in plain NumPy, the hand-written kernels and adapters for other
tools; it is not part of diffkit. The command measures, keeps the numbers in `performance.json`, and
writes this page from them; `--only nets` measures one section again, `--profile cnn-8-b32` shows
where the time of one gradient goes.
"""
GEAR = """## The second gear

`graph.compile()` and `engine="specialise"` compile one graph for itself; wide derivatives are taken
in chunks of directions, sparse ones in colours, and long Python loops are folded into `scan`.
"""
METHOD = """## How it is measured

- The **limit** is a kernel written by hand for one workload and compiled with Numba, with memory
  set aside beforehand and matrix products by BLAS or by loops, whichever is faster. A ratio is the
  CPU time of value and gradient over that of the limit. Below about 100 inputs the limit is no more
  than a call from Python into compiled code; there the difference in microseconds counts.
- A *call* is `dk.value_and_grad(f)(*args)`, which looks at its arguments, checks the result for
  NaN, and gives the gradients as new arrays. A *bound* call is
  `dk.trace(dk.value_and_grad(f), *args).bind(engine="machine")`.
- One core, one thread. All callables of one workload take turns in one process; medians of rounds
  of at least a millisecond. Ratios are taken within one run; where a section has several runs,
  their median counts. Other jobs on the computer disturb CPU time less than the clock, but they do:
  the ratio of the least times (*least / least*) is less disturbed than that of the medians.
- Scalar graphs and first gradients are measured in fresh processes. The time to a first gradient is
  that of importing diffkit, capturing, differentiating and running, kernels on disk; NumPy has been
  imported before, for all tools alike. The second table below has whole processes.
- Peers run in their own arrays and by their usual compiled way. The best one of those installed is
  named.
"""


def _computer(found: dict[str, Any]) -> str:
    about, sections = found["computer"], found["sections"]
    versions = ", ".join(f"{name} {text}" for name, text in about["versions"].items())
    vectors = f" with {about['vectors']}" if about["vectors"] else ""
    lines = [[name, s["date"], f"{s['load'][0]} → {s['load'][1]}", str(len(s["rounds"]))]
             for name, s in sections.items()]  # fmt: skip
    return "\n\n".join(
        [
            "## Where and when",
            f"{about['processor']}{vectors}, {about['cores']} cores; {versions}.",
            f"A load above {about['cores']} means that others used the computer meanwhile.",
            table(["section", "date", "load before → after", "runs"], lines),
        ]
    )


def _times(rounds: list[dict[str, Any]], names: Iterable[str]) -> str:
    def cell(value: float | None) -> str:
        return "–" if value is None else f"{value:,.2f}"

    lines = []
    for name in names:
        limit = median_of(rounds, name, "limit")
        if limit is None:
            continue
        error = rounds[0]["results"][name].get("diffkit", {}).get("err")
        lines.append(
            [
                *(named(name), cell(limit)),
                *(cell(median_of(rounds, name, peer)) for peer in ("diffkit_bound", "diffkit")),
                cell(over_limit(rounds, name, "diffkit_bound")),
                cell(over_limit(rounds, name, "diffkit")),
                cell(over_limit(rounds, name, "diffkit", least=True)),
                "–" if error is None else f"{error:.0e}",
            ]
        )
    head = ("work", "limit, µs", "bound, µs", "call, µs", "bound / limit", "call / limit",
            "least / least", "error")  # fmt: skip
    return table(head, lines)


def _kit_details(data: dict[str, Any]) -> Iterator[str]:
    nets = [name for row in RATIOS if row.section == "nets" for name in row.at_most]
    titles = {"scalar": ("Scalar functions", scalar_names()), "nets": ("Nets, float64", nets),
              "nets-f4": ("Nets, float32", nets)}  # fmt: skip
    for section, (title, names) in titles.items():
        if section in data:
            yield f"### {title}"
            yield _times(data[section], names)


def _training(rounds: list[dict[str, Any]]) -> Iterator[str]:
    yield "### Training runs"
    yield "20 epochs of 1,408 digits, MLP 64-32-10, batches of 32: 880 updates."
    last = rounds[-1]
    lines = [
        [key.replace("-f8", ", float64").replace("-f4", ", float32"), peer,
         f"{1e3 * run['run_s']:.1f}", f"{run['over_limit']:.2f}", f"{run['acc']:.4f}"]
        for key, peers in last.items()
        for peer, run in sorted(peers.items(), key=lambda item: item[1]["run_s"])
    ]  # fmt: skip
    yield table(("run", "by", "ms", "over the limit", "test accuracy"), lines)


def _graphs(rounds: list[dict[str, Any]]) -> Iterator[str]:
    yield "### Scalar graphs"
    yield GRAPHS
    lines = []
    for key, run in rounds[-1].items():
        peer, nodes = key.split("@")
        if "failed" in run:
            lines.append([f"{int(nodes):,}", peer, run["failed"], "–", "–", "–"])
            continue
        lines.append(
            [f"{int(nodes):,}", peer, f"{run['trace_s']:.2f}", f"{run['compile_s']:.2f}",
             f"{1e9 * run['grad_s'] / int(nodes):.1f}", f"{run['maxrss_mb']:,.0f}"]
        )  # fmt: skip
    head = (
        "operations",
        "by",
        "capture, s",
        "differentiate and run, s",
        "then, ns per operation",
        "MB",
    )
    yield table(head, lines)


def _starts(data: dict[str, Any]) -> Iterator[str]:
    yield "### First gradients in a fresh process"
    yield picture("performance-start", "Seconds to the first gradient and memory, by tool")
    lines = [
        [named(key.split("/")[0]), key.split("/")[1], f"{run['import_s']:.2f}",
         f"{run['build_and_first_s']:.2f}", f"{run['total_s']:.2f}", f"{run['maxrss_mb']:,.0f}"]
        for key, run in data["startup"][0].items()
    ]  # fmt: skip
    yield table(("work", "by", "import, s", "first gradient, s", "together, s", "MB"), lines)
    if "fresh" in data:
        yield "CPU seconds of a whole process, Python's own start and NumPy included:"
        lines = [[name, f"{seconds:.2f}"] for name, seconds in data["fresh"][0].items()]
        yield table(("program", "s"), lines)


def _counted(data: dict[str, Any]) -> Iterator[str]:
    yield "### Operations and time of value and gradient over those of the value"
    lines = [
        [name, f"{row['declared']:,}", f"{row['declared over']:.2f}", f"{row['plain']:,}",
         f"{row['plain over']:.2f}", f"{row['time over']:.2f}"]
        for name, row in data["flops"][0].items()
    ]  # fmt: skip
    yield ("Declared operations are those that each primitive says it costs; plain ones count each "
           "evaluation of a primitive as one, and so a slice like a product of matrices. A test "
           "holds the declared ones to the bound.")  # fmt: skip
    yield table(("function", "declared", "over", "plain", "over", "time over"), lines)


def _memory(found: dict[str, dict[str, int]]) -> Iterator[str]:
    yield "### Memory of a gradient, in bytes"
    yield ("The workspace of `graph.plan()`, and that of the machine, whose kernels do several "
           "operations at once and keep fewer results.")  # fmt: skip
    yield picture("performance-memory", "Workspace of a gradient: all values, plan, machine")
    keys = ("inputs", "without reuse", "plan", "machine", "results", "rows", "words")
    head = ("work", "inputs", "all values", "plan", "machine", "results", "rows", "program")
    yield table(head, [[named(n), *(f"{row[k]:,}" for k in keys)] for n, row in found.items()])


def _bounds(found: dict[str, Any]) -> Iterator[str]:
    if found:
        yield "The worst workload of each, its layers and its longest rows:"
    for name, entry in found.items():
        us = entry["layers"]
        yield f"### {named(name)}"
        yield (
            f"Limit {us['limit']:.2f} µs, the {entry['count']:,} rows of the program "
            f"{us['rows']:.2f} µs, bound call {us['bound']:.2f} µs, call {us['call']:.2f} µs."
        )
        if entry["rows"]:
            lines = [[f"{seconds:.2f}", f"`{text}`"] for seconds, text in entry["rows"]]
            yield table(("µs", "row"), lines)


def _unreached(title: str, listed: list[Row], notes: dict[str, str]) -> Iterator[str]:
    missed = [row for row in listed if row.missed]
    if not missed:
        return
    yield f"{title}\n"
    for row in missed:
        yield f"- **{row.work}** ({', '.join(row.missed)}). {notes.get(row.work, '')}".rstrip()


def _verdicts(listed: list[Row]) -> str:
    lines = [[row.work, row.goal, row.reached, row.peer, row.verdict] for row in listed]
    return table(("work", "at most", "reached", "best peer", "verdict"), lines)


def page(found: dict[str, Any]) -> str:
    """The text of the page."""
    data = {name: section["rounds"] for name, section in found["sections"].items()}
    listed = rows(found["sections"])
    parts = [OPENING.strip(), BEGIN, "## What is reached"]
    parts.append(_verdicts(listed))
    if "engines" in data:
        parts.append(picture("performance", ENGINES))
    gears = gear_rows(found["sections"])
    parts += [GEAR.strip(), _verdicts(gears)] if gears else ()
    parts += peers_part(data["peers"]) if "peers" in data else ()
    parts += methods_part(data["methods"][0]) if "methods" in data else ()
    parts += crossover_part(data["crossover"][0]) if "crossover" in data else ()
    parts += [METHOD.strip(), _computer(found)]
    bounded = "## What bounds the rows that are not met"
    parts.append("\n".join(_unreached(bounded, listed, NOTES)).strip())
    parts.append("\n".join(_unreached("### In the second gear", gears, GEAR_NOTES)).strip())
    parts += _bounds(data["bounds"][0]) if "bounds" in data else ()
    parts += ["## The numbers", "Medians; absolute times belong to this computer and this load."]
    parts += _kit_details(data)
    for key, write in (("training", _training), ("graph", _graphs)):
        parts += write(data[key]) if key in data else ()
    parts += _starts(data) if "startup" in data else ()
    parts += first_part(data["first"][0]) if "first" in data else ()
    parts += _counted(data) if "flops" in data else ()
    parts += _memory(data["memory"][0]) if "memory" in data else ()
    return "\n\n".join(filter(None, parts)) + "\n"
