"""``python -m diffkit`` is the command ``diffkit``."""

from __future__ import annotations

from diffkit.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
