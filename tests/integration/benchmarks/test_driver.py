"""A sample's process, on the backends that need nothing but Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks run on Linux only"),
]

ROOT = Path(__file__).resolve().parents[3]


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
        ("process-noop", "headrace", 20, {"us_per_task", "us_per_submit"}),
        ("process-replace", "headrace", 1, {"error_ms", "next_ms"}),
    ],
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
