"""A disk for tests that fill it; and at the end of all, how many kills there were."""

# ruff: noqa: S607 - mount and umount are found on the path

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.integration.crashes.report import summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Sum up the tests that passed, in whichever processes; the others say themselves what was lost."""
    passed = terminalreporter.stats.get("passed", [])
    lines = summary([dict(report.user_properties)["kills"] for report in passed if report.user_properties])
    if lines:
        terminalreporter.section("kills")
        for line in lines:
            terminalreporter.write_line(line)


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def become(self, option: str) -> None:
        """Change it: ``size=64m``, ``ro``."""
        _mount("-o", f"remount,{option}", self.folder)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a disk of 6 MB for the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", folder)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"only root may mount a disk, and not in every container: {error}")
    yield Disk(folder)
    subprocess.run(["umount", folder], check=True)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
