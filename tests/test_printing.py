"""Golden prints: a graph reads like the user's code, long graphs are abridged, JSON is JSON."""

from __future__ import annotations

import itertools
import json
import types
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import diffkit as dk
from diffkit.graph.drawing import MOST_NODES, boxes_of, formula_text, to_html, to_svg
from diffkit.graph.layout import layered
from diffkit.graph.naming import letters, name_nodes
from diffkit.graph.printing import LIMIT, WIDTH, literal_text, to_dict, to_text

CHAIN = 100_000


def at_line(line: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function look as if it stood in moons.py, its ``def`` at this line."""

    def moved(f: types.FunctionType) -> Callable[..., Any]:
        code = f.__code__.replace(co_filename="moons.py", co_firstlineno=line)
        return types.FunctionType(code, f.__globals__, f.__name__)

    return moved


@at_line(12)
def layer(x, w):
    h = x @ w
    a = np.tanh(h)
    return a


def chain(x):
    for _ in range(CHAIN // 2):
        x = x * 1.0625 + 1.0
    return x


def test_a_layer_prints_as_in_the_style_guide():
    graph = dk.trace(layer, np.ones((32, 2)), np.ones((2, 8)))
    assert str(graph) == (
        "{ lambda x:f64[32,2] w:f64[2,8] .\n"
        "  let h:f64[32,8] = matmul x w    # moons.py:14\n"
        "      a:f64[32,8] = tanh h        # moons.py:15\n"
        "  in (a) }"
    )


def test_text_becomes_lines_that_name_their_character():
    assert to_text(dk.parse("log(x1) + x1*x2 - sin(x2)")) == (
        "{ lambda x1:f64 x2:f64 .\n"
        "  let a:f64 = log x1       # character 1\n"
        "      b:f64 = mul x1 x2    # character 11\n"
        "      c:f64 = add a b      # character 1\n"
        "      d:f64 = sin x2       # character 19\n"
        "      e:f64 = sub c d      # character 1\n"
        "  in (e) }"
    )


def test_a_derivative_names_the_rule_it_came_from():
    @at_line(3)
    def f(x):
        y = np.tanh(x)
        return y

    from diffkit.differentiate.reverse import gradient_graph

    text = str(gradient_graph(dk.trace(f, 0.5)))
    assert "y:f64 = tanh x" in text
    assert text.count("# moons.py:5 (vjp of tanh)") >= 1
    assert "# moons.py:5\n" in text


def test_parameters_stand_in_brackets_and_constants_where_they_are_used():
    text = str(dk.trace(lambda x: np.sum(x * 2.0, axis=0) + np.float32(1), np.ones((3, 2))))
    assert "mul x 2.0" in text
    assert "sum[axes=(0,)] a" in text


def test_a_guard_is_printed_with_its_outcome():
    graph = dk.trace(lambda x: x * 2.0 if x > 0 else -x, 1.0)
    assert "\n  guard a is True" in str(graph)
    assert to_dict(graph)["guards"][0]["outcome"] is True


def test_a_graph_without_equations_prints_its_inputs_and_outputs():
    assert to_text(dk.trace(lambda x: x, 1.0)) == "{ lambda x:f64 .\n  in (x) }"
    assert to_text(dk.trace(lambda x: 3.0, 1.0)).endswith("in (3.0) }")


def test_many_inputs_are_wrapped_at_the_width():
    arguments = {f"parameter_{i}": np.ones((4, 4)) for i in range(30)}
    text = to_text(dk.trace(lambda tree: sum(tree.values()), arguments))
    head = text.split(" .\n")[0].split("\n")
    assert len(head) > 1
    assert all(len(line) <= WIDTH for line in head)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(2.0), "2.0"),
        (np.float64(-0.0), "-0.0"),
        (np.float64("nan"), "nan"),
        (np.float32(0.5), "0.5:f32"),
        (np.int64(3), "3"),
        (np.bool_(True), "True"),
        (np.array([1.0, 2.0]), "[1.0,2.0]:f64[2]"),
        (np.zeros((3, 3)), "<f64[3,3]>"),
    ],
)
def test_constants(value, text):
    assert literal_text(value) == text


# Names -------------------------------------------------------------------------------------------


def test_names_are_the_users_own_and_unique():
    def f(x):
        for _ in range(3):
            x = x * 2.0
        return x

    assert list(name_nodes(dk.trace(f, 1.0)).values()) == ["x", "x_1", "x_2", "x_3"]


def test_letters_skip_the_names_that_are_taken():
    def f(b):
        a = b * 2.0
        return a + np.sin(b)

    names = list(name_nodes(dk.trace(f, 1.0)).values())
    assert names[:2] == ["b", "a"]
    assert len(set(names)) == len(names)


def test_letters_leave_out_words_of_the_grammar():
    from itertools import islice
    from keyword import iskeyword

    many = list(islice(letters(), 30 * 26 * 26))
    assert len(set(many)) == len(many)
    assert not any(iskeyword(name) for name in many)


# Size --------------------------------------------------------------------------------------------


def test_a_chain_of_a_hundred_thousand_operations_prints_abridged():
    graph = dk.trace(chain, 1.0)
    lines = str(graph).split("\n")
    assert len(lines) == LIMIT + 3
    assert f"… {CHAIN - LIMIT:,} more equations …" in str(graph)
    assert lines[-1] == f"  in (x_{CHAIN // 2}) }}"
    assert to_svg(graph).count("<rect") < MOST_NODES + 5


def test_without_a_limit_everything_is_printed():
    def f(x):
        for _ in range(100):
            x = np.sin(x)
        return x

    assert len(to_text(dk.trace(f, 1.0), limit=None).split("\n")) == 102


# As a dictionary ---------------------------------------------------------------------------------


def test_the_dictionary_is_json_of_full_precision():
    graph = dk.trace(lambda x: np.sum(x[1:] * 0.1), np.ones(3))
    found = json.loads(json.dumps(to_dict(graph), allow_nan=False))
    assert found["schema"] == 1
    assert found["inputs"] == [{"name": "x", "shape": [3], "dtype": "float64"}]
    product = next(e for e in found["equations"] if e["primitive"] == "mul")
    assert product["operands"][1]["literal"] == 0.1
    assert product["shape"] == [2]
    assert found["outputs"] == [graph.names[graph.output_nodes[0]]]


def test_constants_that_json_has_no_word_for_are_null_with_a_note():
    graph = dk.trace(lambda x: x * float("inf") + float("nan"), 1.0)
    notes = [o for e in to_dict(graph)["equations"] for o in e["operands"] if isinstance(o, dict)]
    assert [(o["literal"], o["note"]) for o in notes] == [
        (None, "None stands for inf"),
        (None, "None stands for nan"),
    ]


# Pictures ----------------------------------------------------------------------------------------


def test_the_svg_is_well_formed_accessible_and_follows_the_readers_setting():
    graph = dk.trace(layer, np.ones((32, 2)), np.ones((2, 8)))
    svg = to_svg(graph)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Expression graph of layer: 2 operations on x, w"
    assert root[0].tag.endswith("title")
    assert "prefers-color-scheme: dark" in svg


def test_labels_are_escaped():
    graph = dk.trace(lambda x, y: np.where(x < y, x, y), 1.0, 2.0)
    graph.title = "<script>alert(1)</script>"
    graph.input_names = ("<b>", "&y")
    html = to_html(graph)
    assert "<script>" not in html
    assert "<b>" not in html
    ElementTree.fromstring(to_svg(graph))


def test_formulas_in_boxes_say_which_operand_is_which():
    graph = dk.parse("(x - y) / y**3 + -x")
    texts = [formula_text(graph, node) for node in graph.equation_nodes()]
    assert {"x − y", "y³", "−x"} <= set(texts)


def test_a_large_picture_says_what_it_leaves_out():
    boxes, edges = boxes_of(dk.trace(chain, 1.0), limit=10)
    hidden = [number for number, box in enumerate(boxes) if box.role == "hidden"]
    assert len(hidden) == 1
    assert boxes[hidden[0]].formula == f"… {CHAIN + 1 - 10:,} more nodes …"
    assert any(end == hidden[0] for _, end in edges)
    assert any(start == hidden[0] for start, _ in edges)


def test_boxes_of_a_layer_do_not_overlap():
    generator = np.random.default_rng(3)
    count = 40
    edges = [(int(generator.integers(0, n)), n) for n in range(1, count) for _ in range(2)]
    sizes = [(float(generator.uniform(20, 90)), 20.0) for _ in range(count)]
    layout = layered(sizes, edges)
    for layer_number in set(layout.layers):
        row = [n for n in range(count) if layout.layers[n] == layer_number]
        row.sort(key=lambda n: layout.centres[n][0])
        for left, right in itertools.pairwise(row):
            distance = layout.centres[right][0] - layout.centres[left][0]
            assert distance >= (sizes[left][0] + sizes[right][0]) / 2
    assert all(layout.layers[start] < layout.layers[end] for start, end in edges)
