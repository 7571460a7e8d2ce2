"""Run directories are numbered, and no two runs get the same one."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from headrace import ConfigurationError
from headrace.dataflow.rundir import make_run_dir

if TYPE_CHECKING:
    from pathlib import Path


def test_they_are_numbered_from_0(tmp_path: Path) -> None:
    names = [make_run_dir(tmp_path / "runs").name for _ in range(3)]

    assert names == ["000", "001", "002"]


def test_a_number_follows_the_highest_not_the_first_gap(tmp_path: Path) -> None:
    (tmp_path / "007").mkdir()

    assert make_run_dir(tmp_path).name == "008"


def test_numbers_go_on_beyond_three_digits(tmp_path: Path) -> None:
    (tmp_path / "999").mkdir()

    assert [make_run_dir(tmp_path).name for _ in range(2)] == ["1000", "1001"]


def test_other_names_beside_them_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "12a").touch()

    assert make_run_dir(tmp_path).name == "000"


def test_it_is_absolute_so_that_a_change_of_folder_does_not_matter(tmp_path: Path) -> None:
    os.chdir(tmp_path)

    assert make_run_dir(tmp_path.relative_to(tmp_path) / "runs") == tmp_path / "runs" / "000"


def test_runs_that_start_at_once_get_one_each(tmp_path: Path) -> None:
    runners = 16
    together = threading.Barrier(runners)
    made: list[Path] = []

    def run() -> None:
        together.wait()
        made.append(make_run_dir(tmp_path / "runs"))

    threads = [threading.Thread(target=run) for _ in range(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == runners


def test_a_place_below_a_file_is_refused_naming_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"no run directory can be made in .*file/runs.*Config\(run_dir=...\)"):
        make_run_dir(tmp_path / "file" / "runs")


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()

    with pytest.raises(ConfigurationError, match=r"no run directory can be made in .*runs"):
        make_run_dir(tmp_path / "runs")
