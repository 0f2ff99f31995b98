"""The entry point: finds the command, imports it, and turns every error into one line.

A table maps each command to its module and its summary.  ``diffkit --help`` reads only the
table; a command's module, and with it SymPy, Numba or Matplotlib, is imported when it runs.
"""

from __future__ import annotations

import difflib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from diffkit import __version__
from diffkit.errors import BudgetError, DiffkitError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["COMMANDS", "DONE", "FAILED", "INTERRUPTED", "WRONG_INPUT", "main"]

DONE, FAILED, WRONG_INPUT = 0, 1, 2
INTERRUPTED = 130  # 128 + SIGINT, the convention of POSIX shells

COMPLETE = "_DIFFKIT_COMPLETE"  # as click names the variable in which a shell asks

COMMANDS = {
    "advise": ("diffkit.cli.advise:advise", "Recommend a method, with its measurements."),
    "cache": ("diffkit.cli.cache:cache", "Show or remove the machine code kept on disk."),
    "compare": ("diffkit.cli.compare:compare", "Differentiate one function by every method."),
    "completion": ("diffkit.cli.completion:completion", "Complete words in bash, zsh or fish."),
    "derive": ("diffkit.cli.derive:derive", "Print the derivative of an expression."),
    "diagnose": ("diffkit.cli.diagnose:diagnose", "Find what spoils a function, by line."),
    "explain": ("diffkit.cli.explain:explain", "Show values, tangents and adjoints line by line."),
    "explore": ("diffkit.cli.explore:explore", "Open a page that differentiates as you type."),
    "formula": ("diffkit.cli.formula:formula", "Print a gradient as formulas of matrices."),
    "gallery": ("diffkit.cli.gallery:gallery", "Render the gallery of pictures and check it."),
    "gradcheck": ("diffkit.cli.gradcheck:gradcheck", "Check a gradient, and say what is wrong."),
    "lesson": ("diffkit.cli.lesson:lesson", "Write a hand-out of a chapter, with exercises."),
    "resume": ("diffkit.cli.resume:resume", "Go on with a training that was killed."),
    "schedules": ("diffkit.cli.schedules:schedules", "Show the rate under each schedule."),
    "signal": ("diffkit.cli.signal:signal", "Show how the gradient travelled through a net."),
    "steps": ("diffkit.cli.steps:steps", "Choose the step of a difference, with its error."),
    "sweep": ("diffkit.cli.sweep:sweep", "Train over a grid of settings and seeds."),
    "swell": ("diffkit.cli.swell:swell", "Count the operations of a derivative as it grows."),
    "train": ("diffkit.cli.train:train", "Train a small net and keep its learning signal."),
    "warmup": ("diffkit.cli.warmup:warmup", "Compile the machine's kernels, once per computer."),
}

EXAMPLES = """\b
Examples:
  diffkit compare "sin(x*y)+exp(x)" --at x=1,y=2
  diffkit compare --list
  diffkit derive "x**x" --wrt x
  diffkit diagnose "(1-cos(x))/x**2" --at x=1e-5
  diffkit explain "x*sin(x)" --at x=2
  diffkit gradcheck "x**2*y" --grad "2*x*y, x**2" --at x=3,y=4
  diffkit train digits --model mlp --out run
  diffkit gallery --only ulps
  eval "$(diffkit completion bash)"

Exit codes: 0 done, 1 a claim or a check did not hold, 2 the input was wrong."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        return getattr(import_module(module), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of these words; for an unknown one, an error that proposes the nearest."""
        name = args[0]
        if name in COMMANDS or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "see diffkit --help."
        raise click.UsageError(f"No such command {name!r}; hint: {hint}", ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, from the table: no command is imported for it."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=summary) for name, (_, summary) in COMMANDS.items()
                 if name.startswith(incomplete)]  # fmt: skip
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    epilog=EXAMPLES,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="diffkit")
@click.option(
    "--traceback", "show_traceback", is_flag=True, help="Show the full traceback of an error."
)
@click.pass_context
def diffkit(ctx: click.Context, show_traceback: bool) -> None:
    """One function, several derivatives, one truth."""
    if show_traceback:
        os.environ["DIFFKIT_TRACEBACK"] = "1"
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments
        The words after ``diffkit``; those of the process if None.

    >>> main(["derive", "sin(x)"])
    variable  derivative
    x         cos(x)
    0
    """
    _write_unicode()
    if COMPLETE in os.environ:  # a shell asks what it may offer
        import_module("diffkit.cli.candidates")  # registers the protocol
    usual, warnings.formatwarning = warnings.formatwarning, _warning_line
    try:
        code = diffkit.main(args=arguments, prog_name="diffkit", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # The reader, as in `diffkit … | head`, has seen enough; click makes that a SystemExit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except click.Abort:
        click.echo("diffkit: interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        return _report(error)
    finally:
        warnings.formatwarning = usual
    return code if isinstance(code, int) else DONE


def _warning_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: Any = None
) -> str:
    """A warning in one line, as errors are; where it arose is no line of the user's here."""
    return f"warning: {' '.join(str(message).split())}\n"


def _write_unicode() -> None:
    """Ask for UTF-8 where the locale's encoding could not print ∂ or ✓."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and (stream.encoding or "").lower().replace("-", "") != "utf8":
            reconfigure(encoding="utf-8")


def _report(error: Exception) -> int:
    """Tell an error (with its traceback when asked) and choose the exit code."""
    from diffkit.cli.failures import tell

    if os.environ.get("DIFFKIT_TRACEBACK", "0") not in ("", "0"):
        traceback.print_exception(error)
    tell(error)
    wrong_input = isinstance(error, (click.ClickException, DiffkitError))
    return WRONG_INPUT if wrong_input and not isinstance(error, BudgetError) else FAILED
