"""The experiment of `make demo`, with a link between namespaces. It takes root."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "shaped_link.py"

pytestmark = pytest.mark.slow


def test_the_demo_measures_a_link_between_namespaces_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = [
        sys.executable,
        "-W",
        "error",
        str(SCRIPT),
        "--output",
        str(folder),
        "--delays",
        "0",
        "30",
        "--runs",
        "2",
    ]
    # Whatever it makes bears this mark.
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False, env=environment)

    assert (done.stderr, done.returncode) == ("", 0), done.stdout
    assert done.stdout.startswith("Two hosts in network namespaces")
    near, far = csv.DictReader((folder / "throughput.csv").read_text(encoding="utf-8").splitlines())
    assert 0.5 * 20 < float(near["mean"]) <= 20
    # A block takes 26 ms by the link, and 60 ms there and back.
    assert 0.5 * 6.1 < float(far["mean"]) <= 6.1
    assert done.stdout.rstrip().endswith(str(folder / "throughput.svg"))
    assert not [path for path in tmp_path.iterdir() if path != folder]
    assert not marked(str(tmp_path).encode())


def marked(mark: bytes) -> list[str]:
    """Return the processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        if path.name == str(os.getpid()):
            continue
        try:
            said = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:  # It has ended.
            continue
        if mark in said:
            found.append(f"{path.name}: {said[:200]!r}")
    return found
