"""``diffkit cache``: what is kept, where, and removing it.

Three kinds lie in the cache folder: the kernels of the machine, object code that any graph runs on;
specialised graphs, generated source with the code that Numba made of it; and drawn pages of the
gallery.  Each is named by a hash of all it was made from; what no longer matches is stale, never
loaded, and harmless.
"""

from __future__ import annotations

from typing import Any

import click

from diffkit.cli.shared import SCHEMA, on_terminal, suggest, write_json, write_rows
from diffkit.cli.warmup import readable_size
from diffkit.errors import InputError

__all__ = ["cache"]

EXAMPLES = """\b
Examples:
  diffkit cache info
  diffkit cache info --json
  diffkit cache clear --stale
  diffkit cache clear

The folder is DIFFKIT_CACHE_DIR or the user's own cache folder. Code that nothing used for 90 days
is removed whenever new kernels are compiled."""


@click.group(epilog=EXAMPLES)
def cache() -> None:
    """Show or remove what is kept on disk: machine code, and pages of the gallery."""


@cache.command(epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: folder, families, bytes.")
def info(as_json: bool) -> None:
    """Show what is kept, and where."""
    found = _info()
    if as_json:
        write_json({"schema": SCHEMA, **found})
    elif on_terminal():
        _print(found)
        suggest("diffkit cache clear --stale" if found["machine"]["warm"] else "diffkit warmup")
    else:
        write_rows(("kind", "name", "bytes"), _rows(found))


@cache.command(epilog=EXAMPLES)
@click.option("--stale", is_flag=True, help="Remove only what is no longer loaded by anything.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: files, kernels, bytes.")
def clear(stale: bool, as_json: bool) -> None:
    """Remove what is kept; programs that run go on."""
    from diffkit.engines.cache import cache_folder, clear_cache
    from diffkit.engines.machine import storing
    from diffkit.engines.specialise import library_text
    from diffkit.plots import render_cache

    files, size = storing.clear_stale() if stale else storing.clear()
    graphs, size_of_graphs = clear_cache(stale, library_text())
    pages, size_of_pages = (0, 0) if stale else render_cache.clear(render_cache.default_folder())
    _check_cleared(stale)
    removed = {"folder": str(cache_folder()), "machine": files, "specialised": graphs,
               "gallery": pages, "bytes": size + size_of_graphs + size_of_pages}  # fmt: skip
    if as_json:
        write_json({"schema": SCHEMA, **removed})
    elif on_terminal():
        click.echo(
            f"removed {files} files of the machine, {graphs} specialised graphs and {pages} pages "
            f"of the gallery, {readable_size(removed['bytes'])}, from {removed['folder']}"
        )
        suggest("diffkit cache info" if stale else "diffkit warmup")
    else:
        kinds = ("machine", "specialised", "gallery", "bytes")
        write_rows(("removed", "count"), [(name, removed[name]) for name in kinds])


def _check_cleared(stale: bool) -> None:
    from diffkit.engines.machine import storing

    left = storing.stored_info()
    count = left["stale"]["files"] + (0 if stale else sum(map(bool, left["families"].values())))
    if count:
        raise InputError(
            f"{count} files in {storing.folder()} cannot be removed",
            hint="see who owns the folder.",
        )


def _info() -> dict[str, Any]:
    from diffkit.engines.cache import cache_info
    from diffkit.engines.machine import storing
    from diffkit.plots import render_cache

    graphs, machine = cache_info(), storing.stored_info()
    pages, size = render_cache.sizes(render_cache.default_folder())
    return {
        "folder": graphs["folder"],
        "writable": storing.is_writable(),
        "bytes": graphs["bytes"] + machine["bytes"] + size,
        "machine": {"warm": all(machine["families"].values()), **machine},
        "specialised": {"graphs": graphs["kernels"], "bytes": graphs["bytes"]},
        "gallery": {"pages": pages, "bytes": size},
    }


def _print(found: dict[str, Any]) -> None:
    machine, graphs = found["machine"], found["specialised"]
    stale = machine["stale"]
    missing = [name for name, size in machine["families"].items() if not size]
    state = "warm" if machine["warm"] else f"cold, without {', '.join(missing)}"
    click.echo(f"folder       {found['folder']}" + ("" if found["writable"] else " (read-only)"))
    click.echo(f"machine      {readable_size(machine['bytes'])}, {state}")
    click.echo(f"stale        {readable_size(stale['bytes'])}, {stale['files']} files")
    click.echo(f"specialised  {readable_size(graphs['bytes'])}, {graphs['graphs']} graphs")
    pages = found["gallery"]
    click.echo(f"gallery      {readable_size(pages['bytes'])}, {pages['pages']} pages")


def _rows(found: dict[str, Any]) -> list[tuple[str, str, Any]]:
    machine, graphs = found["machine"], found["specialised"]
    return [
        ("folder", found["folder"], found["bytes"]),
        *(("family", name, size) for name, size in machine["families"].items()),
        ("stale", f"{machine['stale']['files']} files", machine["stale"]["bytes"]),
        ("specialised", f"{graphs['graphs']} graphs", graphs["bytes"]),
        ("gallery", f"{found['gallery']['pages']} pages", found["gallery"]["bytes"]),
    ]
