"""A sample's process, on the backends that need nothing but Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.cells.journal import CELLS, FLOOD, HISTORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks run on Linux only"),
]

HISTORIES = [cell for cell in CELLS if cell.group is HISTORY]
FLOODS = [cell for cell in CELLS if cell.group is FLOOD]
ROOT = Path(__file__).resolve().parents[3]


#: Of so many cells one is tried; each of them in `make real`.
STEP = 1 if os.environ.get("HEADRACE_THOROUGH") else 3


@pytest.mark.parametrize(
    ("cell", "backend", "n", "figures"),
    [
        ("noop", "futures", 20, {"us_per_task", "us_per_submit"}),
        ("process-noop", "futures", 20, {"us_per_task", "us_per_submit"}),
        ("process-chain", "futures", 20, {"us_per_link"}),
        ("process-start", "futures", 1, {"first_ms", "close_ms"}),
        ("command-latency", "futures", 3, {"trip_ms", "over_ms", "bare_ms"}),
        ("command-throughput", "futures-argv", 3, {"ms_per_command"}),
        ("command-output", "futures", 1_000_000, {"grown_mb", "seconds"}),
        ("command-latency", "headrace", 3, {"trip_ms", "over_ms", "bare_ms"}),
        ("command-output", "headrace-argv", 1_000_000, {"grown_mb", "seconds"}),
        ("noop", "headrace-nojournal", 20, {"us_per_task", "us_per_submit"}),
        ("journal-noop", "headrace", 20, {"on_us", "off_us", "over_us", "written_us", "cpu_us"}),
        ("journal-beside", "headrace", 20, {"on_us", "off_us", "over_us", "written_us", "cpu_us"}),
        ("durable", "headrace", 1_100, {"us_per_task"}),
        ("views", "headrace", 2_000, {figure.key for cell in HISTORIES for figure in cell.figures}),
        ("durable-chain", "headrace", 20, {"us_per_link"}),
        ("durable-latency", "headrace", 20, {"median_us", "p95_us"}),
        ("flood", "headrace", 2_000, {figure.key for cell in FLOODS for figure in cell.figures}),
        ("memo", "headrace", 20, {"us_per_hit"}),
        ("resume", "headrace", 20, {"us_per_result", "load_ms"}),
        ("disk", "headrace", 20, {"bytes_per_task", "bytes_per_result"}),
        ("process-noop", "headrace", 20, {"us_per_task", "us_per_submit"}),
        ("process-replace", "headrace", 1, {"error_ms", "next_ms"}),
        ("reaction", "headrace", 20, {"median_ms", "p99_ms"}),
        ("resources", "headrace-nojournal", 20, {"ms"}),
        ("resource-chain", "headrace", 3, {"seconds"}),
        ("timed", "headrace", 20, {"late_ms"}),
        ("shells", "headrace", 2, {"seconds"}),
    ][::STEP],
)
def test_a_sample_gives_the_figures_of_its_cell(
    cell: str, backend: str, n: int, figures: set[str], tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.driver", cell, backend, str(n)]

    subprocess.run([*command, "--scratch", str(tmp_path), "--out", str(out)], cwd=ROOT, check=True, timeout=50)

    found = json.loads(out.read_text(encoding="utf-8"))
    assert found.keys() == figures
    assert all(isinstance(value, float) for values in found.values() for value in values)


def test_a_history_of_a_wrong_length_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.driver", "views", "headrace", "2001"]

    done = subprocess.run(
        [*command, "--scratch", str(tmp_path), "--out", str(tmp_path / "out")],
        cwd=ROOT,
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        timeout=50,
    )

    assert "ValueError: a history is of at least 2000 tasks, and a multiple of 1000: not 2001" in done.stderr
