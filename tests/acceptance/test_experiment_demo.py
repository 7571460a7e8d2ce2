"""The experiment of `make demo`, where no namespaces may be made: on plain localhost."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "shaped_link.py"


@pytest.mark.slow
def test_the_experiment_measures_on_localhost_says_so_and_leaves_a_table_and_a_plot(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = [sys.executable, "-W", "error", str(SCRIPT), "--localhost", "--output", str(folder)]
    command += ["--delays", "20", "--runs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)

    assert (done.stderr, done.returncode) == ("", 0), done.stdout
    assert done.stdout.startswith("Plain localhost, without a link: the server waits for as long as")
    assert "(Why no link: as was asked for.)" in done.stdout
    (row,) = csv.DictReader((folder / "throughput.csv").read_text(encoding="utf-8").splitlines())
    # A block of 64 KiB takes 26 ms, and 40 ms there and back; a busy machine makes it slower, and nothing faster.
    assert 3 < float(row["mean"]) <= 7.93
    assert int(row["n"]) in {2, 3}
    assert done.stdout.rstrip().endswith(str(folder / "throughput.svg"))
    assert "<svg" in (folder / "throughput.svg").read_text(encoding="utf-8")
