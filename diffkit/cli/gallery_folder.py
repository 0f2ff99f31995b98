"""What stands in a folder of pictures, so that a run for one page keeps the others in the index.

``diffkit gallery --only ulps`` into a folder with the whole gallery draws one page and leaves an
index of all: beside ``index.html`` stands ``pages.json``, which says of every page what the index
shows of it.  A page whose script or whose pictures are gone has left the folder, and is forgotten.
A format that a page was written in earlier is written again with the rest, so that no file beside
a new picture shows an old one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from diffkit.cli.gallery_run import Result
from diffkit.cli.shared import SCHEMA, finite
from diffkit.plots.rendered import write_whole

__all__ = ["RECORD", "all_pages", "record"]

RECORD = "pages.json"
PASSING = ("seconds", "cached", "error", "traceback")
"""What is told of a run and is no part of a page."""


def all_pages(results: Sequence[Result], out: Path) -> list[Result]:
    """These results and the pages of earlier runs whose pictures stand in ``out``.

    Pages come in the order of their files' names, so diffkit's own in the order of reading.

    >>> all_pages([], Path("no such folder"))
    []
    """
    new = {result.name for result in results}
    earlier = [page for page in _recorded(out) if page.name not in new and _stands(page, out)]
    return sorted([*results, *earlier], key=lambda page: page.path.name) if earlier else [*results]


def record(pages: Sequence[Result], out: Path) -> None:
    """Write down what the index shows, for the next run; a page that failed is not among it."""
    kept = [_plain(page) for page in pages if not page.error]
    text = json.dumps({"schema": SCHEMA, "pages": kept}, ensure_ascii=False, indent=1)
    write_whole(out / RECORD, f"{text}\n".encode())


def _plain(page: Result) -> dict[str, object]:
    fields = {key: value for key, value in asdict(page).items() if key not in PASSING}
    return finite(fields | {"path": str(page.path)})


def _recorded(out: Path) -> list[Result]:
    """The pages written down; none where nothing is, or where it cannot be understood."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        document = json.loads((out / RECORD).read_text(encoding="utf-8"))
        if document["schema"] == SCHEMA:
            return [_result(fields) for fields in document["pages"]]
    return []


def _result(fields: dict[str, object]) -> Result:
    path, formats = Path(str(fields["path"])), fields["formats"]
    page = Result(**fields | {"path": path, "formats": tuple(formats)})  # type: ignore[arg-type]
    assert isinstance(page.page, dict)
    return page


def _stands(page: Result, out: Path) -> bool:
    """Whether the script and all its pictures are there."""
    suffixes = [*page.formats, *(["gif"] if page.moves else [])]
    files = [out / f"{page.name}{tail}.{suffix}" for suffix in suffixes for tail in ("", "-dark")]
    return bool(page.formats) and all(path.is_file() for path in (page.path, *files))
