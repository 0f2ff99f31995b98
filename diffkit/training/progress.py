"""A progress bar for trainings, and nothing at all when it is not wanted.

It shows the epoch, updates done and to come, the loss of the last one and the time left, on a
terminal or in a notebook; into a file or a pipe nothing is written.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Progress"]


class Progress:
    """A bar with the current loss, on a terminal; silent when ``shown`` is False."""

    def __init__(self, total: int, shown: bool, epochs: int = 1, done: int = 0) -> None:
        self.total, self.shown = total, shown
        self.epochs, self.done = epochs, done
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self.shown:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.progress import (
                Progress as Bar,
            )

            console = Console(stderr=True)
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[loss]}"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
                disable=not (console.is_terminal or console.is_jupyter),
            )
            self._task = self._bar.add_task(
                "training", total=self.total, completed=self.done, loss=""
            )
            self._bar.start()
        return self

    def begin_epoch(self, number: int) -> None:
        """An epoch begins; they count from 0."""
        if self._bar is not None:
            self._bar.update(self._task, description=f"epoch {number + 1}/{self.epochs}")

    def advance(self, loss: float, updates: int = 1) -> None:
        """Some updates are done; ``loss`` is that of the last one."""
        if self._bar is not None:
            self._bar.update(self._task, advance=updates, loss=f"loss {loss:.4g}")

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.stop()
