"""``explorer/static`` is what its sources give: types checked, built again, compared."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

EXPLORER = Path(__file__).resolve().parents[1] / "diffkit" / "explorer"
SECONDS = 300

npm = shutil.which("npm")


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file: two folders that differ then say where."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
@pytest.mark.skipif(npm is None, reason="Node is not installed, which only building needs")
def test_the_committed_files_are_what_the_sources_give(tmp_path: Path) -> None:
    assert npm is not None
    web = tmp_path / "web"
    shutil.copytree(EXPLORER / "web", web, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=web, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    if "ENOTFOUND" in installed.stderr or "ECONNREFUSED" in installed.stderr:
        pytest.skip("npm cannot reach its registry")
    assert installed.returncode == 0, installed.stderr
    subprocess.run([npm, "run", "check"], cwd=web, check=True, timeout=SECONDS)
    built = tmp_path / "static"
    subprocess.run(["node", "build.mjs", str(built)], cwd=web, check=True, timeout=SECONDS)
    assert contents(built) == contents(EXPLORER / "static")


def test_versions_are_exact_and_locked() -> None:
    package = json.loads((EXPLORER / "web" / "package.json").read_text())
    locked = json.loads((EXPLORER / "web" / "package-lock.json").read_text())["packages"]
    wanted = package["dependencies"] | package["devDependencies"]
    assert all(version[0].isdigit() for version in wanted.values())
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
