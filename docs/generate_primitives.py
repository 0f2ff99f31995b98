"""Write the tables of ``primitives.md`` from the registry: ``python docs/generate_primitives.py``.

What an operation computes is the first sentence of its class; what it sends back is its rule, as
``dk.explain`` writes it.  ``tests/test_book.py`` fails when the page is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffkit as dk
from diffkit.comparison.explain_rules import rule_of
from diffkit.comparison.rules import load_all_primitives
from diffkit.comparison.rules_sampling import Sample, samples_for
from diffkit.engines.machine.builder import RULES
from diffkit.engines.machine.rules.elementwise import plain_loop
from diffkit.errors import UnsupportedError
from diffkit.graph.primitive import REGISTRY, Elementwise, Linear, Other, Primitive

PAGE = Path(__file__).parent / "primitives.md"
BEGIN, END = "<!-- begin: python docs/generate_primitives.py -->", "<!-- end -->"
COMMON = ("operation", "what it computes", "kernel", "complex")
ELEMENTWISE = (*COMMON[:2], "sent back", "domain", "kinks", "flops", *COMMON[2:])
YES, NO = "✓", "–"
SUBSCRIPTS = "₁₂₃₄"
NOTE = re.compile(r",? ?Note \[[^]]*\]")  # notes are for those who read the source
TIMES_ONE = re.compile(r"ȳ·1(?![\d.])")
# Families of elementwise operations, by the module that holds them.
FAMILIES = {
    "Arithmetic": ("arithmetic", "probing", "counting"),
    "Conditions, choices, rounding": ("piecewise", "rounding"),
    "Elementary functions": ("transcendental", "hyperbolic", "roots"),
    "Special functions": ("special",),
}
WHOLE_ARRAYS = {"Linear operations": Linear, "Operations with rules of their own": Other}


def cell(text: str) -> str:
    """Text as it stands in a table of Markdown."""
    text = NOTE.sub("", text.replace("``", "`")).replace("*", "\\*").replace("|", "\\|")
    return " ".join(text.split())


def summary(primitive: Primitive) -> str:
    """The first sentence or line of its class."""
    return cell((type(primitive).__doc__ or "").strip().split("\n\n")[0])


def names(count: int) -> list[str]:
    """What the operands are called."""
    return ["x"] if count == 1 else [f"x{SUBSCRIPTS[k]}" for k in range(count)]


def sent_back(primitive: Elementwise, sample: Sample) -> str:
    """The rule of reverse mode: what each operand gets of the cotangent ȳ of the result."""
    if primitive.result == "bool":
        return NO
    count = len(sample.operands)
    called = names(count)
    told = []
    for k in range(count):
        text = None if k in primitive.inert else adjoint_of(primitive, sample, k)
        if text is not None:
            for place, name in enumerate(called):
                text = text.replace(f"⟨{place}⟩", name)
            text = text.replace("⟨b⟩", "ȳ").replace("⟨y⟩", "y").replace("ȳ·(−1)", "−ȳ")
            told.append(f"{bar(called[k])} = {TIMES_ONE.sub('ȳ', text)}")
    given = [f"{name} = {x}" for name, x in sample.params.items() if isinstance(x, int)]
    return cell("<br>".join(told) + "".join(f" (for {text})" for text in given)) or NO


def bar(name: str) -> str:
    """The cotangent of an operand: x̄, or x̄₁."""
    return f"{name[0]}\u0304{name[1:]}"


def adjoint_of(primitive: Elementwise, sample: Sample, k: int) -> str | None:
    """What flows back to operand k, with places for the operands; None for nothing."""
    low, high = sample.interval or primitive.domain.sample
    count = len(sample.operands)
    point: list[Any] = [low + (high - low) * (i + 1) / (count + 1) for i in range(count)]
    for i in primitive.inert:
        point[i] = True
    graph = dk.trace(lambda *x: primitive(*x, **sample.params), *point)
    if not graph.equations:
        return "⟨b⟩"  # an alias leaves no trace
    moves = tuple(i == k for i in range(count))
    try:
        return rule_of(graph, graph.output_nodes[0], moves).adjoint[k]
    except UnsupportedError:
        return None


def has_kernel(primitive: Primitive, sample: Sample) -> bool:
    """Whether the machine computes it without going back to Python."""
    if primitive.name in RULES:
        return True
    return plain_loop(primitive.operation(dict(sample.params))) is not None


def shared_cells(primitive: Primitive, sample: Sample) -> tuple[str, str]:
    """The columns that all kinds have: a kernel, and the complex step."""
    analytic = primitive.analytic is not None
    return YES if has_kernel(primitive, sample) else NO, YES if analytic else NO


def elementwise_row(primitive: Elementwise) -> tuple[str, ...]:
    """The cells of an elementwise operation."""
    sample = samples_for(primitive)[0]
    rule, domain = sent_back(primitive, sample), cell(primitive.domain.name)
    kinks = f"[{len(primitive.kinks)}](kinks.md)" if primitive.kinks else NO
    own = (f"`{primitive.name}`", summary(primitive), rule, domain, kinks, str(primitive.flops))
    return own + shared_cells(primitive, sample)


def other_row(primitive: Primitive) -> tuple[str, ...]:
    """The cells of an operation on whole arrays."""
    shared = shared_cells(primitive, samples_for(primitive)[0])
    return f"`{primitive.name}`", summary(primitive), *shared


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ("-",) * len(header), *rows))


def sections() -> Iterator[str]:
    """The page's parts: families of elementwise operations, then the linear and the other ones."""
    load_all_primitives()
    ours = [p for p in REGISTRY.values() if type(p).__module__.startswith("diffkit.primitives.")]
    ours.sort(key=lambda primitive: primitive.name)
    yield f"{len(ours)} operations."
    for title, modules in FAMILIES.items():
        chosen = [p for p in ours if isinstance(p, Elementwise) and _module(p) in modules]
        yield f"## {title}\n\n{table(ELEMENTWISE, [elementwise_row(p) for p in chosen])}"
    for title, kind in WHOLE_ARRAYS.items():
        rows = [other_row(p) for p in ours if isinstance(p, kind)]
        yield f"## {title}\n\n{table(COMMON, rows)}"


def _module(primitive: Primitive) -> str:
    return type(primitive).__module__.rpartition(".")[2].partition("_")[0]


def updated(text: str) -> str:
    """The page with its tables written anew; what stands around them stays."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    told = "\n\n".join(sections())
    return f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
