"""The command line at a terminal: widths, errors with a caret, proposals, shades, help."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import click
import pytest
from rich.cells import cell_len
from terminals import one_line

import diffkit as dk
from diffkit.cli.failures import Failure, failure_of
from diffkit.cli.main import COMMANDS, DONE, WRONG_INPUT, main
from diffkit.cli.words import again, continued, hanging, shell_words
from diffkit.comparison.rendering import RIGHT_DIGITS, plain_text
from diffkit.comparison.shades import (
    ANY_SHADES,
    BASIC_SHADES,
    DARK_SHADES,
    LIGHT_SHADES,
    shades_for,
)

WIDTHS = (60, 80, 120, 200)
TIME = re.compile(r"\d[\d.]* (s|ms|µs|ns)\b")


@pytest.fixture
def terminal(monkeypatch: Any) -> Any:
    """Standard output and error seem to be a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("shared", "compare", "derive", "advise", "diagnose", "explain"):
        monkeypatch.setattr(f"diffkit.cli.{name}.on_terminal", lambda: True)
    return monkeypatch


# -- errors -----------------------------------------------------------------------------------


def wide(error: Exception, width: int = 80) -> str:
    return failure_of(error).layout(width)


def test_an_error_points_at_the_character() -> None:
    with pytest.raises(dk.errors.ParseError) as caught:
        dk.parse("sin(x*)+y")
    assert wide(caught.value).splitlines()[:3] == [
        "ParseError: invalid syntax",
        "  sin(x*)+y",
        "        ^",
    ]


@pytest.mark.parametrize("place", [0, 40, 150, 299])
def test_a_long_text_is_cut_around_the_caret(place: int) -> None:
    text = "a" * place + "!" + "b" * (299 - place)
    _, shown, caret = Failure("ParseError", "no", text=text, position=place).layout(60).splitlines()
    assert max(len(shown), len(caret)) <= 60
    assert shown[caret.index("^")] == "!"
    assert (shown[2] == "…") == (place > 0)


def test_the_caret_of_a_value_stands_under_the_value(capsys: Any) -> None:
    assert main(["compare", "x*y", "--at", "x=1,y=2+*3"]) == WRONG_INPUT
    assert "y='2+*3' is not a number" in one_line(capsys.readouterr().err)
    with pytest.raises(dk.errors.ParseError) as caught:
        dk.cli.shared.parse_point(["y=2+*3"])
    assert caught.value.text[caught.value.position] == "*"


@pytest.mark.parametrize("width", [30, 60, 80])
def test_errors_are_wrapped_between_words(width: int) -> None:
    sentence = " ".join(["word"] * 40)
    lines = Failure("InputError", sentence, "m.py:3", sentence).layout(width).splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()).count("word") == 80
    assert [line for line in lines if line.startswith("  hint: ")]


def test_an_error_has_a_line_in_a_pipe_and_a_layout_on_a_terminal(
    capsys: Any, monkeypatch: Any
) -> None:
    main(["derive", "x +* y"])
    assert "(at character 4); hint:" in one_line(capsys.readouterr().err)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    main(["derive", "x +* y"])
    assert capsys.readouterr().err.splitlines()[1:3] == ["  x +* y", "     ^"]


@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        (["comprae", "x"], "did you mean compare?"),
        (["xyzzy"], "see diffkit --help."),
        (["derive", "x", "--ordr", "2"], "did you mean --order?"),
        (["advise", "x", "--want", "gradien"], "did you mean gradient?"),
        (["train", "digits", "--optimizer", "adma"], "did you mean adam?"),
        (["completion", "bsah"], "did you mean bash?"),
        (["derive", "x", "--order", "0"], "see diffkit derive --help."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_nearest_word_is_proposed(capsys: Any, words: list[str], proposed: str) -> None:
    assert main(words) == WRONG_INPUT
    assert one_line(capsys.readouterr().err).endswith(f"; hint: {proposed}")


def test_a_failure_of_ours_asks_for_a_report() -> None:
    assert "report it" in wide(KeyError("lost"))
    assert wide(click.ClickException("plain.")) == "diffkit: plain"


# -- commands that are proposed ---------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["diffkit", "compare", "sin(x)*y + exp(x)*exp(y)*exp(x*y)", "--at", "x=1,y=[1,2,3]"],
        ["diffkit", "train", "my data.csv", "--target", "it's $5", "--model", "softmax"],
        ["diffkit", "derive", 'a"b', "--wrt", "`x`", "--wrt", "x!"],
    ],
)
@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_proposed_command_is_one_that_a_shell_reads(words: list[str], width: int) -> None:
    shown = continued(f"next: {shell_words(*words)}", width, 6)
    assert shlex.split(shown.replace("\\\n", " "))[1:] == words
    long = [line for line in shown.splitlines() if len(line) > width]
    assert all(len(line.split()) == 1 or '"' in line or "'" in line or width == 20 for line in long)


def test_a_point_is_repeated_as_it_was_given() -> None:
    assert again("explain", " -x**2", ["x=1"]) == 'diffkit explain "-x**2" --at x=1'


@pytest.mark.parametrize(
    ("expression", "at", "following"),
    [("sin(x)*x", "x=1", "explain"), ("(1-cos(x))/x**2", "x=1e-5", "diagnose"),
     ("abs(x)", "x=0", "diagnose")],
)  # fmt: skip
def test_what_comes_next_depends_on_what_was_found(
    terminal: Any, capsys: Any, expression: str, at: str, following: str
) -> None:
    words = ["compare", expression, "--at", at, "--methods", "reverse,finite"]
    assert main(words) == DONE
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"next: diffkit {following} ")


# -- tables at every width --------------------------------------------------------------------


@pytest.fixture(scope="module")
def two() -> Any:
    """Two derivatives, one of them negative."""
    f = dk.parse("sin(x*y)+exp(x)")
    return dk.compare(f, x=1.0, y=2.0, methods=("reverse", "finite"), engine="interpret")


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_keep_to_every_width(two: Any, width: int) -> None:
    ten = "a*b*c*d*f*g*h*k*l*m"
    ill = dk.diagnose(dk.parse("(1-cos(x))/x**2"), 1e-5)
    told = dk.explain(dk.parse(ten), *map(float, range(1, 11)))
    for shown in (two.table(), ill.table(), told.table(["adjoint"])):
        assert max(map(cell_len, plain_text(shown, width).splitlines())) <= width


def test_a_bar_of_correct_digits_where_there_is_room(two: Any) -> None:
    assert RIGHT_DIGITS not in plain_text(two.table(), 80)
    rows = plain_text(two.table(), 120).splitlines()
    (reverse,) = [row for row in rows if row.startswith("◆ reverse")]
    (finite,) = [row for row in rows if row.startswith("▼ finite")]
    assert "████████ 16.0" in reverse
    assert re.search(r"█████[▌·]·· 1\d\.\d", finite)


def test_the_table_of_80_columns_is_as_it_was(two: Any) -> None:
    rows = [re.split(r" {2,}", TIME.sub("TIME", row)) for row in
            plain_text(two.table(), 80).splitlines()]  # fmt: skip
    assert rows[0] == ["sin(x*y)+exp(x)"]
    assert rows[1] == ["method", "∂/∂x, y", "max ulp", "ops", "runs", "time", "× f"]
    assert rows[3] == ["", "truth", "1.8859881553647604"]
    assert rows[4] == ["", "-0.4161468365471424"]
    assert rows[5][:5] == ["◆ reverse", "1.8859881553647604", "0.36", "41", "1"]
    assert rows[5][5] == "TIME"
    assert rows[-1] == ["truth: central differences of the value graph, 100 digits"]


def test_long_formulas_hang_under_their_variable(terminal: Any, capsys: Any) -> None:
    assert main(["derive", "a*b*c*d*f*g*h*k*l*m*sin(a*b*c*d*f*g*h)", "--wrt", "a,k"]) == DONE
    shown = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert [line[:4] for line in shown] == ["∂/∂a", "    ", "∂/∂k"]
    assert max(map(len, shown)) <= 80


def test_hanging_breaks_what_has_no_blank() -> None:
    text = "∂/∂x  " + "*".join(f"x{k}" for k in range(40))
    lines = hanging(text, 40, 6).splitlines()
    assert max(map(len, lines)) <= 40
    assert "".join(line.strip() for line in lines) == text


# -- colours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "shades"),
    [("15;0", DARK_SHADES), ("0;15", LIGHT_SHADES), ("0;default;7", LIGHT_SHADES),
     ("7;8", DARK_SHADES), ("0;default", ANY_SHADES), ("", ANY_SHADES)],
)  # fmt: skip
def test_shades_fit_the_background(said: str, shades: dict[str, str]) -> None:
    assert shades_for({"COLORFGBG": said}) is shades
    assert shades_for({"COLORFGBG": said, "TERM": "xterm-256color"}) is shades
    assert shades_for({"COLORFGBG": said, "TERM": "xterm"}) is BASIC_SHADES
    assert shades_for({"COLORFGBG": said, "TERM": "xterm", "COLORTERM": "truecolor"}) is shades


def test_no_method_has_the_red_of_wrong_digits() -> None:
    from rich.color import ColorSystem
    from rich.style import Style

    many = ColorSystem.EIGHT_BIT
    systems = (ColorSystem.STANDARD, many, many)
    for shades, system in zip((BASIC_SHADES, ANY_SHADES, DARK_SHADES), systems, strict=True):
        for shade in shades.values():
            colour = Style.parse(shade).color
            assert colour is not None
            assert colour.downgrade(system).number not in (1, 9)


@pytest.mark.parametrize(
    ("shades", "grounds", "least"),
    [(DARK_SHADES, (0.0,), 4.5), (LIGHT_SHADES, (1.0,), 4.5), (ANY_SHADES, (0.0, 1.0), 3.8)],
)
def test_shades_are_read_on_their_background(
    shades: dict[str, str], grounds: tuple[float, ...], least: float
) -> None:
    for shade in shades.values():
        for ground in grounds:
            assert shade == "default" or contrast(luminance(shade), ground) >= least


def luminance(shade: str) -> float:
    """The relative luminance of a colour by WCAG 2.2."""
    parts = [int(shade[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


# -- help and lists ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_fits_80_columns_and_has_examples(verb: str, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([verb, "--help"]) == DONE
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert len(re.findall(rf"^    .*diffkit {verb}", text, re.MULTILINE)) >= 2
    assert "\n\nOptions:\n" in f"\n\n{text}"


def test_the_cases_as_json(capsys: Any) -> None:
    assert main(["compare", "--list", "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1
    assert {"name", "title"} == found["cases"][0].keys()


# -- gradcheck and schedules ------------------------------------------------------------------

GRADIENTS = """
import numpy as np

def squares(w):
    return np.sum(w**2)

def right(w):
    return 2 * w

def turned(w):
    return -2 * w
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["x**2*y", "--grad", "2*x*y, x**2", "--at", "x=3,y=4"], DONE, "fine"),
        (["sin(x)/x", "--grad", "cos(x)/x - sin(x)/x**2", "--at", "0.5"], DONE, "fine"),
        (["x*y", "--at", "1,2"], DONE, "fine"),
        (["x**2*y", "--grad", "2*x*y, x**3", "--at", "x=3,y=4"], 1, "at y the gradient says 27"),
        (["m.py:squares", "--grad", "m.py:right", "--at", "[1,2]"], DONE, "fine"),
        (["m.py:squares", "--grad", "m.py:turned", "--at", "[1,2]"], 1, "the sign is wrong"),
        (["x*y", "--grad", "y", "--at", "1,2"], WRONG_INPUT, "1 formula, but the variables are"),
        (["x*y", "--grad", "y, z", "--at", "1,2"], WRONG_INPUT, "there are x, y"),
        (["m.py:squares", "--grad", "revese", "--at", "1"], WRONG_INPUT, "did you mean reverse?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_gradcheck_judges_a_gradient(
    tmp_path: Any, monkeypatch: Any, capsys: Any, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "m.py").write_text(GRADIENTS)
    monkeypatch.chdir(tmp_path)
    assert main(["gradcheck", *words]) == code
    shown = capsys.readouterr()
    assert said in shown.out + shown.err


def test_gradcheck_as_json(capsys: Any) -> None:
    assert main(["gradcheck", "x**3", "--grad", "5*x", "--at", "2", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["ok"], found["cause"]) == (1, False, "wrong rule")


def test_a_wrong_formula_leads_to_the_right_one(terminal: Any, capsys: Any) -> None:
    terminal.setattr("diffkit.cli.gradcheck.on_terminal", lambda: True)
    assert main(["gradcheck", "x**3", "--grad", "5*x", "--at", "2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("✗ wrong: wrong rule", 'next: diffkit derive "x**3"')


@pytest.mark.parametrize("width", WIDTHS)
def test_schedules_at_every_width(terminal: Any, capsys: Any, width: int) -> None:
    terminal.setattr("diffkit.cli.schedules.on_terminal", lambda: True)
    terminal.setenv("COLUMNS", str(width))
    assert main(["schedules"]) == DONE
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert ("largest" in lines[0]) == (width >= 80)
    (constant,) = [line for line in lines if line.startswith("constant")]
    assert set(constant.split()[1]) == {"█"}


def test_schedules_are_those_of_dk_schedules(capsys: Any) -> None:
    assert main(["schedules", "cosine", "step", "--updates", "9", "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)["schedules"]
    cosine = dk.optim.schedules.cosine(0.1, 9)
    assert found["cosine"] == [float(cosine(step)) for step in range(9)]
    assert found["step"] == pytest.approx([0.1] * 3 + [0.01] * 3 + [0.001] * 3)
    assert main(["schedules", "cosin"]) == WRONG_INPUT
    assert "did you mean cosine?" in capsys.readouterr().err
